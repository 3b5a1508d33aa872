"""What every gateway must pass, whoever wrote it. For tests: it needs pytest and hypothesis, and nothing that runs imports it.

A gateway's test file says what only the gateway knows (`Given`), and inherits the rest:

    class TestContract(Contract):
        gateway = Example()
        ...
"""

import pytest

# Asserts are rewritten in modules that are not imported yet: this stands before the imports.
_MODULES = ("asking", "banks", "forms", "given", "meanings", "signatures")
pytest.register_assert_rewrite(*(f"gateways.conformance.{name}" for name in _MODULES))

from gateways.conformance.asking import Asking  # noqa: E402 - as said above
from gateways.conformance.banks import Banks  # noqa: E402 - as said above
from gateways.conformance.forms import Forms  # noqa: E402 - as said above
from gateways.conformance.given import Given, Said  # noqa: E402 - as said above
from gateways.conformance.meanings import Meanings  # noqa: E402 - as said above
from gateways.conformance.signatures import Signatures  # noqa: E402 - as said above

__all__ = ["Contract", "Given", "Said"]


class Contract(Signatures, Forms, Meanings, Asking, Banks):
    """The contract of the hub with every gateway's protocol."""
