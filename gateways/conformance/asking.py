"""What is sent, what is refused before it is sent, and what a gateway says it can do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Gateway, ListsBanks, Method, Queryable, Redirect, Refundable, Request, Verdict
from gateways.conformance.forms import anything
from gateways.conformance.given import Given, every_secret, readings
from gateways.registry import found

PERSONAL = {"description": "MarkedDescription", "client_ip": "198.51.100.77", "asked_by": "markedclerk"}
NO_REFERENCES = ("", "a b", "a\n", "a\0", "a|b", "a&b", "a" * 300, "ế")
NO_CODES = ("a|b", "a&b", "Nguyễn Văn An", "an@example.vn")
CODES = st.from_regex("PH[A-D][0-9A-Z]{9}[0-9]{2}", fullmatch=True)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - hypothesis adds the zone


class Asking(Given):
    """A request says what is asked and no more; what cannot be asked is refused by the field's name."""

    def test_it_is_found_by_its_name_and_keeps_nothing(self) -> None:
        assert re.fullmatch("[a-z][a-z0-9]{1,19}", self.gateway.name)
        assert type(found()[self.gateway.name]) is type(self.gateway)
        assert not vars(self.gateway), "a gateway holds no state"
        assert set(self.gateway.endpoints) <= {*self.account.endpoints}
        assert set(self.gateway.secret_names) == ({*self.account.named_secrets} or {"secret"})

    def test_what_it_can_do_is_what_it_inherits(self) -> None:
        kind = type(self.gateway)
        for capability, methods in {
            Queryable: ("query", "queried"),
            Refundable: ("refund_codes", "refund", "refunded", "query_refund", "refund_queried"),
            ListsBanks: ("most_banks", "banks_request", "banks"),
        }.items():
            for method in methods:
                assert hasattr(kind, method) is issubclass(kind, capability), method
        asks_first = isinstance(self.gateway.start(self.account, self.order), Request)
        assert (kind.started is not Gateway.started) is asks_first, "started reads the answer to start"

    def test_the_ways_to_pay_are_named_in_both_languages_or_are_the_citizens_choice(self) -> None:
        ways = self.gateway.methods
        assert len({way.name for way in ways}) == len(ways) > 0
        for way in ways:
            assert (bool(way.vi) and bool(way.en)) or way == Method("", "", "", way.minimum, way.maximum), way
            assert 0 < way.minimum <= way.maximum

    def test_each_way_to_pay_takes_what_it_says_and_nothing_beside(self) -> None:
        for way in self.gateway.methods:
            for amount in (way.minimum, way.maximum):
                assert self._start(replace(self.order, method=way.name, amount=amount))
            for amount in (way.minimum - 1, way.maximum + 1, 0, -way.minimum):
                with pytest.raises(ValueError, match="amount"):
                    self._start(replace(self.order, method=way.name, amount=amount))
        with pytest.raises(ValueError, match="method"):
            self._start(replace(self.order, method="no such way"))

    def test_another_currency_is_refused_by_its_name(self) -> None:
        for currency in ("USD", "vnd", ""):
            with pytest.raises(ValueError, match="currency"):
                self._start(replace(self.order, currency=currency))
            if isinstance(self.gateway, Refundable):
                with pytest.raises(ValueError, match="currency"):
                    self.gateway.refund(self.account, replace(self.refund_order, currency=currency))

    def test_what_cannot_be_asked_is_refused_by_the_fields_name_or_not_asked(self) -> None:
        bad: dict[str, dict[str, tuple[str, ...]]] = {
            "start": {"reference": NO_REFERENCES},
            "query": {"reference": NO_REFERENCES, "request_id": NO_REFERENCES},
            "refund": {"reference": NO_REFERENCES, "original_reference": NO_REFERENCES[1:], "original_transaction": NO_CODES,
                       "asked_by": NO_CODES},
            "query_refund": {"request_id": NO_REFERENCES},
        }  # fmt: skip
        for name, build, base in self._builders():
            for field, values in bad[name].items():
                for value in values:
                    _refused_or_unused(build, base, field, value)
            for field in ("created_at", "expires_at", "asked_at", "original_created_at"):
                if hasattr(base, field):
                    # Another time besides, so that it does not pass for the same in a zone of the machine's.
                    _refused_or_unused(build, base, field, getattr(base, field).replace(tzinfo=None) + timedelta(hours=3))

    def test_more_than_was_paid_and_nothing_at_all_are_never_given_back(self) -> None:
        if not isinstance(self.gateway, Refundable):
            return
        for amount in (0, -1, self.refund_order.original_amount + 1):
            with pytest.raises(ValueError, match="amount"):
                self.gateway.refund(self.account, replace(self.refund_order, amount=amount))
        whole = replace(self.refund_order, amount=self.refund_order.original_amount)
        assert self.gateway.refund(self.account, whole).repeatable is False, "a refund is sent once"

    def test_a_request_is_for_the_accounts_own_address_and_is_waited_for(self) -> None:
        for name, build, base in self._builders():
            made = build(base)
            assert made.url.startswith(tuple(self.account.endpoints.values())), name
            if isinstance(made, Request):
                assert made.method in {"GET", "POST"}
                assert 0 < made.timeout_s <= 60

    def test_no_secret_is_shown_or_sent(self) -> None:
        secrets = every_secret(self.account, self.other_account)
        shown = [repr(self.account), str(self.account)]
        for _, build, base in self._builders():
            made = build(base)
            shown += [repr(made), str(made), *readings(made)]
        assert not [secret for secret in secrets for text in shown if secret in text]

    def test_of_people_is_told_what_is_declared_and_nothing_else(self) -> None:
        for name, build, base in self._builders():
            marked = {field: value for field, value in PERSONAL.items() if hasattr(base, field)}
            made = build(replace(base, **marked))
            told = {field for field, value in PERSONAL.items() if any(value in text for text in readings(made))}
            assert told == {*self.tells.get(name, ())}, name
            assert not [value for value in PERSONAL.values() if isinstance(made, Request) and value in str(made.headers)]

    @anything
    @given(st.text(max_size=400), st.sampled_from(["vi", "en"]))
    def test_any_description_can_be_sent(self, description: str, language: str) -> None:
        made = self._start(replace(self.order, description=description, language=language))
        assert (made.url.isprintable(), made.url.isascii()) == (True, True)

    @anything
    @given(st.lists(CODES, min_size=2, max_size=5, unique=True), INSTANTS, INSTANTS)
    def test_references_are_unique_for_ever_and_can_be_asked_with(self, codes: list[str], at: datetime, later: datetime) -> None:
        made = {self.gateway.reference(code, when) for code, when in zip(codes, (at, later, at, later, at), strict=False)}
        assert len(made) == len(codes)
        reference = self.gateway.reference(codes[0], at)
        assert reference == self.gateway.reference(codes[0], at)
        assert re.fullmatch("[!-~]{1,64}", reference)
        life = self.order.expires_at - self.order.created_at
        self._start(replace(self.order, reference=reference, created_at=at, expires_at=at.astimezone(UTC) + life))
        if isinstance(self.gateway, Queryable):
            self.gateway.query(self.account, replace(self.question, reference=reference, created_at=at))
        if isinstance(self.gateway, Refundable):
            back = {self.gateway.refund_reference(self.account, code, at) for code in codes}
            assert len(back) == len(codes)
            self.gateway.refund(self.account, replace(self.refund_order, reference=back.pop(), asked_at=at))

    def test_each_character_of_a_code_makes_another_reference(self) -> None:
        code, at = "PHA00000000000", self.order.created_at
        codes = [code[:place] + "7" + code[place + 1 :] for place in range(3, len(code))]
        assert len({self.gateway.reference(each, at) for each in codes}) == len(codes)
        if isinstance(self.gateway, Refundable):
            assert len({self.gateway.refund_reference(self.account, each, at) for each in codes}) == len(codes)

    def test_every_verdict_is_answered_in_the_gateways_words(self) -> None:
        assert set(self.answers) == set(Verdict)
        for verdict, (status, body) in self.answers.items():
            answer = self.gateway.answer(verdict)
            told = json.loads(answer.body) if answer.body and "json" in answer.content_type else answer.body.decode() or None
            assert (answer.status, told) == (status, body), verdict
            assert answer.content_type

    def _start(self, order: Any) -> Redirect | Request:
        return self.gateway.start(self.account, order)

    def _builders(self) -> Iterator[tuple[str, Callable[[Any], Redirect | Request], Any]]:
        gateway, account = self.gateway, self.account
        yield "start", self._start, self.order
        if isinstance(gateway, Queryable):
            yield "query", lambda query: gateway.query(account, query), self.question
        if isinstance(gateway, Refundable):
            yield "refund", lambda order: gateway.refund(account, order), self.refund_order
            yield "query_refund", lambda query: gateway.query_refund(account, self.refund_order, query), self.refund_question


def _refused_or_unused(build: Callable[[Any], Redirect | Request], base: Any, field: str, value: object) -> None:
    try:
        made = build(replace(base, **{field: value}))
    except ValueError as refusal:
        assert field in str(refusal), f"{refusal} does not name {field}"
    else:
        assert made == build(base), f"{value!r} is sent as {field}"
