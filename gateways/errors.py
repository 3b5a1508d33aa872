"""What can be wrong with a message from a gateway."""


class GatewayError(Exception):
    """A message from a gateway cannot be used; str() names the field and never quotes a value."""


class Forged(GatewayError):
    """The signature does not verify with any secret that is live: nothing the message says is known to be true."""


class Malformed(GatewayError):
    """The message is not of the form the protocol prescribes."""
