"""Every letter can be written, in every language, and says no more than it may."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jinja2 import TemplateNotFound, UndefinedError

from cir_schemas.dossier import ApplicantReplaced, DocumentInterpreted, MemberLeft, Taken
from cir_schemas.priority import Answer, Decision, OfferAnswered, OfferEnded
from cir_schemas.types import Role, Status
from notifications.app import TEMPLATES
from notifications.domain.recipients import NO_NEWS, TEMPLATE_OF
from notifications.letters import Letter, Letters

RULES = Path(__file__).parents[2] / "eligibility" / "rules" / "facts.yaml"
TO_OTHERS = {"member_invited": ["member"], "removed": ["member"], "unreachable": ["company"]}
TO_OTHERS |= {"referral_held_up": [], "referral_stranded": []}
TOLD = [
    (kind, audience)
    for kind in sorted(TEMPLATE_OF)
    for audience in TO_OTHERS.get(kind, ["company"] if "not_mine" in kind else ["candidate", "partner", "helper"])
]
TOLD += [(kind, "referrer") for kind in sorted(TEMPLATE_OF) if kind.startswith("referral_")]
LETTERS = Letters(TEMPLATES, "https://register.example/?a=1&b=2")
TO_COMPANY = {kind for kind in TEMPLATE_OF if kind.startswith("not_mine")} | {"unreachable"}  # it knows its own phone
WORDS = yaml.safe_load((TEMPLATES / "words.yaml").read_text("utf-8"))


def test_every_happening_that_is_news_has_a_letter() -> None:
    kinds = {
        *get_args(Status),
        *get_args(Taken),
        *(f"document_{decision}" for decision in get_args(DocumentInterpreted.model_fields["decision"].annotation)),
        *(f"situation_{decision}" for decision in get_args(Decision)),
        *(f"referral_{answer}" for answer in get_args(Answer)),
        *(f"offer_{answer}" for answer in get_args(OfferAnswered.model_fields["answer"].annotation)),
        *(f"offer_{now}" for now in get_args(OfferEnded.model_fields["now"].annotation)),
        *(f"{role}_{why}" for role in get_args(Role) for why in get_args(MemberLeft.model_fields["why"].annotation)),
        *(f"replaced_{why}" for why in get_args(ApplicantReplaced.model_fields["why"].annotation)),
    }
    assert kinds - NO_NEWS <= set(TEMPLATE_OF)


def letter(kind: str = "submitted", language: str = "en", **changed: Any) -> Letter:
    given: dict[str, Any] = {
        "audience": "candidate",
        "number": "2024.03.20.0001",
        "company": "Dijledal",
        "phone": "016 00 00 01",
        "organisation": "Diletti",
        "offer": {"municipality": "24062", "bedrooms": 2, "rent": "650.50", "answer_by": "2024-04-04"},
        "on": date(2024, 3, 1),
        "asks": [{"role": "partner", "proofs": ["pay_slips"], "by": "2024-04-05"}],
    }
    return LETTERS.write(kind, language, **(given | changed))


@pytest.mark.parametrize("asks", [[], [{"role": "co_resident", "proofs": ["handicap_certificate"], "by": None}]])
@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize(("kind", "audience"), TOLD)
def test_every_letter_is_whole(kind: str, language: str, audience: str, asks: list[Any]) -> None:
    written = letter(kind, language, audience=audience, asks=asks)
    assert written.subject.startswith("Dossier 2024.03.20.0001: ")
    assert len(written.subject) > len("Dossier 2024.03.20.0001: ")
    for text in (written.text, written.html):
        assert "2024.03.20.0001" in text
        assert "Dijledal" in text
        assert ("016 00 00 01" in text) == (kind not in TO_COMPANY)
        assert ("Diletti" in text) == (audience == "referrer")  # to others it may tell of an illness
        assert not any(left in text for left in ("{{", "}}", "{%", "%}", "None", "\n\n\n", "  \n"))
    assert f'<html lang="{language}">' in written.html
    assert written.subject not in written.text.splitlines()
    assert f"<title>{written.subject}</title>" in written.html


@pytest.mark.parametrize(("kind", "audience"), TOLD)
def test_both_languages_have_words_of_their_own(kind: str, audience: str) -> None:
    dutch, english = (letter(kind, language, audience=audience) for language in ("nl", "en"))
    assert dutch.subject != english.subject
    assert not set(dutch.text.splitlines()) & set(english.text.splitlines()) - {""}


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize(("kind", "audience"), TOLD)
def test_text_and_html_say_the_same(kind: str, audience: str, language: str) -> None:
    """Sentence by sentence, as far as they hold no list and no link."""
    written = letter(kind, language, audience=audience, asks=[])
    html = written.html.replace("<strong>", "").replace("</strong>", "")
    for line in written.text.splitlines():
        if line and "http" not in line and not line.startswith(("Wat nu", "What now")):
            assert line in html, line


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("kind", sorted(TEMPLATE_OF.keys() - {"member_invited"}))  # nobody tells who named him
def test_what_a_letter_keeps_silent_it_says_where_to_find(kind: str, language: str) -> None:
    text = letter(kind, language, asks=[]).text
    kept = {"nl": ("niet in deze e-mail", "woonmaatschappij"), "en": ("not in this email", "housing company")}[language]
    said = [line for line in text.splitlines() if kept[0] in line]
    after = text.partition("\n\nWat nu?")[0].partition("\n\nWhat now?")[0].partition(said[0])[2] if said else kept[1]
    assert kept[1] in after or kept[1] in said[0].partition(kept[0])[2], text


def test_a_line_of_a_letter_is_a_line_in_html_too() -> None:
    assert letter("offer_opened", "nl").html.count('<p style="white-space: pre-line">') == 2


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize(("kind", "audience"), TOLD)
def test_every_letter_has_the_links_that_its_reader_may_use(kind: str, audience: str, language: str) -> None:
    links = {"not_mine": "http://mails.example/not-mine?token=a", "confirm": "http://mails.example/confirm?token=b"}
    written = letter(kind, language, audience=audience, links=links)
    for url in links.values():
        assert f": {url}\n" in written.text
        assert f'<a href="{url}">' in written.html
    assert "mails.example" not in letter(kind, language, audience=audience).text


def test_what_is_asked_is_said_per_role_in_words() -> None:
    text = letter("under_investigation", "nl").text
    assert "- de partner (ten laatste op 5 april 2024):\n  - loonfiches\n" in text
    assert "partner (by 5 April 2024)" in letter("under_investigation", "en").text


@pytest.mark.parametrize("kind", [kind for kind in sorted(TEMPLATE_OF) if kind.startswith("document_")])
def test_a_letter_about_a_document_says_of_whom_and_of_what_it_is(kind: str) -> None:
    dutch, english = (letter(kind, one, role="partner", fact="recent_income") for one in ("nl", "en"))
    assert "gaat over: het inkomen van de laatste maanden (de partner)." in dutch.text
    assert "is about: the income of the last months (the partner)." in english.text
    assert "about:" not in letter(kind).text  # of an event from before


def test_a_proof_without_words_is_shown_by_its_name() -> None:
    assert "- birth certificate" in letter(asks=[{"role": "applicant", "proofs": ["birth_certificate"]}]).text


def test_html_is_escaped() -> None:
    written = letter(company="<b>", asks=[{"role": "applicant", "proofs": ["<script>"]}])
    assert "<script>" not in written.html
    assert "&lt;script&gt;" in written.html
    assert "a=1&amp;b=2" in written.html
    assert "a=1&b=2" in written.text


@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_helper_reads_that_the_candidate_agreed(language: str) -> None:
    agreed = {"nl": "De kandidaat-huurder is daarmee akkoord.", "en": "The candidate agreed to that."}[language]
    assert agreed in letter("registered", language, audience="helper").text
    assert agreed not in letter("registered", language).text


@pytest.mark.parametrize(
    ("kind", "by", "words"),
    [
        ("on_hold", "candidate", ["or the other candidate", "did you not ask", "ends the hold online"]),
        (
            "on_hold",
            "case_worker",
            ["housing company put your dossier on hold", "reasons are not in this email", "30 days"],
        ),
        ("woken", "candidate", ["or the other candidate", "Is this not right?"]),
        ("woken", "case_worker", ["ended its hold"]),
        (
            "struck",
            "case_worker",
            [
                "Your dossier is closed",
                "The decision is of 1 March 2024.",
                "reasons are not in this email",
                "rent premium ends",
                "apply for a social home again",
            ],
        ),
        ("refused", "case_worker", ["apply for a social home again"]),
        (
            "appealed",
            "candidate",
            ["or the other candidate in your dossier did.", "registered letter", "nothing changes"],
        ),
        ("appealed", "case_worker", ["The housing company put on record that you appeal", "registered letter"]),
        ("appealed_late", "candidate", ["We keep your appeal all the same", "registered letter"]),
        ("appeal_rejected", "case_worker", ["The decision stays as it is.", "what you can still do"]),
        ("corrected", "case_worker", ["was a mistake", "does not hold"]),
        ("corrected", "candidate", ["or the other candidate", "decisions of the housing company stay"]),
    ],
)
def test_a_decision_is_told_as_whose_it_is(kind: str, by: str, words: list[str]) -> None:
    text = letter(kind, by=by, asks=[]).text
    assert all(word in text for word in words), text


@pytest.mark.parametrize("audience", ["candidate", "partner", "helper"])
@pytest.mark.parametrize("kind", ["on_hold", "woken", "corrected"])
@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["mistake", "sorry", "you asked for it"]), ("nl", ["vergissing", "excuses", "omdat u dat vroeg"])],
)
def test_a_candidates_own_act_is_laid_on_nobody_else(kind: str, audience: str, language: str, words: list[str]) -> None:
    written = letter(kind, language, by="candidate", audience=audience, asks=[])
    assert not any(word in text for word in words for text in (written.subject, written.text, written.html))


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("refused", "uw aanvraag is geweigerd"),
        ("struck", "uw dossier is geschrapt"),
        ("withdrawn", "uw dossier is uitgeschreven"),
    ],
)
def test_a_subject_says_of_what_it_is(kind: str, subject: str) -> None:
    assert letter(kind, "nl").subject == f"Dossier 2024.03.20.0001: {subject}"


@pytest.mark.parametrize("kind", ["refused", "struck", "situation_refused", "referral_refused"])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_who_is_refused_or_struck_reads_how_to_appeal(kind: str, language: str) -> None:
    text = letter(kind, language).text
    assert all(word in text for word in ("verhaal", "toezichthouder", "30 "))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("situation_priority", ["not a home yet", "Nobody knows beforehand"]),
        ("situation_forwarded", ["not certain", "no second waiting list", "keep your place"]),
        ("situation_refused", ["keep your place", "new request"]),
        ("referral_accepted", ["as long as your dossier meets the conditions", "Nobody knows beforehand"]),
        ("referral_refused", ["no room now", "no second waiting list", "keep your place"]),
    ],
)
def test_what_priority_decided_raises_no_false_expectations(kind: str, words: list[str]) -> None:
    text = letter(kind).text
    assert all(word in text for word in words)


@pytest.mark.parametrize(
    ("kind", "language", "words"),
    [
        (
            "offer_opened",
            "nl",
            ["in Leuven", "2 slaapkamers", "650,50 euro", "4 april 2024", "telt dat als een weigering", "schrappen"],
        ),
        (
            "offer_opened",
            "en",
            ["in Leuven", "2 bedrooms", "650.50 euro", "4 April 2024", "three months", "rent premium ends"],
        ),
        ("offer_reminded", "en", ["no answer", "by 4 April 2024", "three months", "may strike"]),
        ("offer_accepted", "en", ["take the home", "The lease waits"]),
        ("offer_no_answer", "en", ["counts as a refusal", "good reason", "still answer online"]),
        ("offer_founded", "en", ["keep your place", "an offer again", "another message about this before"]),
        ("offer_unfounded", "en", ["three months", "sooner", "rent premium ends", "appeal (verhaal)"]),
        ("offer_unfounded_again", "en", ["does not happen by itself", "appeal (verhaal)"]),
        ("offer_withdrawn", "en", ["no consequences"]),
        ("offer_undone", "en", ["not count as a refusal any more", "no offers for a time", "offer it to you again"]),
        ("offer_undone", "nl", ["telt niet meer", "opnieuw aan"]),
        ("offer_lapsed", "en", ["not count as a refusal"]),
        ("offer_lease_undone", "en", ["offered to nobody else", "open again"]),
        ("offer_lease_undone", "nl", ["niemand anders", "weer open"]),
        ("offer_signed", "en", ["lease of your new home is signed", "closed"]),
    ],
)
def test_an_offer_is_told_with_how_to_answer_and_what_follows(kind: str, language: str, words: list[str]) -> None:
    text = letter(kind, language, asks=[]).text
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("kind", "language", "words"),
    [
        ("offer_refused", "en", "do not take the home that we offered. A member of staff wrote"),
        ("offer_accepted", "nl", "schreef het voor u op. Het kwam op 2 maart 2024"),
    ],
)
def test_who_did_not_answer_himself_reads_what_was_answered_in_his_name(kind: str, language: str, words: str) -> None:
    told = letter(kind, language, asks=[], by="case_worker", offer={"on": "2024-03-02"})
    assert words in told.text
    himself = letter(kind, language, asks=[], by="candidate", offer={"on": "2024-03-02"})
    assert not any(word in himself.text + himself.html for word in ("member of staff wrote", "schreef het voor u"))


@pytest.mark.parametrize(
    ("language", "words"), [("nl", "geen beurt tot er een nieuwe is"), ("en", "no turn until there is one")]
)
def test_a_referrer_reads_that_no_agreement_carries_his_referral_on(language: str, words: str) -> None:
    told = letter("referral_stranded", language, audience="referrer").text
    assert (words in told, "http" in told) == (True, False)


def test_a_referrer_reads_the_answer_and_what_is_expected_and_gets_no_link_to_the_dossier() -> None:
    accepted, refused = (letter(f"referral_{answer}", audience="referrer").text for answer in ("accepted", "refused"))
    assert "The referral is accepted." in accepted
    assert "guidance that you described" in accepted
    assert "The referral is refused" in refused
    assert "It is put on no list." in refused
    assert "http" not in accepted + refused


@pytest.mark.parametrize(("language", "words"), [("nl", "1 maart 2024"), ("en", "1 March 2024")])
def test_who_was_removed_reads_since_when(language: str, words: str) -> None:
    assert f" {words}.\n" in letter("removed", language, audience="member").text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("nl", ["Uw dossier is gesloten", "geen aanbod meer", "opnieuw een sociale woning aanvragen", "nieuwe datum"]),
        ("en", ["Your dossier is closed", "no more offers", "apply for a social home again", "a new date"]),
    ],
)
def test_who_withdrew_reads_what_it_means_and_what_he_may_do(language: str, words: list[str]) -> None:
    text = letter("withdrawn", language).text
    assert all(word in text for word in words)


def test_under_investigation_says_that_no_home_is_offered() -> None:
    assert "no offer of a home" in letter("under_investigation").text


def test_a_register_without_an_address_gives_no_link() -> None:
    written = Letters(TEMPLATES).write(
        "registered",
        "nl",
        audience="candidate",
        number="2024.03.20.0001",
        company="kanvaz",
        asks=[],
        on=date(2024, 3, 1),
    )
    assert "http" not in written.text + written.html


def test_every_word_is_there_in_every_language() -> None:
    for about in ("roles", "statuses", "proofs"):
        assert all(set(words) == {"nl", "en"} for words in WORDS[about].values())
    assert {"applicant", "partner", "co_resident"} <= set(WORDS["roles"])
    assert set(get_args(Status)) - {"draft"} <= set(WORDS["statuses"])


def test_every_proof_that_the_rules_may_ask_has_words() -> None:
    facts = yaml.safe_load(RULES.read_text("utf-8"))["facts"].values()
    proofs: set[str] = {"confirmation"}
    for fact in facts:
        given = fact["proofs"]
        for some in given.values() if isinstance(given, dict) else [given]:
            proofs |= set(some)
        proofs |= set(fact.get("unknown_proofs", []))
    assert proofs <= set(WORDS["proofs"])


def test_a_template_that_is_missing_stops_the_service(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text("{}")
    with pytest.raises(TemplateNotFound, match=r"submitted\.nl\.txt"):
        Letters(tmp_path)


def test_a_name_that_nobody_gives_is_an_error_and_no_gap_in_a_letter(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    with (tmp_path / "templates" / "frame.nl.txt").open("a") as frame:
        frame.write("{{ surname }}")
    with pytest.raises(UndefinedError, match="surname"):
        Letters(tmp_path / "templates").write(
            "registered",
            "nl",
            audience="candidate",
            number="2024.03.20.0001",
            company="kanvaz",
            asks=[],
            on=date(2024, 3, 1),
        )
