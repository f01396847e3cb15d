"""What may go wrong around a host that we watch: each fault a test, without us and with us the same."""
