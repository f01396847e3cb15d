"""aiohttp: how calls through it are made, read and ended."""
