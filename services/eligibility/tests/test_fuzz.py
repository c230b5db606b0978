"""No rule file, whatever became of it, ends in anything but rules or a complaint with file and line."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from eligibility import cases
from eligibility.domain.decide import Engine
from eligibility.domain.source import WrongRuleFile
from eligibility.rulefiles import RULES, compile_texts, texts

FILES = texts(RULES)
PIECES = re.findall(r"[\w.]+|\S|\s+", "\n".join(FILES.values()))
STRANGE = [
    "null", "true", "~", "-1", "0", "1.5", "999999999999", "2024-02-30", "2024-01-01", "[]", "{}", '""', "[[]]", "{a: {b: []}}",
    "é", "'", '"', ":", "-", "---", "&a", "*a", "!x", "? [a]", "|", ">", "\t", "#", "{", "}", "[", "]", ",", "applicant.", "..",
    "some_candidate", "each_candidate", "{person}", "{limit - }", "\0", "\ud7ff", "income.x", "limit", "household", "when: {}",
    "unless: [{}]",
]  # fmt: skip
PLACE = re.compile(r"^rules/[\w./]+:\d+: \S")
SEEDS = [pytest.param(seed, marks=pytest.mark.long if seed else ()) for seed in range(64)]  # 500 files each: 32,000


CASES = [
    "- case" + case for path in sorted(RULES.rglob("*.cases.yaml")) for case in path.read_text().split("\n- case")[1:]
]


def word(rng: random.Random, text: str) -> str:
    """Another word, or something strange, in the place of one."""
    found = rng.choice(list(re.finditer(r"[\w.\"{}]+", text)))
    piece: str = rng.choice((*STRANGE, *rng.sample(PIECES, len(STRANGE))))
    return text[: found.start()] + piece + text[found.end() :]


def line(rng: random.Random, text: str) -> str:
    """A line left out, said twice, moved elsewhere, or deeper."""
    lines = text.splitlines()
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    changes: list[Callable[[], list[str]]] = [
        lambda: lines[:at] + lines[at + 1 :],
        lambda: lines[:at] + lines[at : at + 1] + lines[at:],
        lambda: [*lines[:to], lines[at], *lines[to:]],
        lambda: [*lines[:at], rng.choice(("  ", " ", "- ", "    ")) + lines[at], *lines[at + 1 :]],
    ]
    return "\n".join(rng.choice(changes)())


def cut(rng: random.Random, text: str) -> str:
    """A piece left out, or put elsewhere."""
    start = rng.randrange(len(text))
    piece = text[start : start + rng.randrange(1, 60)]
    rest = text[:start] + text[start + len(piece) :]
    to = rng.randrange(len(rest))
    return rest if rng.random() < 0.5 else rest[:to] + piece + rest[to:]


def spoiled(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        text = rng.choice((word, word, line, cut))(rng, text) or "x"
    return text


def test_cases_become_cases_or_a_complaint_with_their_place(tmp_path: Path) -> None:
    rng, read, without_place = random.Random(1), 0, list[str]()
    file = tmp_path / "some.cases.yaml"
    for _ in range(500):
        file.write_text(spoiled(rng, rng.choice(CASES)), encoding="utf-8", errors="surrogatepass")
        try:
            read += len(cases.read(file))
        except WrongRuleFile as error:
            place = re.compile(rf"^{re.escape(str(file))}:(\d+: \S| no cases here)")
            without_place += [said for said in str(error).splitlines() if not place.match(said)]
    assert without_place == []
    assert 0 < read < 400


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_rule_file_becomes_rules_or_a_complaint_with_its_place(seed: int) -> None:
    rng, loaded, without_place = random.Random(seed), 0, list[tuple[str, str]]()
    for _ in range(500):
        name = rng.choice(list(FILES))
        text = spoiled(rng, FILES[name])
        try:
            Engine(compile_texts({**FILES, name: text}, "rules/"))
            loaded += 1
        except WrongRuleFile as error:
            without_place += [(said, text) for said in str(error).splitlines() if not PLACE.match(said)]
    assert without_place == []
    assert 0 < loaded < 400
