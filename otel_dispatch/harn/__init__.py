"""Reads what harn wrote of its model calls, and tells it as dispatches of ours."""
