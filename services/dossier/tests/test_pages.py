"""The register's pages without its data: the door is open to anyone, and in production offers nobody to look as."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from deploy.embedded import ROOT
from dossier.app import DossierSettings, make

from .conftest import KEY

PEOPLE = ROOT / "deploy/embedded/people.json"


def settings(**changed: Any) -> DossierSettings:
    nowhere: dict[str, Any] = {"database_url": "postgresql://127.0.0.1:1/x", "kafka": "127.0.0.1:1", "port": 1}
    known = {"issuer": "http://127.0.0.1:1", "audience": "cir", "person_key": KEY, "session_key": KEY}
    return DossierSettings(**nowhere | known | {"public": {"dossier": "https://register.example"}} | changed)


async def start_page(told: DossierSettings) -> str:
    service = make(told)
    transport = httpx.ASGITransport(app=service.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://register.example") as client:
        answer = await client.get("/", headers={"Accept": "text/html", "Accept-Language": "en"})
    await service.dispose()
    assert answer.status_code == 200
    return answer.text


async def test_the_door_offers_people_in_a_demo_alone(tmp_path: Path) -> None:
    documents = (tmp_path / "documents").as_uri()
    page = await start_page(settings(documents=documents))
    assert 'href="/login"' in page
    assert "data-person" not in page
    assert "demo" not in page
    page = await start_page(settings(documents=documents, environment="demo", people=PEOPLE))
    assert 'data-person="candidate-85622310269"' in page
    with pytest.raises(ValidationError, match="CIR_PEOPLE"):
        settings(people=PEOPLE)


def test_pages_need_a_key_and_a_safe_address() -> None:
    with pytest.raises(ValidationError, match="CIR_SESSION_KEY"):
        settings(session_key=None)
    for address in ("http://register.example", "https://register.example/path", "register.example"):
        with pytest.raises(ValidationError, match="public"):
            settings(public={"dossier": address})
