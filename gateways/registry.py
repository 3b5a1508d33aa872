"""The gateways PayHub speaks with, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateways.base import Gateway
from gateways.vnpay import Vnpay

_KNOWN: tuple[Gateway, ...] = (Vnpay(),)

GATEWAYS: Mapping[str, Gateway] = MappingProxyType({gateway.name: gateway for gateway in _KNOWN})
