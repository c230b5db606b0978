"""The links in a mail are signed: whoever follows one got a mail at that address. They name no address, only its pseudonym."""

from dataclasses import asdict, dataclass
from typing import Any, Literal
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import TypeAdapter, ValidationError

from cir_schemas.types import Language
from notifications.domain.recipients import OPERATORS_OWN, Audience
from notifications.settings import NotificationsSettings
from notifications.store import Due

Use = Literal["not-mine", "confirm"]
"""What a link is for; also its path."""


class WrongLink(ValueError):
    """Not a link of a mail of this service, or one for something else."""


@dataclass(frozen=True)
class Reader:
    """Whoever reads a mail at an address."""

    dossier: UUID
    audience: Audience
    addressee: str
    language: Language


_CLAIMS = TypeAdapter(Reader)


class Links:
    """Makes links and reads what they bring back."""

    def __init__(self, settings: NotificationsSettings) -> None:
        self._key = OctKey.import_key(settings.mail_key.get_secret_value())
        self._base = settings.public_url.rstrip("/")

    def of(self, due: Due, addressee: str) -> dict[str, str]:
        """The links in this mail, by the name that the templates use; none to a mailbox that operators configured."""
        if due.audience in OPERATORS_OWN:
            return {}
        reader = _CLAIMS.validate_python(
            {name: getattr(due, name) for name in Reader.__annotations__} | {"addressee": addressee}
        )
        unconfirmed = {} if due.standing else {"confirm": self._link("confirm", reader)}
        return {"not_mine": self._link("not-mine", reader)} | unconfirmed

    def token(self, use: Use, reader: Reader) -> str:
        """What `read` takes."""
        return jwt.encode({"alg": "HS256"}, asdict(reader) | {"dossier": str(reader.dossier), "use": use}, self._key)

    def read(self, use: Use, token: str) -> Reader:
        """Raises `WrongLink`."""
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            if claims.pop("use") != use:
                raise WrongLink
            return _CLAIMS.validate_python(claims)
        except (JoseError, ValueError, LookupError, ValidationError):
            raise WrongLink from None

    def _link(self, use: Use, reader: Reader) -> str:
        return f"{self._base}/{use}?token={self.token(use, reader)}"
