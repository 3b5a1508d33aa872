"""Portals, their origins and what they are granted hold from one day to another, to the day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

# In Viet Nam it is already the next day.
BEFORE = datetime(2026, 11, 30, 16, 59, 59, tzinfo=UTC)
FIRST = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
LAST = datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)
AFTER = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)
SPAN = {"valid_from": "2026-12-01", "valid_to": "2027-01-01"}


@pytest.fixture
def asked(ask, order, clock):
    """Ask at an instant; return what is answered."""

    def at(instant: datetime, portal: str = "dvc-tay-ninh", **changes: object) -> str:
        clock.set(instant)
        answer = ask({**order, "portal_reference": str(instant), "dossier": str(instant), **changes}, portal=portal)
        return answer.json.get("code", "made")

    return at


@pytest.mark.parametrize("grant", [{"agency": "000.00.00.G15", "fee": "LP-LLTP"}, {"agency": "*", "fee": "LP-LLTP"}, {"agency": "000.00.00.G15", "fee": "*"}])
def test_a_grant_holds_from_its_first_day_to_the_last_before_its_end(asked, agree, edited, grant) -> None:
    agree("grants", edited("grants", {"portal": "dvc-tay-ninh", **grant, **SPAN}))
    assert [asked(at) for at in (BEFORE, FIRST, LAST, AFTER)] == ["agency_not_granted", "made", "made", "agency_not_granted"]


def test_a_grant_that_ends_ends_for_the_named_and_the_succeeding_agency(asked, agree, edited, exported) -> None:
    body = exported("grants").replace(b"dvc-bo-tu-phap,000.00.00.G15,*,2020-01-01,", b"dvc-bo-tu-phap,000.00.00.G15,*,2020-01-01,2026-12-01")
    body = body.replace(b"dvc-bo-tu-phap,*,LP-LLTP,2020-01-01,", b"dvc-bo-tu-phap,*,LP-LLTP,2020-01-01,2026-12-01")
    agree("grants", body)
    assert [asked(at, "dvc-bo-tu-phap") for at in (BEFORE, FIRST)] == ["made", "agency_not_granted"]


def test_a_portal_is_open_from_its_first_day_to_its_end(client, agree, edited, keys, clock) -> None:
    agree("portals", edited("portals", **{"dvc-tay-ninh": {"valid_to": "2026-12-01"}}))

    def answered(at: datetime) -> int:
        clock.set(at)
        return client.get("/v1/payments", headers={"Authorization": f"Bearer {keys['dvc-tay-ninh']}"}).status_code

    assert [answered(at) for at in (BEFORE, FIRST)] == [200, 401]


def test_return_origins_change_by_a_file_and_a_date_and_old_payments_keep_theirs(asked, agree, edited, rows) -> None:
    new = {"code": "dvc-bo-tu-phap", "name_vi": "Cổng Bộ Tư pháp", "name_en": "Justice portal", "return_origins": "https://moi.example", "valid_from": "2026-12-01"}
    agree("portals", edited("portals", new, **{"dvc-bo-tu-phap": {"valid_to": "2026-12-01"}}))
    old, later = "https://dichvucong.moj.example/xong", "https://moi.example/xong"

    def answers(at: datetime) -> list[str]:
        return [asked(at, "dvc-bo-tu-phap", return_url=url, portal_reference=f"{at}{url}", dossier=f"{at}{url}") for url in (old, later)]

    assert answers(BEFORE) == ["made", "invalid_input"]
    assert answers(FIRST) == ["invalid_input", "made"]
    assert len(rows("SELECT DISTINCT portal_id FROM payment")) == 1


def test_a_key_is_made_for_a_portal_that_has_more_than_one_row(agree, edited, hub, rows) -> None:
    from click.testing import CliRunner

    from payhub.cli.registers import key

    new = {"code": "kbnn", "name_vi": "Kho bạc", "name_en": "Treasury", "valid_from": "2026-12-01"}
    agree("portals", edited("portals", new, kbnn={"valid_to": "2026-12-01"}))
    assert CliRunner().invoke(key, ["new", "kbnn"], obj=lambda: hub).exit_code == 0
    assert rows("SELECT count(DISTINCT portal_id) FROM api_key k JOIN portal p ON p.id = k.portal_id WHERE code = 'kbnn'") == [(1,)]
