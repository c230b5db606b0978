"""What notifications is configured with, beside what every service is."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from cir_chassis.pseudonym import SHORTEST, KeyedSettings
from cir_schemas.types import Email

HERE = Path(__file__).parents[2]


class NotificationsSettings(KeyedSettings):
    """One field a setting: `CIR_` and its name in capitals."""

    smtp: Annotated[str, Field(pattern=r"^[^:/\s]+:\d{1,5}$", description="host:port")]
    mail_from: Email
    mail_key: Annotated[SecretStr, Field(min_length=SHORTEST)]
    """Signs the links in mails, and makes the pseudonyms of addresses."""
    public_url: Annotated[str, Field(pattern=r"^https?://")]
    """Where readers of mails find this service: the base of the links in them."""
    register_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    quiet_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = 10
    """How long what is asked must stay the same before it is mailed."""
    unconfirmed_a_day: Annotated[int, Field(ge=1)] = 3
    """Mails within 24 hours to an address that nobody confirmed, of kinds that a candidate brings about by himself."""

    @property
    def quiet(self) -> timedelta:
        return timedelta(minutes=self.quiet_minutes)

    @property
    def domain(self) -> str:
        """What stands right of the @ in a Message-ID."""
        return self.mail_from.rpartition("@")[2]
