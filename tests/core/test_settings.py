"""Settings: where they come from, and that every problem is told at once."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from payhub import settings
from payhub.crypto import new_key

GOOD = {
    "PAYHUB_MODE": "test",
    "DATABASE_URL": "postgresql+psycopg://x",
    "REDIS_URL": "redis://x",
    "PAYHUB_SECRETS__KEYS": "1:" + new_key(),
    "PAYHUB_WEB__BASE_URL": "http://localhost",
}


def test_nothing_set_is_production_and_names_everything_that_is_missing() -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({})
    said = str(caught.value)
    for name in ("DATABASE_URL", "REDIS_URL", "PAYHUB_SECRETS__KEYS", "PAYHUB_WEB__BASE_URL"):
        assert name in said


def test_all_problems_are_told_together_and_no_value_is_quoted() -> None:
    wrong = {**GOOD, "PAYHUB_WEB__PORT": "eighty", "PAYHUB_WEB__COLOUR": "red", "PAYHUB_MODE": "play", "PAYHUB_NOPE__X": "1"}
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(wrong)
    said = str(caught.value)
    for name in ("PAYHUB_WEB__PORT", "PAYHUB_WEB__COLOUR", "PAYHUB_MODE", "[nope]"):
        assert name in said
    assert "eighty" not in said


def test_the_environment_goes_over_the_file_and_a_secret_file_over_both(tmp_path: Path) -> None:
    config = tmp_path / "payhub.toml"
    config.write_text('mode = "test"\n[web]\nbase_url = "http://a"\nport = 1\n[payments]\nladder_s = [1, 2]\n')
    secret = tmp_path / "keys"
    secret.write_text("7:" + new_key() + "\n")
    environ = {
        name: value for name, value in GOOD.items() if name not in {"PAYHUB_MODE", "PAYHUB_SECRETS__KEYS", "PAYHUB_WEB__BASE_URL"}
    }
    loaded = settings.load(
        {**environ, "PAYHUB_CONFIG": str(config), "PAYHUB_WEB__PORT": "2", "PAYHUB_SECRETS__KEYS_FILE": str(secret)}
    )
    assert (loaded.web.port, loaded.web.base_url, loaded.payments.ladder_s) == (2, "http://a", (1, 2))
    assert loaded.secrets.keys.startswith("7:")
    assert loaded.mode == "test"


def test_a_live_hub_refuses_the_key_of_the_repository_and_plain_http() -> None:
    live = {**GOOD, "PAYHUB_MODE": "live", "PAYHUB_SECRETS__KEYS": "0:" + new_key()}
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(live)
    assert "printed in the repository" in str(caught.value)
    assert "https://" in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_authority_file_that_cannot_be_used_stops_the_start(tmp_path: Path, content: str | None) -> None:
    named = tmp_path / "authorities.pem"
    if content is not None:
        named.write_text(content)
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({**GOOD, "PAYHUB_WEBHOOKS__CA_BUNDLE": str(named)})
    assert "webhooks.ca_bundle" in str(caught.value)
    assert str(named) not in str(caught.value)


def test_an_authority_file_is_optional() -> None:
    assert settings.load(GOOD).webhooks.ca_bundle == ""
    assert settings.load({**GOOD, "PAYHUB_WEBHOOKS__CA_BUNDLE": certifi.where()}).webhooks.ca_bundle == certifi.where()


@pytest.mark.parametrize(("name", "value"), [("SPREAD_PERCENT", "101"), ("SPREAD_PERCENT", "-1"), ("LOG_DAYS", "0")])
def test_waits_are_spread_by_a_share_of_themselves_and_tries_kept_a_day_at_least(name, value) -> None:
    with pytest.raises(settings.SettingsError, match=r"webhooks\.spread_percent must be 0 to 100, webhooks\.log_days 1 or more"):
        settings.load({**GOOD, f"PAYHUB_WEBHOOKS__{name}": value})


def test_secrets_do_not_show_in_a_printout() -> None:
    loaded = settings.load({**GOOD, "DATABASE_URL": "postgresql+psycopg://u:hunter2@h/d"})
    assert "hunter2" not in repr(loaded)
    assert loaded.secrets.keys not in repr(loaded)
