"""The door for a WSGI server."""

from payhub.app import create_app

app = create_app()
