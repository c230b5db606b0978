"""Whatever the description of a service allows, it answers as described: no 5xx, no status that it does not name."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from cir_chassis.pseudonym import KeyedSettings
from cir_chassis.service import Server, Service
from conftest import free_port
from deploy.token import AUDIENCE, token
from dossier import app as dossier
from eligibility import app as eligibility
from notifications import app as notifications
from notifications.settings import NotificationsSettings
from priority import app as priority

EXAMPLES = (8, 100)  # of each operation, and in full
CHECKS: list[Any] = [not_a_server_error, status_code_conformance, content_type_conformance]
KEYED = {"person_key": SecretStr("a key of tests alone, of 32 characters")}
MAILED = {
    "smtp": "127.0.0.1:1",
    "mail_from": "register@cir.example",
    "mail_key": SecretStr("k" * 32),
    "public_url": "http://notifications",
}
SERVICES: dict[str, tuple[Callable[[Any], Service[Any]], type[Any], dict[str, Any]]] = {
    "dossier": (dossier.make, dossier.DossierSettings, KEYED),
    "eligibility": (eligibility.make, eligibility.EligibilitySettings, {}),
    "priority": (priority.make, KeyedSettings, KEYED),
    "notifications": (notifications.make, NotificationsSettings, KEYED | MAILED),
}
CASE_WORKER = ("case_worker", {"company": "dijledal"})
CALLERS = {
    "dossier": (("candidate", {"person": "85622300173"}), CASE_WORKER),
    "eligibility": (("rule_author", {}), CASE_WORKER),
    "priority": (("council", {"company": "dijledal"}), CASE_WORKER),
    "notifications": (("helper", {"organisation": "caw"}), CASE_WORKER),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "role", "relation"), [(name, *caller) for name, callers in CALLERS.items() for caller in callers]
)
async def test_a_service_answers_whatever_comes_as_it_describes(
    name: str,
    role: str,
    relation: dict[str, str],
    database_of: Callable[[str], Awaitable[str]],
    login: str,
    pytestconfig: pytest.Config,
) -> None:
    make, of, own = SERVICES[name]
    service = make(
        of(
            database_url=await database_of(name), kafka="127.0.0.1:1", port=free_port(), issuer=login, audience=AUDIENCE,
            environment="demo", today=date(2024, 3, 20), **own,
        )
    )  # fmt: skip
    examples = EXAMPLES[pytestconfig.getoption("long")]
    bearer = await asyncio.to_thread(token, login, role, **relation)
    server = Server(service.app)
    serving = asyncio.create_task(server.serve(sockets=[service.listen()]))
    try:
        url = f"http://127.0.0.1:{service.settings.port}"
        await asyncio.to_thread(
            _ask_everything, url, service.app.openapi(), {"Authorization": f"Bearer {bearer}"}, examples
        )
    finally:
        server.should_exit = True
        await serving
        await service.dispose()


def _ask_everything(url: str, description: dict[str, Any], headers: dict[str, str], examples: int) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for operation in schemathesis.openapi.from_dict(description).include(path_regex="^/v1/").get_all_operations():
            assert isinstance(operation, Ok)

            @settings(
                max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.ok().as_strategy())
            def ask(case: schemathesis.Case[Any]) -> None:
                answer = case.call(url, session=session, headers=headers, timeout=20)
                case.validate_response(answer, checks=CHECKS)

            ask()
