"""Reads a folder of rule files; what they mean is the domain's. Values keep their line, numbers with a point stay exact."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import yaml

from eligibility.domain.rulebook import RuleBook, compile_rules
from eligibility.domain.source import Node, Raw, WrongRuleFile

RULES = Path(__file__).parents[2] / "rules"
PARTS = ("facts.yaml", "figures.yaml", "parameters/*.yaml", "conditions/*.yaml")
WHOLE = re.compile(r"[-+]?\d+")
POINT = re.compile(r"[-+]?\d+\.\d+")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
WORDS: dict[str, Raw] = {"true": True, "false": False, "null": None, "~": None, "": None}


def load(folder: Path) -> RuleBook:
    """The rules of a folder, compiled.

    Raises `WrongRuleFile` (file:line and what was meant).
    """
    return compile_texts(texts(folder), f"{folder}/")


def texts(folder: Path) -> dict[str, str]:
    """What is decided by: every rule file of a folder, cases apart; path in the folder → text."""
    files = [path for part in PARTS for path in sorted(folder.glob(part)) if not path.name.endswith(".cases.yaml")]
    if not files:
        raise WrongRuleFile(f"{folder}: no rule files here (facts.yaml, parameters/, conditions/)")
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def compile_texts(texts: Mapping[str, str], place: str = "") -> RuleBook:
    """Rules from their texts; the rules' hash is that of the texts. place: goes before each path in a complaint."""
    texts, digest = dict(sorted(texts.items())), hashlib.sha256()
    for name, text in texts.items():
        digest.update(f"{name}\0{len(text.encode())}\0{text}".encode())
    documents = {name: read(text, place + name) for name, text in texts.items()}
    return compile_rules(documents, f"sha256:{digest.hexdigest()}")


def read(text: str, file: str) -> list[Node]:
    """Every YAML document of a file."""
    try:
        return [_node(document, file) for document in yaml.compose_all(text, Loader=yaml.SafeLoader) if document]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise WrongRuleFile(f"{file}:{line}: not YAML: {error.problem}") from None


def _node(node: yaml.Node, file: str) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Node] = {}
        for key, value in node.value:
            if key.value in mapping:
                raise WrongRuleFile(f"{file}:{key.start_mark.line + 1}: `{key.value}` stands here twice")
            mapping[key.value] = _node(value, file)
        return Node(mapping, file, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(item, file) for item in node.value], file, line)
    return Node(_scalar(node, file, line), file, line)


def _scalar(node: yaml.Node, file: str, line: int) -> Raw:
    text = str(node.value)
    if getattr(node, "style", None):  # quoted: "6.10" is an article, not a number
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
            raise WrongRuleFile(f"{file}:{line}: there is no day {text}") from None
    return text
