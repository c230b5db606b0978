"""Reads a folder of rule files; what they mean is the domain's. Values keep their line, numbers with a point stay exact."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import yaml

from cir_schemas.household import Member
from eligibility.domain.rulebook import RuleBook, compile_rules
from eligibility.domain.source import Node, Raw, WrongRuleFile, meant
from eligibility.requests import SHAPES, leaves
from eligibility.texts import TEXTS

RULES = Path(__file__).parents[2] / "rules"
PARTS = ("facts.yaml", "figures.yaml", "parameters/*.yaml", "conditions/*.yaml")
LARGEST = 256 * 1024  # bytes of a file: five times what we have, read in a moment
DEEPEST = 20
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where there is, forty times as fast
WHOLE = re.compile(r"[-+]?[0-9]{1,12}")  # so that it fits a column
POINT = re.compile(r"[-+]?[0-9]{1,12}\.[0-9]{1,12}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
WORDS: dict[str, Raw] = {"true": True, "false": False, "null": None, "~": None, "": None}


def load(folder: Path) -> RuleBook:
    """The rules of a folder, compiled.

    Raises `WrongRuleFile` (file:line and what was meant).
    """
    return compile_texts(texts(folder), f"{folder}/")


def texts(folder: Path) -> dict[str, str]:
    """Every rule file of a folder, cases apart: path in the folder → text."""
    files = [path for part in PARTS for path in sorted(folder.glob(part)) if not path.name.endswith(".cases.yaml")]
    if not files:
        raise WrongRuleFile(f"{folder}: no rule files here (facts.yaml, parameters/, conditions/)")
    return {path.relative_to(folder).as_posix(): text_of(path) for path in files}


def text_of(path: Path) -> str:
    """The text of a file of a sane size. Raises `WrongRuleFile`."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise WrongRuleFile(f"{path}:1: larger than {LARGEST // 1024} KiB: divide it")
        return content.decode()
    except OSError as error:
        raise WrongRuleFile(f"{path}:1: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise WrongRuleFile(f"{path}:{line}: not UTF-8") from None


def compile_texts(texts: Mapping[str, str], place: str = "") -> RuleBook:
    """Rules from their texts; the rules' hash is that of the texts.

    place: the folder they are in, which goes before each path in a complaint; those that are kept, of an earlier day, have none,
    and may know less than the contract now does.
    """
    texts, digest = dict(sorted(texts.items())), hashlib.sha256()
    for name, text in texts.items():
        digest.update(f"{name}\0{len(text.encode())}\0{text}".encode())
    rules = compile_rules(documents(texts, place), TEXTS, f"sha256:{digest.hexdigest()}")
    if place:
        check_contract(rules)
    return rules


def documents(texts: Mapping[str, str], place: str = "") -> dict[str, list[Node]]:
    """Each file's documents; place: as of `compile_texts`."""
    return {name: read(text, place + name) for name, text in texts.items()}


def check_contract(rules: RuleBook) -> None:
    """The values of each fact are those of the contract. Raises `WrongRuleFile`."""
    for fact in rules.facts.values():
        if fact.name not in Member.model_fields:
            raise fact.place.wrong(f"the contract knows no `{fact.name}`{meant(fact.name, Member.model_fields)}")
        shape = SHAPES.get(fact.name, Member)
        if shape is Member:
            kind = {"date": date, "amount": int}.get(fact.type)
            given: dict[str, set[Any]] = {fact.name: {kind} if kind else set(fact.values or ()) or {bool}}
        elif (shape in get_args(Member.model_fields[fact.name].annotation)) != (fact.type == "proven_claim"):
            raise fact.place.wrong(f"`{fact.name}` is not {fact.type} in the contract")
        else:
            given = {name: set(values) for name, values in fact.fields.items()}
            amounts = [*fact.amounts, *([fact.amount, "months"] if fact.amount else [])]
            given |= {amount: {int} for amount in amounts}
            if fact.proofs_by:
                given[fact.proofs_by] = {ground for ground in fact.proofs if ground}
        for name, values in given.items():
            known = leaves(shape.model_fields[name].annotation) if name in shape.model_fields else set()
            if known != values:
                words = ", ".join(sorted(getattr(one, "__name__", one) for one in known)) or "unknown"
                raise fact.place.wrong(f"`{name}` is in the contract: {words}")


def read(text: str, file: str) -> list[Node]:
    """Every YAML document of a file, as far as rules need YAML: no aliases (a few lines become gigabytes), no tags, no depths."""
    events = yaml.parse(text, Loader=LOADER)
    try:
        return [_node(next(events), events, file) for event in events if isinstance(event, yaml.DocumentStartEvent)]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise WrongRuleFile(f"{file}:{line}: not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        raise WrongRuleFile(f"{file}:{text.count(chr(10), 0, error.position) + 1}: not YAML: {error.reason}") from None


def _node(event: Any, events: Iterator[Any], file: str, depth: int = 0) -> Node:
    """The node that begins with this event; takes what belongs to it from those that follow."""
    node = Node(None, file, event.start_mark.line + 1)
    if event.anchor:
        raise node.wrong(f"`{event.anchor}` is an anchor or alias: write out what stands there")
    if event.tag:
        raise node.wrong(f"`{event.tag}` is a tag: a value is what it looks like")
    if depth > DEEPEST:
        raise node.wrong(f"nested deeper than {DEEPEST}")
    if isinstance(event, yaml.ScalarEvent):
        return replace(node, value=_scalar(event, node))
    if isinstance(event, yaml.SequenceStartEvent):
        return replace(node, value=[_node(item, events, file, depth + 1) for item in takewhile(_goes_on, events)])
    mapping: dict[str, Node] = {}
    for key in takewhile(_goes_on, events):
        name = _node(key, events, file, depth + 1)
        if not isinstance(key, yaml.ScalarEvent):
            raise name.wrong("a key is a word")
        if key.value in mapping:
            raise name.wrong(f"`{key.value}` stands here twice")
        mapping[key.value] = _node(next(events), events, file, depth + 1)
    return replace(node, value=mapping)


def _goes_on(event: Any) -> bool:
    return not isinstance(event, yaml.CollectionEndEvent)


def _scalar(event: Any, node: Node) -> Raw:
    text = str(event.value)
    if not event.implicit[0]:  # quoted: "6.10" is an article, not a number
        return text
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if WHOLE.fullmatch(text):
        return int(text)
    if POINT.fullmatch(text):
        return Decimal(text)
    if DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise node.wrong(f"there is no day {text}") from None
    return text
