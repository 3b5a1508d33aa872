"""What verifies, and what never does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateways.base import Account, Notice, RefundNotice
from gateways.conformance.given import Given, Message, Read, every_secret, with_secrets
from gateways.conformance.wire import fields, made_of, raw, sent_as, with_value
from gateways.errors import Forged, Malformed


class Signatures(Given):
    """Nothing is believed that the account's own secrets do not sign."""

    def test_a_callback_and_the_way_back_are_always_signed(self) -> None:
        assert not {"read_callback", "read_return"} & {*self.unsigned, *self.maybe_unsigned}

    def test_a_genuine_message_is_read_as_it_stands(self) -> None:
        for message, _, read in self.genuine():
            if not isinstance(read, Notice | RefundNotice):
                continue
            said = message.said
            assert (read.reference, read.terminal, read.currency) == (said.reference, self.account.terminal, said.currency), message
            assert read.amount in {None, said.amount}, message
            assert read.transaction in {None, said.transaction}, message
            if isinstance(read, Notice):
                assert read.paid_at is None or abs((read.paid_at - said.at).total_seconds()) < 1, message
            if message.reader == "read_callback":
                assert read.amount == said.amount, "a callback without its amount proves no payment"

    def test_one_other_bit_anywhere_is_refused_or_says_the_same(self) -> None:
        for message, sent, read in self.genuine():
            genuine = raw(sent)
            for place in range(len(genuine)):
                for bit in range(8):
                    other = genuine[:place] + bytes([genuine[place] ^ 1 << bit]) + genuine[place + 1 :]
                    found = message.reading(self.account, sent_as(sent, other))
                    if message.signed:
                        assert found in (None, read), (message.reader, other)
                    elif isinstance(found, Notice | RefundNotice):
                        assert found.reference == message.said.reference, (message.reader, other)

    def test_an_older_secret_verifies_while_it_is_live_and_never_after(self) -> None:
        older = with_secrets(self.account, lambda _, live: live[::-1])
        newest = with_secrets(self.account, lambda _, live: live[:1])
        assert all(len(live) != 1 for live in (self.account.secrets, *self.account.named_secrets.values())), "two of each"
        for message, _, read in self._signed():
            sent = message.write(older, message.said)
            assert message.read(self.account, sent) == read, message.reader
            assert isinstance(message.refusal(newest, sent), Forged), message.reader

    def test_a_strangers_no_and_swapped_secrets_never_verify(self) -> None:
        names = [*self.account.named_secrets]
        swapped = {name: self.account.named_secrets[names[place - 1]] for place, name in enumerate(names)}
        readers = [
            self._with_secrets_of(self.other_account, self.account),
            with_secrets(self.account, lambda _, live: ()),  # noqa: ARG005 - no secret is kept, whatever is live
            replace(self.account, secrets=(), named_secrets={}),
            *([replace(self.account, named_secrets=swapped)] if len(names) > 1 else []),
        ]
        for message, sent, _ in self._signed():
            for reader in readers:
                assert isinstance(message.refusal(reader, sent), Forged), message.reader

    def test_a_secret_of_one_name_does_not_stand_for_another(self) -> None:
        for message, sent, _ in self._signed():
            for live in self.account.named_secrets.values():
                one_for_all = replace(self.account, named_secrets=dict.fromkeys(self.account.named_secrets, live))
                other = message.write(one_for_all, message.said)
                assert other == sent or isinstance(message.refusal(self.account, other), Forged), message.reader

    def test_what_another_account_signs_or_is_told_is_never_ours(self) -> None:
        for message, _, _ in self._signed():
            theirs = message.write(self.other_account, message.said)
            assert message.read(self.other_account, theirs), "theirs is genuine to them"
            assert isinstance(message.refusal(self.account, theirs), Forged), message.reader
            as_ours = message.write(self._with_secrets_of(self.other_account, self.account), message.said)
            assert isinstance(message.refusal(self.account, as_ours), Forged), message.reader
            of_theirs = message.write(self._with_secrets_of(self.account, self.other_account), message.said)
            if raw(of_theirs) != raw(message.write(self.account, message.said)):
                assert isinstance(message.refusal(self.account, of_theirs), Malformed), message.reader

    def test_without_its_signature_nothing_is_known(self) -> None:
        for message, sent, _ in self._signed():
            name = self._signature(message)
            (claimed,) = (value for each, value in fields(sent) if each == name)
            for value in ("", "0", claimed[:-1], claimed + claimed[:1], claimed[::-1], "é", "0" * len(claimed)):
                if value == "" and message.reader in self.maybe_unsigned:
                    continue
                assert message.refusal(self.account, with_value(sent, name, value)), (message.reader, value)
            if message.reader not in self.maybe_unsigned:
                without = made_of(sent, [(each, value) for each, value in fields(sent) if each != name])
                assert isinstance(message.refusal(self.account, without), Forged), message.reader

    def test_a_refusal_names_a_field_and_quotes_neither_secret_nor_value(self) -> None:
        secrets = every_secret(self.account, self.other_account)
        for message, sent, _ in self.genuine():
            for name, _ in fields(sent):
                for value in ("QUOTED", "QUOTED\0", "\ud800", ["QUOTED"]):
                    refusal = message.refusal(self.account, with_value(sent, name, value))
                    told = f"{refusal} {refusal!r}"
                    quoted = ("QUOTED", message.said.reference, message.said.transaction, *secrets)
                    assert not [each for each in quoted if each in told], (message.reader, name)

    def _signed(self) -> list[tuple[Message, Any, Read]]:
        return [each for each in self.genuine() if each[0].signed]

    def _signature(self, message: Message) -> str:
        """Find the field that another secret changes."""
        ours = fields(message.write(self.account, message.said))
        theirs = fields(message.write(self._with_secrets_of(self.other_account, self.account), message.said))
        (name,) = (name for (name, value), (_, other) in zip(ours, theirs, strict=True) if value != other)
        return name

    @staticmethod
    def _with_secrets_of(signer: Account, account: Account) -> Account:
        return replace(account, secrets=signer.secrets, named_secrets=signer.named_secrets)
