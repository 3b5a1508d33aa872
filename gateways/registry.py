"""The gateways PayHub speaks with, by name: each file of this package that has one, and packages installed beside it.

A package adds gateways by an entry point of the group `payhub.gateways` that names a `Gateway` class.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

import gateways
from gateways.base import Gateway

GROUP = "payhub.gateways"


def found() -> Mapping[str, Gateway]:
    """Return every gateway by its name; raise ValueError where two have the same one, or one is no gateway."""
    named: dict[str, Gateway] = {}
    for kind in (*_own(), *_installed()):
        if named.setdefault(kind.name, kind()).__class__ is not kind:
            raise ValueError(f"two gateways are called {kind.name!r}: {type(named[kind.name]).__module__} and {kind.__module__}")
    return MappingProxyType(named)


def _own() -> Iterator[type[Gateway]]:
    for file in pkgutil.iter_modules(gateways.__path__):
        if file.ispkg:
            continue
        module = importlib.import_module(f"gateways.{file.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and issubclass(kind, Gateway) and not inspect.isabstract(kind):
                yield kind


def _installed() -> Iterator[type[Gateway]]:
    for point in entry_points(group=GROUP):
        kind = point.load()
        if not (inspect.isclass(kind) and issubclass(kind, Gateway) and not inspect.isabstract(kind)):
            raise ValueError(f"{point.value}, an entry point of {GROUP}, is no gateway")
        yield kind


GATEWAYS: Mapping[str, Gateway] = found()
