"""Messages of every form: fields missing, added, moved, written in another way, and bodies that are no message at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields as names_of
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.base import Notice, RefundNotice
from gateways.conformance.given import GOOD, Given, Message, Said, Sent
from gateways.conformance.wire import encodings, fields, is_json, made_of, raw, sent_as, with_value

MEBIBYTE = 2**20
DEEP = 100_000
TOMORROW: tuple[Any, ...] = ("1", 7, True, None, [{"a": [1]}], {"deep": {}})

anything = settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3), max_leaves=5)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
amounts = st.integers() | st.integers(1, 10**9)


class Forms(Given):
    """Whatever comes in: what it says, or a refusal, and nothing else."""

    def test_one_field_less_is_refused_or_says_the_same(self) -> None:
        for message, sent, read in self.genuine():
            told = fields(sent)
            for missing, _ in told:
                found = message.reading(self.account, made_of(sent, [each for each in told if each[0] != missing]))
                if message.signed:
                    assert found in (None, read), (message.reader, missing)

    def test_a_field_of_tomorrow_changes_nothing_whatever_it_holds(self) -> None:
        for message, sent, read in self.genuine():
            for value in TOMORROW:
                for told in ([*fields(sent), ("of_tomorrow", value)], [("of_tomorrow", value), *fields(sent)]):
                    assert message.read(self.account, made_of(sent, told)) == read, (message.reader, value)

    def test_a_field_that_counts_is_never_given_twice(self) -> None:
        for message, sent, read in self.genuine():
            told = fields(sent)
            for name, value in told:
                counts = message.reading(self.account, with_value(sent, name, "another")) != read
                for again in (value, "0", "another"):
                    for both in ([*told, (name, again)], [(name, again), *told]):
                        found = message.reading(self.account, made_of(sent, both))
                        assert found is None or (found == read and not counts), (message.reader, name)

    @anything
    @given(st.randoms(use_true_random=False))
    def test_the_order_of_the_fields_says_nothing(self, chance: Any) -> None:
        for message, sent, read in self.genuine():
            told = fields(sent)
            chance.shuffle(told)
            assert message.read(self.account, made_of(sent, told)) == read, message.reader

    def test_the_same_in_another_encoding_says_the_same(self) -> None:
        for message, sent, read in self.genuine():
            for other in encodings(sent):
                assert message.read(self.account, other) == read, (message.reader, raw(other))

    @anything
    @given(st.data())
    def test_another_value_of_one_field_is_refused_or_says_the_same(self, data: st.DataObject) -> None:
        for message, sent, read in self.genuine():
            name = data.draw(st.sampled_from([name for name, _ in fields(sent)]))
            other = data.draw(values if is_json(sent) else st.binary(max_size=40))
            found = message.reading(self.account, with_value(sent, name, other))
            if message.signed:
                assert found in (None, read), (message.reader, name, other)

    @anything
    @given(st.binary(max_size=300), st.data())
    def test_noise_is_refused_and_breaks_nothing(self, noise: bytes, data: st.DataObject) -> None:
        for message, sent, _ in self.genuine():
            names = st.sampled_from([name for name, _ in fields(sent)])
            document = data.draw(st.dictionaries(names | st.text(max_size=8), values, max_size=5))
            for body in (noise, json.dumps(document).encode()):
                found = message.reading(self.account, sent_as(sent, body))
                assert not message.signed or message.reader in self.maybe_unsigned or found is None, message.reader
                assert found is None or getattr(found, "outcome", None) not in GOOD, message.reader

    def test_huge_deep_and_broken_bodies_are_refused(self) -> None:
        for message, sent, read in self.genuine():
            for body in (*bodies(), *_broken(sent)):
                found = message.reading(self.account, sent_as(sent, body))
                assert found is None or (found == read and message.signed) or not message.signed, (message.reader, body[:80])
            for body in bodies():
                assert message.refusal(self.account, sent_as(sent, body)), (message.reader, body[:80])

    @anything
    @given(texts, texts, amounts, st.integers(-(10**6), 10**6), st.lists(texts, min_size=3, max_size=3))
    def test_whatever_is_signed_is_read_as_it_stands_or_refused(
        self, reference: str, transaction: str, amount: int, hours: int, codes: list[str]
    ) -> None:
        for message in self.messages():
            usual = message.said
            at = usual.at + timedelta(hours=hours)
            for said in (
                Said(tuple(codes[: len(usual.codes)]), reference, amount, at, transaction),
                Said(usual.codes, reference, usual.amount, usual.at, usual.transaction),
                Said(usual.codes, usual.reference, amount, usual.at, usual.transaction),
                Said(usual.codes, usual.reference, usual.amount, at, transaction),
            ):
                _as_it_stands(message, said, message.reading(self.account, message.write(self.account, said)))

    def test_what_is_signed_and_huge_is_read_as_it_stands_or_refused(self) -> None:
        for message in self.messages():
            usual = message.said
            for said in (
                Said(usual.codes, "9" * MEBIBYTE, usual.amount, usual.at, usual.transaction),
                Said(usual.codes, usual.reference, 10**4000, usual.at, usual.transaction),
                Said(usual.codes, usual.reference, usual.amount, usual.at, "9" * MEBIBYTE),
                Said(tuple("9" * MEBIBYTE for _ in usual.codes), usual.reference, usual.amount, usual.at, usual.transaction),
            ):
                _as_it_stands(message, said, message.reading(self.account, message.write(self.account, said)))


def _as_it_stands(message: Message, said: Said, read: object) -> None:
    if not isinstance(read, Notice | RefundNotice):
        return
    if message.reader in {"read_callback", "read_return"}:
        assert read.reference == said.reference, message.reader
    assert read.amount in {None, said.amount}, message.reader
    # What no database keeps would be a callback that is refused for ever by our own fault.
    told = [getattr(read, each.name) for each in names_of(read)]
    assert not [value for value in told if isinstance(value, str) and "\0" in value], message.reader


def bodies() -> Iterator[bytes]:
    """Bodies that no gateway sends."""
    yield from (b"", b"{}", b"[]", b"null", b"5", b'"a"', b"{", b"\xff", b"\0", b"<html>", b"\xef\xbb\xbf{}", b"&&=&", b"NaN")
    yield from (b"a" * MEBIBYTE, b"[" * DEEP, b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP, b"9" * MEBIBYTE, b"&" * MEBIBYTE)
    yield b'{"a":' * DEEP + b"1" + b"}" * DEEP
    yield b'{"a":"' + b"a" * MEBIBYTE + b'"}'


def _broken(sent: Sent) -> Iterator[bytes]:
    """A genuine message, broken."""
    genuine, told = raw(sent), fields(sent)
    yield from (genuine[: len(genuine) // 2], genuine[1:], genuine[:-1], genuine * 2, genuine + b"\0", b"\0" + genuine)
    yield from (genuine.decode("utf-8", "replace").encode("utf-16"), genuine + b" " * MEBIBYTE)
    for name, _ in (told[0], told[-1]):
        for value in ("9" * MEBIBYTE, "\0", "\ud800"):
            yield raw(with_value(sent, name, value))
    for name, _ in told:
        changed = raw(with_value(sent, name, "DEEPDEEP"))
        nested = b"[" * DEEP + b"]" * DEEP
        yield from (changed.replace(b"DEEPDEEP", b"\xff\xfe"), changed.replace(b'"DEEPDEEP"', nested))
