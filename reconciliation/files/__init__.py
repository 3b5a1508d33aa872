"""Readers of every file that gateways and banks give: bytes in, normalised rows out. Nothing here knows the database or the web."""
