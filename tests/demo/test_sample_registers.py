"""The sample registers are whole, say what they are, and can be filled in again."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateways.registry import GATEWAYS
from payhub.accounts.models import GatewayAccount, GatewaySecret
from payhub.agencies.models import Agency, CollectingAccount, DayOff
from payhub.agencies.service import collecting_account, successor_in_force
from payhub.demo.seed import DEVELOPMENT_SECRETS, SANDBOXES, seed
from payhub.demo.simulator import TERMINALS
from payhub.demo.stories import STORIES, WAYS, cases
from payhub.demo.surroundings import endpoints_at
from payhub.demo.tables import rows
from payhub.fees.models import Fee, FeeTier, Relief, Retention
from payhub.payments.ways import open_ways
from payhub.portals.keys import authenticate
from payhub.portals.models import Portal, PortalGrant
from reconciliation.files import mappings
from webhooks.models import WebhookEndpoint

SAMPLE = Path(__file__).parents[2] / "config" / "sample"
TODAY = date(2026, 11, 20)
REGISTERS = (Agency, CollectingAccount, DayOff, Fee, FeeTier, Relief, Retention, Portal, PortalGrant, GatewayAccount, GatewaySecret, WebhookEndpoint)


def counted(session):
    return {kind.__tablename__: session.scalar(select(func.count()).select_from(kind)) for kind in REGISTERS}


def test_there_are_agencies_fees_and_portals_enough_for_a_day(hub):
    kinds = [fee.kind for versions in hub.registers.fees.values() for fee in versions]
    assert len(hub.registers.agencies) >= 12
    assert kinds.count("phi") >= 7
    assert kinds.count("le_phi") >= 7
    assert {portal.code for portal in hub.registers.portals.values()} == {"dvc-bo-tu-phap", "dvc-tay-ninh", "dvc-lao-cai", "mot-cua-hcm", "kbnn"}


def test_every_fee_has_a_budget_line_and_says_where_its_amount_is_from():
    for fee in rows(SAMPLE, "fees"):
        assert fee["kind"] in {"phi", "le_phi", "fine"}, fee
        assert len(fee["budget_line"]) == 4, fee
        assert fee["source"], fee


LINES = (
    "2207 2211 2251 2253 2266 2301 2351 2352 2404 2415 2421 2504 2505 2512 2715 2716 2718 2763 2764 2766 2767 2768 2771 2773 "
    "2801 2802 2803 2804 2805 2815 2816 2824 2825 2852 2853 2861 2862 2863 2864"
)


def test_every_budget_line_that_is_known_has_a_fee_and_every_amount_says_that_it_is_an_example():
    fees = list(rows(SAMPLE, "fees"))
    assert {fee["budget_line"] for fee in fees if fee["kind"] != "fine"} == set(LINES.split())
    assert {fee["rule"] for fee in fees} == {"fixed", "per_unit", "range", "free", "ad_valorem", "tiered"}
    assert all(fee["source"].startswith("example") for fee in fees if fee["rule"] != "free")
    assert all("example" in relief["source"] for relief in rows(SAMPLE, "reliefs"))


def test_tiers_and_reliefs_are_of_fees_that_are_there():
    versions = {(fee["code"], fee["valid_from"]): fee for fee in rows(SAMPLE, "fees")}
    assert {(tier["fee"], tier["valid_from"]) for tier in rows(SAMPLE, "tiers")} == {
        key for key, fee in versions.items() if fee["rule"] == "tiered"
    }
    assert {relief["fee"] for relief in rows(SAMPLE, "reliefs")} <= {"*", *(code for code, _ in versions)}


def test_codes_of_phi_le_phi_and_fines_tell_them_apart():
    for fee in rows(SAMPLE, "fees"):
        assert fee["code"].startswith({"phi": "P-", "le_phi": "LP-", "fine": "XP-"}[fee["kind"]])


def test_every_agency_in_force_collects_both_kinds_on_accounts_of_its_own(hub):
    numbers = set()
    for agency in hub.registers.agencies.values():
        if agency.valid_to is None:
            for kind in ("phi", "le_phi"):
                account = collecting_account(hub.registers, agency, kind, TODAY)
                assert account is not None, (agency.code, kind)
                numbers.add(account.number)
    assert len(numbers) == 2 * sum(agency.valid_to is None for agency in hub.registers.agencies.values())


@pytest.mark.parametrize(
    ("code", "successor"),
    [
        ("000.00.00.G10", None),
        ("000.00.00.G04", "000.00.00.G17"),
        ("000.00.00.G05", "000.00.00.G12"),
        ("000.00.00.G07", "000.00.00.G09"),
        ("000.00.00.G13", None),
    ],
)
def test_an_abolished_agency_leads_to_its_successor_or_to_nobody(hub, code, successor):
    abolished = hub.registers.agencies[code]
    found = successor_in_force(hub.registers, abolished, TODAY)
    assert (found.code if found else None) == successor
    assert successor_in_force(hub.registers, abolished, date(2025, 2, 28)) is abolished


def test_only_phi_are_retained():
    phi = {fee["code"] for fee in rows(SAMPLE, "fees") if fee["kind"] == "phi"}
    assert {row["fee"] for row in rows(SAMPLE, "retentions")} <= phi


def test_every_case_of_a_demo_is_accepted_and_can_be_paid(hub, ask):
    account = hub.registers.gateway_accounts["vnpay-main"]
    for case in cases(120, 1, SAMPLE, TODAY):
        answer = ask(case.request, portal=case.portal)
        assert answer.status_code == 201, answer.json
        if case.story.tries:
            assert account.minimum <= answer.json["total"] <= account.maximum
        else:
            assert (answer.json["total"], answer.json["state"]) == (0, "paid")


def test_a_demo_of_three_hundred_tells_every_story_with_all_its_fees_and_agencies():
    made = cases(300, 1, SAMPLE, TODAY)
    lines = [line for case in made for line in case.request["lines"]]
    assert len(made) == 300
    assert {case.story for case in made} == set(STORIES)
    assert len({line["fee"] for line in lines}) >= 12
    assert len({line["agency"] for line in lines}) >= 8
    assert len({case.request["dossier"] for case in made}) == 300
    assert {"LP-TBXETAI", "P-CONGCHUNG-HD", "P-CGCN"} <= {line["fee"] for line in lines}
    assert {"TRE-EM", "TRUC-TUYEN"} <= {line.get("relief") for line in lines}
    assert any(case.request["dossier"].startswith("000.00.00.G04-") for case in made)


def test_the_same_seed_gives_the_same_cases():
    assert cases(60, 7, SAMPLE, TODAY) == cases(60, 7, SAMPLE, TODAY)
    assert cases(60, 7, SAMPLE, TODAY) != cases(60, 8, SAMPLE, TODAY)


@pytest.mark.parametrize("count", [0, 1, 5, 40, 301])
def test_a_demo_has_as_many_cases_as_it_was_asked_for(count):
    assert len(cases(count, 1, SAMPLE, TODAY)) == count


def test_seeding_again_adds_nothing_but_keys(hub, keys):
    urls = {"dvc-tay-ninh": "http://127.0.0.1:1/webhooks"}
    first = seed(hub, SAMPLE, webhook_urls=urls)
    with hub.db.session() as session:
        before = counted(session)
    second = seed(hub, SAMPLE, webhook_urls=urls)
    with hub.db.session() as session:
        assert counted(session) == before
    assert list(first.webhook_secrets) == ["dvc-tay-ninh"]
    assert not second.webhook_secrets
    for made in (keys, first.keys, second.keys):
        caller = authenticate(hub.registers, made["kbnn"], "test", hub.clock.now())
        assert caller.portal.code == "kbnn"
        assert not caller.may("payments:write")


def test_seeding_again_brings_addresses_up_to_date_and_keeps_the_older_secret_live(hub):
    another = {**DEVELOPMENT_SECRETS, "zalopay": {**DEVELOPMENT_SECRETS["zalopay"], "key2": "another"}}
    seed(hub, SAMPLE, endpoints_of=endpoints_at("http://127.0.0.1:2"), secrets_of=another)
    kept = {}
    for code, account in hub.registers.gateway_accounts.items():
        protocol = hub.registers.protocol_accounts[account.id]
        assert all(url.startswith("http://127.0.0.1:2") for url in protocol.endpoints.values())
        kept |= {(code, name): len(values) for name, values in protocol.named_secrets.items()}
    assert kept == {
        ("vnpay-main", "secret"): 1, ("momo-main", "access_key"): 1, ("momo-main", "secret_key"): 1, ("zalopay-main", "key1"): 1,
        ("zalopay-main", "key2"): 2,
    }  # fmt: skip


def test_every_gateway_has_an_account_with_all_that_its_protocol_wants(hub):
    accounts = hub.registers.gateway_accounts
    assert {account.gateway for account in accounts.values()} == GATEWAYS.keys()
    assert {code: account.terminal for code, account in accounts.items()} == TERMINALS
    for account in accounts.values():
        gateway, protocol = GATEWAYS[account.gateway], hub.registers.protocol_accounts[account.id]
        assert protocol.endpoints.keys() == set(gateway.endpoints) == SANDBOXES[account.gateway].keys()
        assert protocol.named_secrets.keys() == set(gateway.secret_names)
        assert set(account.methods) <= {method.name for method in gateway.methods}
        assert account.id in hub.registers.terms
        assert mappings.load(hub.settings.paths.mappings, account.mapping)


def test_the_ways_to_pay_of_the_demo_are_those_of_the_sample_registers(hub):
    offered = [way.code for way in open_ways(hub, hub.registers, hub.clock.now())]
    assert offered == [way for ways in WAYS.values() for way in ways]


def test_a_lone_hyphen_is_the_method_without_a_name():
    methods = {row["code"]: row["methods"] for row in rows(SAMPLE, "gateway_accounts")}
    assert methods == {"vnpay-main": ("",), "momo-main": ("captureWallet", "payWithATM"), "zalopay-main": ("",)}


def test_citizens_of_a_day_go_to_every_gateway_that_their_story_can_happen_at():
    made = cases(300, 1, SAMPLE, TODAY)
    chosen = Counter(case.way for case in made)
    assert chosen.keys() == {way for ways in WAYS.values() for way in ways}
    assert all(any(case.way in WAYS[gateway] for gateway in case.story.gateways) for case in made)
    usual = Counter(case.way.partition("/")[0] for case in made if case.story.name == "paid")
    assert max(usual.values()) - min(usual.values()) <= 1


def test_origins_of_a_demo_are_added_to_those_of_the_register(hub):
    seed(hub, SAMPLE, origins={"mot-cua-hcm": ["http://127.0.0.1:3"]})
    portal = next(portal for portal in hub.registers.portals.values() if portal.code == "mot-cua-hcm")
    assert portal.return_origins == ["https://motcua.hochiminhcity.example", "http://127.0.0.1:3"]
