"""An AsyncAPI 3 document for integrators: the topics of a service, made from the types of event that go over them."""

import inspect
from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

_ATTRIBUTES = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject")


def channels(name: str, description: str, publishes: Sequence[Any], consumes: Sequence[Any]) -> dict[str, Any]:
    """The document of one service. publishes, consumes: types of event, pydantic models with their topic, type and the field that
    is their key."""
    kinds = list(dict.fromkeys([*publishes, *consumes]))
    template = "#/components/schemas/{model}"
    _, schemas = models_json_schema([(kind, "validation") for kind in kinds], ref_template=template)
    operations = [("send", kind) for kind in publishes] + [("receive", kind) for kind in consumes]
    topics = {kind.topic: {of.__name__: _message(of) for of in kinds if of.topic == kind.topic} for kind in kinds}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": name, "version": "1", "description": description},
        "defaultContentType": "application/json",
        "channels": {topic: {"address": topic, "messages": messages} for topic, messages in topics.items()},
        "operations": {
            f"{action}{kind.__name__}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{kind.topic}"},
                "messages": [{"$ref": f"#/channels/{kind.topic}/messages/{kind.__name__}"}],
            }
            for action, kind in operations
        },
        "components": {"schemas": schemas.get("$defs", {})},
    }


def _message(kind: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {name: {"type": "string"} for name in (*_ATTRIBUTES, "traceparent")}
    attributes["ce_type"]["const"], attributes["ce_source"]["const"] = kind.type, kind.source
    return {
        "name": kind.type,
        "summary": inspect.getdoc(kind),
        "headers": {"type": "object", "properties": attributes, "required": list(_ATTRIBUTES[1:])},
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {"kafka": {"key": kind.model_json_schema()["properties"][kind.keyed_by]}},
    }
