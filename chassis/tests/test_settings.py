"""A wrong setting is named, and its value is not shown; a service with one does not start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from cir_chassis.pseudonym import KeyedSettings, pseudonym
from cir_chassis.settings import Settings, WrongSettings, load

RIGHT = {
    "CIR_DATABASE_URL": "postgresql://someone@127.0.0.1:5432/x",
    "CIR_KAFKA": "127.0.0.1:9092",
    "CIR_PORT": "8101",
    "CIR_ISSUER": "http://127.0.0.1:8100",
    "CIR_AUDIENCE": "cir",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("CIR_")]:
        monkeypatch.delenv(name)
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_the_environment_is_read(environment: pytest.MonkeyPatch) -> None:
    settings = load(Settings)
    assert (settings.port, settings.environment, settings.claims["role"]) == (8101, "production", "cir_role")


def test_the_file_gives_what_the_environment_does_not(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('kafka = "kafka:1"\nport = 9000\n')
    environment.setenv("CIR_SETTINGS_FILE", str(file))
    environment.delenv("CIR_PORT")
    settings = load(Settings)
    assert (settings.port, settings.kafka) == (9000, "127.0.0.1:9092")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CIR_PORT", "secret", "CIR_PORT: "),
        ("CIR_PORT", None, "CIR_PORT: Field required"),
        ("CIR_DATABASE_URL", "mysql://secret", "CIR_DATABASE_URL: "),
        ("CIR_PROT", "8101", "CIR_PROT: no such setting"),
        ("CIR_TODAY", "2024-03-20", "CIR_TODAY is for CIR_ENVIRONMENT=demo alone"),
        ("CIR_SETTINGS_FILE", "/nowhere.toml", "CIR_SETTINGS_FILE: there is no file /nowhere.toml"),
    ],
)
def test_a_wrong_setting_is_named(environment: pytest.MonkeyPatch, name: str, value: str | None, words: str) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(WrongSettings, match=words) as caught:
        load(Settings)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "x" * 31])
def test_a_key_that_is_missing_or_short_is_named_with_what_to_do(environment: pytest.MonkeyPatch, key: str) -> None:
    if key:
        environment.setenv("CIR_PERSON_KEY", key)
    with pytest.raises(
        WrongSettings, match=r"^CIR_PERSON_KEY: give 32 random characters or more.*openssl rand"
    ) as caught:
        load(KeyedSettings)
    assert "xx" not in str(caught.value)
    environment.setenv("CIR_PERSON_KEY", key := "x" * 32)
    assert key not in repr(load(KeyedSettings))


def test_only_who_holds_the_key_gets_the_pseudonym() -> None:
    """The first is what `openssl mac -digest SHA256 -macopt key:… HMAC` says, cut."""
    one, other = SecretStr("k" * 32), SecretStr("K" * 32)
    assert pseudonym("85622300173", one) == "b9ef9280c30e435503c43f9d09e0a8bd"
    assert len({pseudonym(number, key) for number in ("85622300173", "86670100113") for key in (one, other)}) == 4


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_service_with_a_wrong_setting_does_not_start(environment: pytest.MonkeyPatch, command: str) -> None:
    environment.setenv("CIR_PORT", "0")
    done = subprocess.run(
        [sys.executable, "-m", "priority", command], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.startswith("CIR_PORT: ")) == (2, True)


def test_who_names_no_settings_at_all_is_told_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CIR_")]:
        monkeypatch.delenv(name)
    with pytest.raises(WrongSettings, match=r"^CIR_SETTINGS_FILE: name the file .*\nCIR_"):
        load(Settings)
