"""PostgreSQL and Valkey from wheels, started and stopped for one project folder.

`start(home)` brings both up, or joins those already running under the same folder, and says where they listen.
"""

from payhub.embedded.errors import EmbeddedError
from payhub.embedded.servers import Addresses, Servers, start

__all__ = ["Addresses", "EmbeddedError", "Servers", "start"]
