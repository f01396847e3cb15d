"""The tests of the host lionagi."""
