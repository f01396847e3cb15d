"""The threats of docs/security.md: each has a test."""
