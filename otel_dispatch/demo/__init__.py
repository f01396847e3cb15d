"""A local provider to try the instrumentation against, without a key or a network."""
