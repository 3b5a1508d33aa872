"""What codes, amounts, currencies and times of a message come to mean."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateways.base import Notice, Outcome, Redirect, Refundable, RefundNotice, RefundOutcome
from gateways.codes import Code
from gateways.conformance.given import GOOD, Given, Message
from gateways.conformance.wire import raw

DECIDED = (*GOOD, Outcome.FAILED, Outcome.CANCELLED, RefundOutcome.REFUSED)


class Meanings(Given):
    """A gateway translates: by its table, and what that does not know stays unknown."""

    def test_every_row_is_reached_by_the_messages_it_names(self) -> None:
        for row in self._rows():
            for said_by in row.said_by.split():
                readers = [each for each in self.messages() if each.said_by == said_by and row in each.table.rows]
                assert readers, f"nothing is read that is said by {said_by}"
                for message in readers:
                    landing = self.landing(message, row)
                    assert landing, f"{row}: rows before it take all of its codes"
                    for codes in landing:
                        self._by_the_row(message, row, codes)

    def test_every_combination_of_published_codes_is_read_by_the_table_or_unknown(self) -> None:
        for message in self.messages():
            rows = [row for row in message.table.rows if message.said_by in row.said_by.split()]
            columns = [sorted({code for row in rows for code in row.parts[place].split()} - {"*"}) for place in _places(rows)]
            for each in itertools.product(*(columns or [])):
                codes = tuple("" if code == "-" else code for code in each)
                row = message.table.read(message.said_by, *codes)
                read = message.reading(self.account, message.write(self.account, replace(message.said, codes=codes)))
                if isinstance(read, Notice | RefundNotice):
                    assert read.outcome.value in {"unknown", row.outcome.value if row else ""}, (message.reader, codes)

    def test_a_row_says_where_it_is_from_and_speaks_both_languages_or_none(self) -> None:
        for row in self._rows():
            assert row.source, row
            assert bool(row.vi) is bool(row.en), row

    def test_no_row_proves_a_payment_that_was_made_unpaid(self) -> None:
        for row in self._rows():
            assert not (row.not_paid and row.outcome in {*GOOD, Outcome.UNKNOWN}), row
            assert not (row.retry and row.outcome in GOOD), row

    def test_codes_of_tomorrow_are_unknown_and_kept(self) -> None:
        for message in self.messages():
            codes = self.strange(message)
            assert message.table.read(message.said_by, *codes) is None, f"{codes} are published"
            read = message.reading(self.account, message.write(self.account, replace(message.said, codes=codes)))
            if read is None:
                # A message that can say one thing only is of another kind when it says another.
                rows = [row for row in message.table.rows if message.said_by in row.said_by.split()]
                assert [len(part.split()) for row in rows for part in row.parts] == [1], message.reader
            else:
                assert isinstance(read, Notice | RefundNotice), message.reader
                assert read.outcome.value == "unknown", message.reader
                assert _starts(read.raw_code, codes), message.reader
                assert not (isinstance(read, Notice) and read.not_paid), message.reader

    def test_another_amount_is_reported_and_never_repaired(self) -> None:
        for message, codes in self._said():
            for amount in (message.said.amount + 1, message.said.amount - 1, message.said.amount * 100, 1):
                sent = message.write(self.account, replace(message.said, codes=codes, amount=amount))
                read = message.reading(self.account, sent)
                if isinstance(read, Notice):
                    assert read.amount in ({amount} if read.outcome in GOOD else {amount, None}), message.reader
                elif isinstance(read, RefundNotice) and read.amount is not None:
                    assert (read.amount, read.outcome in DECIDED) == (amount, False), message.reader
                elif isinstance(read, Redirect):
                    assert raw(sent) == raw(message.write(self.account, message.said)), "it states another amount"

    def test_another_currency_is_never_taken_for_ours(self) -> None:
        for message in self.messages():
            sent = message.write(self.account, replace(message.said, currency="USD"))
            if raw(sent) != raw(message.write(self.account, message.said)):
                read = message.reading(self.account, sent)
                assert read is None or getattr(read, "currency", "") == "USD", message.reader

    def test_an_answer_about_another_order_or_question_is_refused(self) -> None:
        for message in self.messages():
            if message.reader in {"read_callback", "read_return"}:
                continue
            other = replace(message.said, reference=message.said.reference[:-1] + "X")
            for said in (other, replace(message.said, request_id="Q9")):
                sent = message.write(self.account, said)
                if raw(sent) != raw(message.write(self.account, message.said)):
                    assert message.refusal(self.account, sent), (message.reader, said)

    def test_a_replay_says_the_same_whatever_came_between(self) -> None:
        for message, sent, read in self.genuine():
            for codes in (self.strange(message), message.said.codes):
                message.reading(self.account, message.write(self.account, replace(message.said, reference="PH9", codes=codes)))
            assert message.read(self.account, sent) == read, message.reader

    def test_a_callback_that_is_early_or_late_says_when_and_not_that_it_is_wrong(self) -> None:
        message = next(self.messages())
        for year in (2001, 2026, 2099):
            at = datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC)
            read = message.read(self.account, message.write(self.account, replace(message.said, at=at)))
            assert isinstance(read, Notice)
            assert (read.outcome, read.paid_at) == (Outcome.SUCCEEDED, at)

    def _said(self) -> Iterator[tuple[Message, tuple[str, ...]]]:
        """Every kind of message with codes of each row that speaks of it, the genuine one's first."""
        for message in self.messages():
            yield message, message.said.codes
            for row in message.table.rows:
                if message.said_by in row.said_by.split():
                    yield message, self.landing(message, row)[0]

    def _rows(self) -> list[Code[Any]]:
        gateway = self.gateway
        return [*gateway.codes.rows, *(gateway.refund_codes.rows if isinstance(gateway, Refundable) else ())]

    def _by_the_row(self, message: Message, row: Code[Any], codes: tuple[str, ...]) -> None:
        read = message.read(self.account, message.write(self.account, replace(message.said, codes=codes)))
        if isinstance(read, Redirect):
            return
        assert (read.outcome, _starts(read.raw_code, codes)) == (row.outcome, True), (message.reader, codes)
        assert not isinstance(read, Notice) or read.not_paid is row.not_paid, (message.reader, codes)


def _places(rows: list[Code[Any]]) -> range:
    return range(len(rows[0].parts)) if rows else range(0)


def _starts(raw_code: str, codes: tuple[str, ...]) -> bool:
    return tuple(raw_code.split("/")[: len(codes)]) == codes
