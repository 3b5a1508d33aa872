"""What can go wrong with a demo."""


class DemoFailed(Exception):
    """The demo cannot go on; the message says why and where to look."""
