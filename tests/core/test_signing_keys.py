"""Keys that sign what others keep: read from PEM, published whole, made where no money is real."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from payhub import settings
from payhub.attesting import keys
from payhub.attesting.keys import Attester, Signing
from payhub.cli.signing import signing_keys as command
from payhub.crypto import new_key

FIRST, SECOND = keys.new_key(), keys.new_key()
OTHER = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = keys.public_half(keys.read(FIRST)[0])


def test_the_first_private_key_signs_and_all_are_published(tmp_path) -> None:
    attester = Attester(Signing(PUBLIC + SECOND), tmp_path, live=True)
    key, signature = attester.sign(b"a day")
    assert key == keys.read(SECOND)[0].id
    assert attester.verifies(key, b"a day", signature)
    assert not attester.verifies(key, b"another", signature)
    assert not attester.verifies(keys.read(FIRST)[0].id, b"a day", signature)
    assert [each["kid"] for each in attester.jwks()["keys"]] == [keys.read(FIRST)[0].id, key]
    assert not any("PRIVATE" in str(each) or "d" in each for each in attester.jwks()["keys"])


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("secret", id="no PEM"), pytest.param(PUBLIC, id="none that signs"), pytest.param(FIRST + FIRST, id="one twice"),
        pytest.param(FIRST + PUBLIC, id="both halves"), pytest.param(OTHER, id="of another kind"), pytest.param(FIRST + "more", id="more"),
        pytest.param(FIRST.replace("MC4C", "MC4D"), id="damaged"), pytest.param(FIRST[:-30], id="cut off"),
    ],
)
def test_what_is_no_key_stops_the_start_and_is_not_quoted(wrong) -> None:
    given = {
        "PAYHUB_MODE": "test", "DATABASE_URL": "postgresql+psycopg://x", "REDIS_URL": "redis://x", "PAYHUB_WEB__BASE_URL": "http://localhost",
        "PAYHUB_SECRETS__KEYS": "1:" + new_key(),
    }  # fmt: skip
    with pytest.raises(settings.SettingsError, match="signing") as caught:
        settings.load({**given, "PAYHUB_SIGNING__KEYS": wrong})
    assert wrong not in str(caught.value)
    loaded = settings.load({**given, "PAYHUB_SIGNING__KEYS": FIRST})
    assert FIRST.splitlines()[1] not in repr(loaded)


def test_processes_that_start_together_make_one_key(tmp_path) -> None:
    home = tmp_path / "home"
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: Attester(Signing(), home, live=False).signs.id, range(8)))
    assert len(made) == 1
    assert [path.name for path in home.iterdir()] == ["signing.pem"]
    assert (home / "signing.pem").stat().st_mode & 0o777 == 0o600


def test_where_money_is_real_no_key_is_made(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"signing\.keys"):
        Attester(Signing(), tmp_path, live=True).sign(b"a day")
    assert list(tmp_path.iterdir()) == []


def test_commands_make_list_and_publish_keys(hub, tmp_path) -> None:
    file = tmp_path / "next.pem"
    made = CliRunner().invoke(command, ["new", str(file)])
    assert (made.exit_code, keys.read(file.read_text())[0].id) == (0, made.output.strip())
    assert CliRunner().invoke(command, ["new", str(file)]).exit_code != 0
    listed = CliRunner().invoke(command, ["list"], obj=lambda: hub).output.split()
    assert listed[1] == "signs"
    public = CliRunner().invoke(command, ["public", listed[0]], obj=lambda: hub).output
    assert public.startswith("-----BEGIN PUBLIC KEY-----")
    assert hub.attester.keys[listed[0]].public == keys.read(public + FIRST)[0].public
