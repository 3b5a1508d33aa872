"""Laws of the bank: undisturbed money arrives in full, and statements chain."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.simulator import Tariff, Terms

ACCOUNT = "19001234567890"
TERMINALS = ("PAYHUB01", "PAYHUBMOMO", "2553")
DAYS = [date(2026, 11, 20) + timedelta(days=days) for days in range(10)]
collected = st.lists(
    st.tuples(st.sampled_from(DAYS), st.sampled_from(TERMINALS), st.integers(-(10**9), 10**12).filter(bool)), max_size=12
)
planned = st.lists(
    st.one_of(
        st.builds(
            lambda kind, on, more: {"kind": kind, "terminal": "PAYHUB01", "date": f"{on}", **more},
            st.sampled_from(["unpaid", "unnamed", "split", "returned"]), st.sampled_from(DAYS), st.just({}),
        ),
        st.builds(
            lambda kind, on, other, n: {"terminal": "PAYHUB01", "kind": kind, "date": f"{on}"}
            | {"late": {"days": n}, "short": {"amount": n}, "merged": {"with": f"{other}"}}[kind],
            st.sampled_from(["late", "short", "merged"]), st.sampled_from(DAYS), st.sampled_from(DAYS), st.integers(1, 5),
        ),
        st.builds(
            lambda kind, on, amount: {"account": ACCOUNT, "kind": kind, "date": f"{on}", "amount": amount}
            | ({"text": "PH"} if kind == "foreign" else {}),
            st.sampled_from(["foreign", "charge"]), st.sampled_from(DAYS), st.integers(1, 10**9),
        ),
    ),
    max_size=5,
)  # fmt: skip


@given(collected, st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_what_nobody_disturbs_arrives_in_full_on_its_due_date(opened, lines, lag_days):
    terms = Terms(payments=Tariff(basis_points=110), lag_days=lag_days)
    with opened(terms=dict.fromkeys(TERMINALS, terms)) as world:
        for on, terminal, amount in lines:
            world.day(f"{on}", amount, terminal)
        for payout in world.payouts():
            assert (
                payout["credited"] == payout["net"] == payout["gross"] - payout["refunds"] - payout["fees"] + payout["adjustments"]
            )
            assert payout["paid_on"] == (payout["due_on"] if payout["net"] else None)


@given(collected, planned)
@settings(deadline=None, max_examples=50)
def test_statements_chain_whatever_is_planned_but_gaps(opened, lines, plans):
    with opened() as world:
        for on, terminal, amount in lines:
            world.day(f"{on}", amount, terminal)
        world.tell("bank-disagreements", *plans)
        balance, references = 1_000_000, []
        for days in range(60):
            told = world.get(DAYS[0] + timedelta(days=days))
            assert told["opening"] == balance
            balance = told["closing"]
            assert balance == told["opening"] + sum(entry["amount"] for entry in told["entries"])
            references += [entry["reference"] for entry in told["entries"]]
        assert len(references) == len(set(references))
        foreign = sum(plan["amount"] * (1 if plan["kind"] == "foreign" else -1) for plan in plans if "account" in plan)
        assert balance == 1_000_000 + foreign + sum(payout["credited"] for payout in world.payouts())
