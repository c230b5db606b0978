"""Imports point one way: domain ← store ← handlers, use-cases ← http, pages ← app; no service knows another."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("dossier", "eligibility", "priority", "notifications")
EDGES = {"http", "pages", "app", "__main__"}
MAY_NOT = {  # module of a service → its own modules that it may not import
    "domain": EDGES | {"handlers", "store", "tables"},
    "tables": EDGES | {"handlers", "store"},
    "store": EDGES | {"handlers", "use_cases", "actions", "reading"},
    "compose": EDGES | {"handlers", "store", "tables", "use_cases"},
    "handlers": EDGES,
    "use_cases": EDGES | {"handlers"},
    "actions": EDGES | {"handlers"},
}
PURE = {"eligibility": {"numpy", "pydantic", "durable", "durable_rules_engine"}}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_knows_another(service: str) -> None:
    others = set(SERVICES) - {service}
    for file in sources(f"services/{service}/src"):
        assert not {name.split(".")[0] for name in imports(file)} & others, file


@pytest.mark.parametrize("service", SERVICES)
def test_imports_point_one_way(service: str) -> None:
    for file in sources(f"services/{service}/src/{service}"):
        inside = file.relative_to(ROOT / "services" / service / "src" / service)
        layer = "domain" if "domain" in inside.parts else file.stem  # a service may have folders by subject
        own = {part for name in imports(file) if name.startswith(f"{service}.") for part in name.split(".")[1:3]}
        assert not own & MAY_NOT.get(layer, set()), f"{file} imports {sorted(own & MAY_NOT[layer])}"


@pytest.mark.parametrize("service", SERVICES)
def test_the_domain_is_pure(service: str) -> None:
    allowed = sys.stdlib_module_names | {service} | PURE.get(service, set())
    for file in sources(f"services/{service}/src/{service}/domain"):
        assert {name.split(".")[0] for name in imports(file)} <= allowed, file


def test_one_module_alone_knows_the_rule_engine() -> None:
    knows = [
        file.name for file in sources("services/eligibility/src") if any(n.startswith("durable") for n in imports(file))
    ]
    assert knows == ["matcher.py"]


def test_the_chassis_and_the_contract_stand_below_the_services() -> None:
    for file in sources("chassis/src"):
        assert not {name.split(".")[0] for name in imports(file)} & {*SERVICES, "cir_schemas"}, file
    for file in sources("schemas/src"):
        assert not {name.split(".")[0] for name in imports(file)} & {*SERVICES, "cir_chassis"}, file


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_of_a_service_stand_in_one_line(service: str) -> None:
    """Two of one number, made at the same time, are a service that does not start."""
    found = [(file.name[:4], file.read_text()) for file in sources(f"services/{service}/migrations/versions")]
    for n, (number, text) in enumerate(found, start=1):
        before = f'"{n - 1:04}"' if n > 1 else "None"
        assert number == f"{n:04}"
        assert f'\nrevision = "{number}"\ndown_revision = {before}\n' in text, number
