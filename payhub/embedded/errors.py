"""What can go wrong with the embedded servers."""


class EmbeddedError(Exception):
    """A server cannot be had; the message says what is wrong and what to do."""
