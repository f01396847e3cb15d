"""What an instrumented call costs, against the same call without us and against a wrapper written by hand."""
