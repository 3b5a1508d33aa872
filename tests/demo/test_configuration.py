"""The configuration files that come with the hub can be used as they are."""

import base64
from pathlib import Path

import pytest

from payhub.attesting.keys import new_key
from payhub.settings import SettingsError, load

CONFIG = Path(__file__).parents[2] / "config"
STORES = {"DATABASE_URL": "postgresql+psycopg:///payhub", "REDIS_URL": "redis://127.0.0.1"}


@pytest.mark.parametrize("name", ["development", "demo", "test"])
def test_it_needs_nothing_but_the_stores(name):
    settings = load({"PAYHUB_CONFIG": str(CONFIG / f"{name}.toml"), **STORES})
    assert settings.mode == "test"


@pytest.mark.parametrize("name", ["development", "demo", "test"])
def test_its_key_is_refused_where_money_is_real(name):
    environ = {
        "PAYHUB_CONFIG": str(CONFIG / f"{name}.toml"),
        "PAYHUB_MODE": "live",
        "PAYHUB_WEB__BASE_URL": "https://hub.example",
        **STORES,
    }
    with pytest.raises(SettingsError, match="printed in the repository"):
        load(environ)


def test_the_example_for_production_lacks_exactly_what_is_secret():
    with pytest.raises(SettingsError) as caught:
        load({"PAYHUB_CONFIG": str(CONFIG / "production.example.toml")})
    missing = [line.split()[0] for line in str(caught.value).splitlines()[1:]]
    assert missing == ["DATABASE_URL", "REDIS_URL", "PAYHUB_SECRETS__KEYS"]
    key = "1:" + base64.b64encode(bytes(range(32))).decode()
    with pytest.raises(SettingsError, match=r"PAYHUB_SIGNING__KEYS .* `payhub signing-keys new FILE`"):
        load({"PAYHUB_CONFIG": str(CONFIG / "production.example.toml"), "PAYHUB_SECRETS__KEYS": key, **STORES})


def test_the_example_for_production_is_live_once_it_has_its_secrets():
    key = "1:" + base64.b64encode(bytes(range(32))).decode()
    secrets = {"PAYHUB_SECRETS__KEYS": key, "PAYHUB_SIGNING__KEYS": new_key()}
    settings = load({"PAYHUB_CONFIG": str(CONFIG / "production.example.toml"), **secrets, **STORES})
    assert settings.live
    assert not settings.webhooks.private_addresses


def test_the_demo_lets_money_come_after_a_payment_has_expired():
    settings = load({"PAYHUB_CONFIG": str(CONFIG / "demo.toml"), **STORES})
    from payhub.demo.run import DELAYS
    from payhub.demo.stories import STORIES

    late = [story for story in STORIES if story.expires_s]
    assert late
    assert all(story.expires_s < settings.payments.order_s for story in late)
    assert DELAYS.late_s > settings.jobs.expiry_s + 1
