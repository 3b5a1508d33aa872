"""A list of banks: what it says, or a refusal, and nothing that a page or an order could not take."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Bank, ListsBanks, Redirect, Response
from gateways.conformance.forms import DEEP, MEBIBYTE, anything, bodies, values
from gateways.conformance.given import Given, every_secret, readings
from gateways.errors import GatewayError

WRONG: tuple[Any, ...] = (
    None, True, -1, 10**30, 1.5, [], {}, [["a"]], {"a": {"b": 1}},
    "", " ", "\0", "a\nb\u202e", "\ud800", "a" * MEBIBYTE, "a&b=c", "a|b", "<b>", "Ω",
)  # fmt: skip
"""What may stand where something else should."""


class Banks(Given):
    """Nothing depends on the list, and it is not signed: it is believed as far as it is of its form."""

    def test_the_list_is_asked_for_at_the_accounts_own_host_and_not_waited_for_long(self) -> None:
        for gateway in self._listing():
            request = gateway.banks_request(self.account)
            assert request.method in {"GET", "POST"}
            assert _origin(request.url) in {_origin(url) for url in self.account.endpoints.values()}
            assert (request.repeatable, 0 < request.timeout_s <= 10) == (True, True)
            shown = [repr(request), str(request), *readings(request)]
            assert not [secret for secret in every_secret(self.account) for text in shown if secret in text]
            assert request != gateway.banks_request(self.other_account), "it says whose list"

    def test_a_genuine_list_is_read_as_it_stands(self) -> None:
        for gateway in self._listing():
            assert len(self.listed) > 1
            assert gateway.banks(self.write_banks(self.listed)) == self.listed
            assert gateway.banks(self.write_banks(self.listed[::-1])) == self.listed[::-1]
            assert gateway.banks(self.write_banks(())) == ()

    def test_every_bank_belongs_to_a_method_and_can_be_ordered_with(self) -> None:
        for gateway in self._listing():
            for bank in gateway.banks(self.write_banks(self.listed)):
                assert bank.method in {method.name for method in gateway.methods} | {""}
                made = gateway.start(self.account, replace(self.order, method=bank.code))
                assert made != gateway.start(self.account, replace(self.order, method=bank.method)) or bank.code == bank.method
                assert any(bank.code in text for text in readings(made))

    def test_a_list_that_is_none_is_refused_or_empty(self) -> None:
        for gateway in self._listing():
            genuine = self.write_banks(self.listed)
            broken = (genuine.body[:-1], genuine.body * 2, b"\0" + genuine.body, genuine.body.decode().encode("utf-16"))
            for body in (*bodies(), *broken, b"[" + b"{}," * DEEP + b"{}]"):
                assert not _read(gateway, replace(genuine, body=body)), body[:80]
            for status in (204, 302, 400, 403, 404, 500, 503):
                with pytest.raises(GatewayError):
                    gateway.banks(replace(genuine, status=status))

    def test_what_is_of_a_wrong_form_is_left_out_and_the_rest_is_read(self) -> None:
        for gateway in self._listing():
            genuine = self.write_banks(self.listed)
            for changed in _changed(json.loads(genuine.body)):
                found = self._fit(gateway, replace(genuine, body=json.dumps(changed).encode()))
                kept = {bank.code for bank in found} & {bank.code for bank in self.listed}
                assert not found or len(kept) >= len(self.listed) - 1, changed

    @anything
    @given(st.binary(max_size=300), st.lists(values, max_size=5))
    def test_noise_in_place_of_a_list_breaks_nothing(self, noise: bytes, told: list[Any]) -> None:
        for gateway in self._listing():
            for body in (noise, json.dumps(told).encode()):
                self._fit(gateway, Response(200, {}, body))

    def test_a_huge_list_and_one_that_repeats_itself_stay_small(self) -> None:
        for gateway in self._listing():
            one = self.listed[0]
            many = tuple(Bank(f"BANK{number}", one.name, one.method) for number in range(5_000))
            assert gateway.banks(self.write_banks(many)) == many[: gateway.most_banks]
            assert gateway.banks(self.write_banks((one,) * 100)) == (one,)
            assert 0 < gateway.most_banks <= 100

    def _listing(self) -> Iterator[ListsBanks]:
        if isinstance(self.gateway, ListsBanks):
            yield self.gateway

    def _fit(self, gateway: ListsBanks, sent: Response) -> tuple[Bank, ...]:
        """Read a list, and demand that a page can show what is read and an order be made with it."""
        found = _read(gateway, sent)
        codes = [bank.code for bank in found]
        assert len(codes) == len(set(codes)) <= gateway.most_banks
        for bank in found:
            assert bank.name == bank.name.strip() != ""
            assert (bank.name.isprintable(), len(bank.name) <= 100, bank.code.isascii(), len(bank.code) <= 40) == (True,) * 4
            made = gateway.start(self.account, replace(self.order, method=bank.code))
            assert not isinstance(made, Redirect) or made.url.isprintable()
        return found


def _read(gateway: ListsBanks, sent: Response) -> tuple[Bank, ...]:
    """Read a list; none where it is refused. Anything but a `GatewayError` is a mistake and comes out."""
    try:
        return gateway.banks(sent)
    except GatewayError:
        return ()


def _changed(document: Any) -> Iterator[Any]:
    """Write a document again and again, each time with one value of it gone wrong."""

    def within(part: Any, rebuilt: Callable[[Any], Any]) -> Iterator[Any]:
        inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        for key, value in inner:
            # Bound now: what is put in a place is put there later.
            def put(new: Any, part: Any = part, key: Any = key) -> Any:
                copy = part.copy()
                copy[key] = new
                return rebuilt(copy)

            yield from (put(wrong) for wrong in WRONG)
            if isinstance(part, dict):
                yield rebuilt({name: each for name, each in part.items() if name != key})
            yield from within(value, put)

    yield from within(document, lambda whole: whole)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
