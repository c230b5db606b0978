"""JSON schemas of the rule files, for editors: made from the shapes that the service reads them by. `make fix` writes them."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from cir_schemas.household import Member
from eligibility.cases import ABSENT, CaseFile
from eligibility.domain.facts import FactsFile
from eligibility.domain.parameters import ParameterFile
from eligibility.domain.rulebook import OUTCOMES, ConditionFile, FiguresFile
from eligibility.domain.source import Shape
from eligibility.domain.verbs import Verb
from eligibility.rulefiles import RULES

FILES: dict[str, type[BaseModel]] = {
    "condition": ConditionFile, "facts": FactsFile, "figures": FiguresFile, "parameter": ParameterFile, "cases": CaseFile,
}  # fmt: skip
AMOUNT = {"type": ["number", "string", "null"], "description": "Euro; null is unknown."}


def written() -> dict[str, str]:
    """The text of each file: a shape a line."""
    found = {}
    for name, file in FILES.items():
        schema = _schema(file)
        shapes = [f'  "{shape}": {json.dumps(of, ensure_ascii=False)}' for shape, of in schema.pop("$defs").items()]
        head = "".join(f' "{key}": {json.dumps(value)},\n' for key, value in schema.items())
        body = ",\n".join(shapes)
        found[f"{name}.json"] = f'{{\n{head} "$defs": {{\n{body}\n }}\n}}\n'
    return found


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # it would say what the key says


def _schema(file: type[BaseModel]) -> dict[str, Any]:
    verbs = list(Verb.known.values()) if file in (ConditionFile, FiguresFile) else []
    models: list[type[BaseModel]] = [file, *verbs, *([Member] if file is CaseFile else [])]
    _, found = models_json_schema([(model, "validation") for model in models], schema_generator=_Untitled)
    shapes = found["$defs"]
    for shape in _shapes():
        _without_null(shape, shapes.get(shape.__name__, {}))
    if "Verb" in shapes:
        shapes["Verb"] = {"anyOf": [{"$ref": f"#/$defs/{verb.__name__}"} for verb in verbs]}
    root: dict[str, Any] = {"$ref": f"#/$defs/{file.__name__}"}
    if file is CaseFile:
        _open(shapes)
        root = {"type": "array", "items": root}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": shapes}


def _without_null(shape: type[Shape], schema: dict[str, Any]) -> None:
    """A key that is left out is left out; null is only written where it says something."""
    for key, value in schema.get("properties", {}).items():
        if value.get("default", "") is None and key not in shape.nullable:
            kinds = [kind for kind in value.pop("anyOf") if kind != {"type": "null"}]
            del value["default"]
            value |= {**kinds[0], **value} if len(kinds) == 1 else {"anyOf": kinds}


def _shapes(of: type[Shape] = Shape) -> Iterator[type[Shape]]:
    for shape in of.__subclasses__():
        yield shape
        yield from _shapes(shape)


def _open(shapes: dict[str, Any]) -> None:
    """A case says only what matters of a person, and amounts as numbers; the conditions it expects are not known here."""
    for shape in shapes.values():
        properties = shape.get("properties", {})
        for key, value in properties.items():
            if "9000000.00" in str(value) and "$ref" not in str(value):
                properties[key] = AMOUNT
        if shape["title"] not in ("CaseFile", "Income"):
            shape.pop("required", None)
    member = shapes["Member"]["properties"]
    del member["id"], member["role"]
    member["incomes"]["anyOf"].append(AMOUNT | {"description": "The assessment of the year before."})
    for persons in ("candidates", "co_residents"):
        shapes["CaseFile"]["properties"][persons]["items"] = {"$ref": "#/$defs/Member"}
    shapes["Expect"]["additionalProperties"] = {"enum": [*OUTCOMES, ABSENT]}


if __name__ == "__main__":
    for name, text in written().items():
        (RULES / "schema" / name).write_text(text, encoding="utf-8")
