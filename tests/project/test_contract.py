"""Contracts only grow: what was released can still be read by who knew it, and written by who knows the next."""

import json
from pathlib import Path
from typing import Any

import pytest

from cir_schemas import EVENTS
from cir_schemas.envelope import Event

RELEASED = Path(__file__).resolve().parents[2] / "schemas" / "released" / "v1"


def released_form(event: type[Event]) -> Any:
    """The JSON Schema of an event's payload; unknown fields are for its reader to ignore, so nothing forbids them."""
    return _open(event.model_json_schema(mode="serialization", by_alias=True))


def _open(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _open(value) for key, value in schema.items() if key != "additionalProperties" or value is not False
        }
    return [_open(item) for item in schema] if isinstance(schema, list) else schema


def shrunk(old: Any, new: Any, place: str = "") -> list[str]:
    """What a reader of the old contract would miss in the new one: a field, a type, a value; empty where nothing."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return []
    gone = [f"{place}.{key} is gone" for key in old.get("properties", {}) if key not in new.get("properties", {})]
    gone += [
        f"{place} is no longer {old[key]}"
        for key in ("type", "const", "format", "$ref")
        if old.get(key) != new.get(key)
    ]
    gone += [
        f"{place}: {name} need no longer be there"
        for name in set(old.get("required", [])) - set(new.get("required", []))
    ]
    gone += [f"{place}: the value {value} is gone" for value in old.get("enum", []) if value not in new.get("enum", [])]
    for inside in ("properties", "$defs"):
        for key, value in old.get(inside, {}).items():
            gone += shrunk(value, new.get(inside, {}).get(key), f"{place}.{key}")
    if "items" in old:
        gone += shrunk(old["items"], new.get("items"), f"{place}[]")
    if [form for form in old.get("anyOf", []) if form not in new.get("anyOf", [])]:
        gone.append(f"{place}: a form is gone")
    return gone


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_event_only_grows(event: type[Event]) -> None:
    released = RELEASED / f"{event.__name__}.json"
    assert released.exists(), f"release it: write its schema to {released}"
    assert shrunk(json.loads(released.read_text()), released_form(event)) == []


def test_no_released_event_is_dropped() -> None:
    assert {path.stem for path in RELEASED.glob("*.json")} <= {event.__name__ for event in EVENTS}


@pytest.mark.parametrize(
    ("new", "lost"),
    [
        ({"properties": {}}, [".a is gone"]),
        ({"properties": {"a": {"type": "integer"}}}, [".a is no longer string"]),
        ({"properties": {"a": {"type": "string", "enum": ["x"]}}}, [".a: the value y is gone"]),
        ({"properties": {"a": {"type": "string", "enum": ["x", "y", "z"]}, "b": {"type": "string"}}}, []),
    ],
)
def test_a_contract_that_shrank_is_noticed(new: dict[str, Any], lost: list[str]) -> None:
    assert shrunk({"properties": {"a": {"type": "string", "enum": ["x", "y"]}}}, new)[:1] == lost
