"""Settings come from the environment or from one file; a wrong one stops the service and is named.

Every setting is an environment variable `CIR_<NAME>`; the file that `CIR_SETTINGS_FILE` names (TOML, keys in lower case
without the prefix) gives what the environment does not.
"""

import os
from datetime import date
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PREFIX = "CIR_"
FILE = "CIR_SETTINGS_FILE"


class WrongSettings(Exception):
    """One line per wrong setting: its name and what is wrong with it, never its value (it may be a secret)."""


Address = Annotated[str, Field(pattern=r"^[^:/\s]+:\d{1,5}(,[^:/\s]+:\d{1,5})*$", description="host:port")]
PublicAddress = Annotated[str, Field(pattern=r"^(https://[^/\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/?$")]
"""Without a path. Plain http on the loopback alone: what is logged in there would be anyone's."""


class Settings(BaseSettings):
    """The settings of every service. A service adds its own by subclassing."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: Annotated[str, Field(pattern=r"^postgresql://")]
    kafka: Address
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    issuer: Annotated[str, Field(pattern=r"^https?://")]
    audience: str
    claims: dict[str, str] = {name: f"cir_{name}" for name in ("role", "number", "company", "organisation")} | {
        "name": "name"
    }
    """Which claim of a token holds the caller's role, which his relations, and which the name that pages show him."""
    public: dict[str, PublicAddress] = {}
    """Service → the address at which browsers find it. Without them the service shows no pages."""
    session_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """Seals what browsers keep: on one host the same for every service, which share the login there."""
    client_secret: SecretStr | None = None
    """By which the provider knows us when somebody logs in to the pages; the client's name is the audience."""
    otlp: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """The collector that spans are exported to: OTLP over HTTP. Without one nothing is exported."""
    environment: Literal["production", "demo"] = "production"
    today: date | None = None
    """The day it is: for demos and tests alone."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _production_lives_today(self) -> "Settings":
        if self.today and self.environment == "production":
            raise ValueError("CIR_TODAY is for CIR_ENVIRONMENT=demo alone: in production the day is the real one")
        return self

    @model_validator(mode="after")
    def _pages_need_a_key(self) -> "Settings":
        if self.public and not self.session_key:
            raise ValueError("CIR_SESSION_KEY: pages need one, of 32 random characters or more: openssl rand -hex 32")
        return self

    @classmethod
    def settings_customise_sources(  # type: ignore[override]
        cls, settings_cls: type[BaseSettings], **sources: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(FILE)
        files = [TomlConfigSettingsSource(settings_cls, file)] if file else []
        return sources["init_settings"], sources["env_settings"], *files


S = TypeVar("S", bound=Settings)


def load(kind: type[S]) -> S:
    """Read the settings of a service. Raises `WrongSettings`."""
    wrong = []
    if (file := os.environ.get(FILE)) and not os.path.isfile(file):
        wrong.append(f"{FILE}: there is no file {file}")
    known = {PREFIX + name.upper() for name in kind.model_fields} | {FILE}
    given = {name for name in os.environ if name.startswith(PREFIX)}
    wrong += [f"{name}: no such setting" for name in sorted(given - known)]
    if wrong:
        raise WrongSettings("\n".join(wrong))
    try:
        return kind()
    except ValidationError as error:
        if not file and not given:
            wrong.append(f"{FILE}: name the file of the settings (a demo's are .demo/<service>.toml)")
        for one in error.errors(include_input=False, include_url=False):
            name = [PREFIX + ".".join(map(str, one["loc"])).upper()] if one["loc"] else []
            wrong.append(": ".join([*name, one["msg"].removeprefix("Value error, ")]))
        raise WrongSettings("\n".join(wrong)) from None
    except ValueError as error:  # a file that is no TOML
        raise WrongSettings(f"{FILE}: {error}") from None
