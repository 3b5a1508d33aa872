"""The door for a WSGI server."""

from payhub.app import serving

app = serving()
