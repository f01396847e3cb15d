"""The command line's commands: one file each, with what they share beside them."""

DONE, FOUND_WRONG, MISUSED = 0, 1, 2
"""The exit codes: all is well, what was looked at is not, and what was asked for cannot be done."""


class UsageError(Exception):
    """What the user asked for cannot be done; its text is one sentence for them."""
