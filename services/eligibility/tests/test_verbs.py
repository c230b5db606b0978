"""A verb of the rule language is one class: it is read, computed, described, explained and shown to editors by that alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cir_schemas.household import HouseholdToAssess
from eligibility.domain.decide import Engine
from eligibility.domain.figures import Name, Table, Value
from eligibility.domain.source import WrongRuleFile
from eligibility.domain.verbs import Scope, Verb
from eligibility.explain import explain
from eligibility.rulefiles import load
from eligibility.texts import TEXTS, described, pages

from .build import household
from .schema import written
from .test_contract import EXAMPLE
from .test_rules_cli import spoil


@pytest.fixture
def twice() -> Iterator[None]:
    """A verb that the register does not have; all there is of it stands here."""

    class Twice(Verb):
        """An amount or a number of the household, twice."""

        twice: str
        """Of what."""
        says = {"nl": "tweemaal `{{ v.twice }}`", "en": "twice `{{ v.twice }}`"}
        _of: Name

        def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
            self._of = scope.name(self.under("twice"))
            return self._of.each, self._of.money

        def evaluate(self, table: Table) -> Value:
            num, marks, den = self._of.read(table)
            return Value(2 * num, marks, den)

    yield
    del Verb.known["twice"]


def test_a_new_verb_is_one_class(rules: Path, twice: None) -> None:
    file = rules / "conditions/means.yaml"
    spoil(file, "show: [balances, limit]", "  most: {twice: limit}\nshow: [balances, most]")
    spoil(file, "{balances: {above: limit}}", "{balances: {above: most}}")
    spoil(file, "boven de grens ({limit})", "boven de grens ({most})")
    spoil(file, "above the limit ({limit})", "above the limit ({most})")
    spoil(file, "{balances - limit} boven", "{balances - most} boven")
    spoil(file, "{balances - limit} above", "{balances - most} above")
    engine = Engine(load(rules))
    at, above, unknown = (household({"balances": euro}) for euro in (59030, 59030.01, None))
    answers = [answer["conditions"]["means"] for answer in engine.decide([at, above, unknown])]
    assert [answer["outcome"] for answer in answers] == ["met", "not_met", "to_investigate"]
    assert answers[0]["figures"] == {"balances": "59030.00", "most": "59030.00"}
    assert "- `most`: twice `limit`" in pages(engine.rules, "en")["means"]
    assert "- `most`: tweemaal `limit`" in pages(engine.rules, "nl")["means"]
    opened = explain(engine, HouseholdToAssess.model_validate(EXAMPLE))["conditions"]["means"]["figures"]
    assert [(one["figure"], one["verb"], one["of"][0]["figure"]) for one in opened[1:]] == [("most", "twice", "limit")]
    shapes = json.loads(written()["condition.json"])["$defs"]
    assert {"$ref": "#/$defs/Twice"} in shapes["Verb"]["anyOf"]
    assert shapes["Twice"]["properties"]["twice"]["description"] == "Of what."


def test_a_slip_in_a_new_verb_is_told_as_in_any_other(rules: Path, twice: None) -> None:
    file = rules / "conditions/means.yaml"
    at = spoil(file, "show: [", "  most: {twise: limit}\nshow: [")
    with pytest.raises(WrongRuleFile, match="a figure has no verb: did you mean `twice`") as error:
        load(rules)
    assert str(error.value).startswith(at)
    spoil(file, "twise: limit", "twice: limits")
    with pytest.raises(WrongRuleFile, match="unknown name `limits`: did you mean `limit`"):
        load(rules)


def test_without_it_the_verb_is_not_known(rules: Path) -> None:
    spoil(rules / "conditions/means.yaml", "show: [", "  most: {twice: limit}\nshow: [")
    with pytest.raises(WrongRuleFile, match="a figure has no verb"):
        load(rules)


def test_every_text_is_there_in_both_languages() -> None:
    assert set(TEXTS["nl"]) == set(TEXTS["en"])
    assert [
        (language, key) for language, texts in TEXTS.items() for key, text in texts.items() if not text.strip()
    ] == []
    assert {f"verb_{key}" for key in Verb.known} <= set(TEXTS["nl"])


def test_every_verb_describes_itself_in_both_languages(engine: Engine) -> None:
    used = {figure.by.key: figure.by for condition in engine.rules.conditions for figure in condition.figures}
    assert set(used) == set(Verb.known)
    for verb in used.values():
        nl, en = (described(verb, language) for language in ("nl", "en"))
        assert nl
        assert en
        assert "{" not in nl + en
    assert described(used["latest"], "en").startswith("of each candidate, `jointly_taxable` + ")
