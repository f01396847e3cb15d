"""Real tracing backends, each behind an adapter: used when there is one, skipped when not."""
