"""A person is known by the same pseudonym to every service that holds one key, and to nobody else."""

import hmac

from pydantic import Field, SecretStr, field_validator

from cir_chassis.settings import Settings

SHORTEST = 32  # characters of a key


class KeyedSettings(Settings):
    """The settings of a service that knows people by pseudonym."""

    person_key: SecretStr = Field(default=SecretStr(""), validate_default=True)
    """The key of the pseudonyms: at least 32 characters, the same for every service that has it."""

    @field_validator("person_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < SHORTEST:
            what = f"give {SHORTEST} random characters or more, the same to every service that asks"
            raise ValueError(f"{what}: openssl rand -hex {SHORTEST}")
        return key


def pseudonym(number: str, key: SecretStr) -> str:
    """The name of a person for the services that hold the key: 32 hexadecimal characters of HMAC-SHA-256.

    number: the number that a login gives the caller. Without the key nobody can go back to it, nor check a guess. A plain
    hash would hide nothing: there are so few numbers of eleven digits that all of them are tried within seconds.
    """
    return hmac.digest(key.get_secret_value().encode(), number.encode(), "sha256").hex()[:32]
