"""Documents in the hands of who cheats, separates, errs or is unlucky: who reads them, what they count for."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cir_schemas import DocumentInterpreted, ProofAsked, StatusChanged
from dossier.documents import http
from dossier.documents.files import Files
from dossier.documents.use_cases import sweep

from .conftest import BRAM, PDF, Register, applicant, partner, person
from .test_documents import BARS, CLAIM, EXPROPRIATED, HOUSE, PAPERS, SLIPS, ask, asked, kept, listed, seen, version
from .test_interpretation import INCOME, PROOF, WHY, judge, judged

CARL, CHILD = "90630100169", "15650100189"
UNINHABITABLE = HOUSE | {"exception": "uninhabitable"}


async def ids(register: Register, id_: str, who: dict[str, str]) -> list[str]:
    return [one["id"] for one in await listed(register, id_, who)]


async def file_status(register: Register, id_: str, document: str, who: dict[str, str]) -> int:
    return (await register.http.get(f"/v1/dossiers/{id_}/documents/{document}", headers=who)).status_code


async def put(register: Register, id_: str, *members: dict[str, Any], who: Any = None, status: int = 200) -> None:
    answer = await register.change(id_, *members, version=await version(register, id_), who=who)
    assert answer.status_code == status, answer.text


def child(name: str, born_on: str, id_: str = "c1", number: str | None = None) -> dict[str, Any]:
    return person(id_, "co_resident", number, born_on=born_on, first_name=name, last_name="X")


# who reads


async def test_who_stays_reads_no_paper_of_who_left_and_the_company_does(register: Register) -> None:
    """She fled to a refuge; he would read its address."""
    id_ = await register.registered(applicant(), partner())
    anna, bram = await register.candidate(), await register.candidate(BRAM)
    hers = await register.uploaded(id_, anna, fact="residence", content=PDF + b"the address of a refuge")
    his = await register.uploaded(id_, bram, "p2", "residence")
    assert await ids(register, id_, bram) == [hers, his]
    assert (await register.act(id_, anna, "leave")).status_code == 201
    assert (await ids(register, id_, bram), await file_status(register, id_, hers, bram)) == ([his], 404)
    worker = await register.case_worker()
    assert (await ids(register, id_, worker), await file_status(register, id_, hers, worker)) == ([hers, his], 200)


async def test_the_papers_of_a_child_go_with_it_and_stay_with_it_once_it_has_a_number(register: Register) -> None:
    """The next child under the same id is another; who got his number is the same."""
    lies, jef = child("Lies", "2015-05-01"), child("Jef", "2018-01-01")
    id_, anna = await register.registered(applicant(), lies), await register.candidate()
    document = await register.uploaded(id_, anna, "c1", "recognised_handicap")
    await put(register, id_, applicant(), lies | {"number": CHILD}, who=await register.case_worker())
    assert (await ids(register, id_, anna), (await listed(register, id_))[0]["state"]) == ([document], "uploaded")
    other = await register.started(key="k2", members=[applicant(number=BRAM), lies], who=await register.candidate(BRAM))
    bram = await register.candidate(BRAM)
    await register.uploaded(other, bram, "c1", "recognised_handicap")
    for members in ([applicant(number=BRAM)], [applicant(number=BRAM), jef]):
        now = (await register.read(other, bram))["facts_version"]
        assert (await register.change(other, *members, version=now, who=bram)).status_code == 200
    assert await ids(register, other, bram) == []


async def test_who_was_taken_for_dead_reads_his_papers_again(register: Register) -> None:
    id_ = await register.registered(applicant(), child("Lies", "2015-05-01"))
    anna, worker = await register.candidate(), await register.case_worker()
    document = await register.uploaded(id_, anna, "c1", "recognised_handicap")
    await register.act(id_, worker, "deceased", member="c1", reasons=WHY)
    assert await ids(register, id_, anna) == []
    await register.act(id_, worker, "undo", reasons=WHY)
    assert await ids(register, id_, anna) == [document]


async def test_who_has_his_waiting_paper_replaced_by_another_is_told(register: Register) -> None:
    """A former partner brings junk in its place; to bring a better one himself is no news."""
    id_ = await register.registered(applicant(recent_income=CLAIM), partner())
    anna, bram = await register.candidate(), await register.candidate(BRAM)
    for who in (anna, anna, bram):
        await register.uploaded(id_, who, fact=PROOF)
    told = [one for one in await register.said() if isinstance(one, DocumentInterpreted)]
    assert [(one.role, one.fact, one.decision) for one in told] == [("applicant", "recent_income", "replaced")]


# which claim they count for


@pytest.mark.parametrize("fact", ["incomes", PROOF])
async def test_to_take_back_the_second_interpretation_brings_back_the_first(register: Register, fact: str) -> None:
    """Her income was accepted; a later paper was judged by mistake, and that was taken back."""
    id_ = await asked(register, PAPERS, SLIPS, members=[applicant(recent_income=CLAIM)])
    anna, worker = await register.candidate(), await register.case_worker()
    facts: list[dict[str, Any]] = [{"incomes": [INCOME | {"jointly_taxable": amount}]} for amount in ("1.00", "9.00")]
    if fact == PROOF:
        facts = [{}, {"recent_income": {"months": 6, "amount": "60000.00"}}]
    await judged(register, id_, await register.uploaded(id_, anna, fact=fact), facts=facts[0])
    before, origins = await seen(register, id_), (await register.get(f"/{id_}/file", anna))["origins"]
    await judged(register, id_, await register.uploaded(id_, anna, fact=fact), facts=facts[1])
    assert await seen(register, id_) != before
    assert (await register.act(id_, worker, "undo", reasons=WHY)).status_code == 201
    assert await seen(register, id_) == before
    after = (await register.get(f"/{id_}/file", anna))["origins"]
    assert after["p1"]["incomes"]["at"] == origins["p1"]["incomes"]["at"]  # as of then
    assert [one["state"] for one in await listed(register, id_)] == ["accepted", "uploaded"]


@pytest.mark.parametrize(
    ("fact", "before", "after"),
    [
        (
            "set_aside",
            {"set_aside": {"ground": "budget_guidance"}},
            {"set_aside": {"ground": "collective_debt_settlement"}},
        ),
        (
            "real_rights[0]",
            {"real_rights": [EXPROPRIATED, UNINHABITABLE]},
            {"real_rights": [UNINHABITABLE]},
        ),
    ],
    ids=["ground", "right"],
)
async def test_a_claim_on_another_ground_has_no_paper_yet(
    register: Register, fact: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Else the family is never asked for the paper that it takes, and a case worker accepts what nobody proved."""
    id_, anna = await register.started(members=[applicant(**before)]), await register.candidate()
    document = await register.uploaded(id_, anna, fact=f"{fact}.proof")
    await put(register, id_, applicant(**after))
    found = (await seen(register, id_))[fact.partition("[")[0]]
    assert (found if fact == "set_aside" else found[0]).get("proof") is None
    assert [one["state"] for one in await listed(register, id_)] == ["lapsed"]
    await register.submit(id_)
    await register.confirm(id_, "p1", anna)
    assert (await judge(register, id_, document)).status_code == 409


async def test_no_other_child_is_put_in_the_place_of_one_whose_paper_waits(register: Register) -> None:
    """It would count for two by the certificate of the other."""
    lies, jef = child("Lies", "2015-05-01"), child("Jef", "2018-01-01")
    id_, anna = await register.registered(applicant(), lies), await register.candidate()
    await register.uploaded(id_, anna, "c1", "recognised_handicap")
    await put(register, id_, applicant(), jef, status=422)
    assert [one["state"] for one in await listed(register, id_)] == ["uploaded"]


async def test_a_paper_is_listed_at_the_place_where_its_right_stands_now(register: Register) -> None:
    """Else a case worker opens the paper of one right, and judges another with it."""
    rights = [HOUSE | {"right": "partial_ownership", "exception": "separation"}, EXPROPRIATED]
    id_, anna = await register.started(members=[applicant(real_rights=rights)]), await register.candidate()
    await register.uploaded(id_, anna, fact="real_rights[1].proof")
    await put(register, id_, applicant(real_rights=rights[::-1]))
    assert [one["fact"] for one in await listed(register, id_)] == ["real_rights[0].proof"]


async def test_two_papers_in_a_row_bring_no_letter(register: Register) -> None:
    """Between the two nothing is assessed anew."""
    residence = ask("residence", "residence_papers", condition="residence")
    id_ = await asked(register, PAPERS, SLIPS, residence, members=[applicant(recent_income=CLAIM)])
    before, anna = len(await register.said()), await register.candidate()
    await register.uploaded(id_, anna, fact=PROOF)
    await register.uploaded(id_, anna)
    await register.assess(id_, "to_investigate", asks=[PAPERS, SLIPS, residence], conditions=BARS)
    later = (await register.said())[before:]
    assert [one for one in later if isinstance(one, ProofAsked | StatusChanged)] == []


# how much


async def test_who_fills_a_dossier_keeps_no_family_from_proving(register: Register) -> None:
    """An ex, or ten years of papers that were replaced; and at the counter there is always room."""
    id_ = await register.registered(applicant(), partner())
    anna, bram, worker = await register.candidate(), await register.candidate(BRAM), await register.case_worker()
    big = PDF.ljust(10_000_000)
    for _ in range(6):  # each replaces the one before
        await register.uploaded(id_, bram, "p2", "residence", content=big)
    for fact in ("incomes", "language", "balances", "emancipated"):
        await register.uploaded(id_, bram, "p2", fact, content=big)
    assert (await register.upload(id_, anna)).status_code == 413
    await register.uploaded(id_, worker, content=big)
    await register.decline(id_, "p2", bram)
    assert (await register.upload(id_, anna)).status_code == 201


# files


async def put_orphans(tmp_path: Path, n: int) -> Files:
    files = Files((tmp_path / "documents").as_uri())
    with (tmp_path / "x").open("w+b") as file:
        for _ in range(n):
            await files.put(uuid4(), file)
    return files


async def test_a_database_that_was_restored_costs_no_papers(
    register: Register, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of last night's, or a wrong address of it: its sweep would delete all that came today."""
    files = await put_orphans(tmp_path, 10)
    await register.uploaded(await register.started(), await register.candidate())
    await sweep(register.service.background, files, timedelta())
    assert (len(list(kept(tmp_path))), "restore the database and the files" in caplog.text) == (11, True)


async def test_a_file_of_somebody_else_ends_no_sweep(
    register: Register, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = await put_orphans(tmp_path, 9)  # too few to tell anything
    for name in ("README", f"{uuid4()}"):
        (tmp_path / "documents" / name).write_text("an operator left this here")
    await sweep(register.service.background, files, timedelta())
    assert len(list(kept(tmp_path))) == 2
    assert caplog.text.count("left alone") == 1


@pytest.mark.parametrize("charset", ["unicode_escape", "undefined", "utf-16"])
async def test_a_form_in_a_strange_charset_is_refused_and_leaves_no_file(
    register: Register, tmp_path: Path, charset: str
) -> None:
    """Each would stay on the disk until the sweep."""
    id_, anna = await register.started(), await register.candidate()
    parts = {b'name="member"': b"p1\\ud800", b'name="fact"': b"incomes", b'name="file"; filename="a.pdf"': PDF}
    form = b"".join(b"--x\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % part for part in parts.items())
    headers = anna | {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    answer = await register.http.post(f"/v1/dossiers/{id_}/documents", headers=headers, content=form + b"--x--\r\n")
    assert (answer.status_code, list(kept(tmp_path))) == (415, [])


async def test_one_caller_has_two_uploads_read_and_keeps_nobody_else_from_it(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His sixteen slow ones would be all that are read on the last day of a term."""
    monkeypatch.setattr(http, "PATIENCE", 1.0)
    id_, anna, bram = await register.started(), await register.candidate(), await register.candidate(BRAM)
    others = await register.started(who=bram, key="k2", members=[applicant(number=BRAM)])
    stop, two, on_their_way = asyncio.Event(), asyncio.Event(), 0

    async def body() -> Any:
        nonlocal on_their_way
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
        on_their_way += 1
        if on_their_way == 2:
            two.set()
        await stop.wait()
        yield b"\r\n--x--\r\n"

    headers, url = anna | {"Content-Type": "multipart/form-data; boundary=x"}, f"/v1/dossiers/{id_}/documents"
    slow = [asyncio.create_task(register.http.post(url, headers=headers, content=body())) for _ in range(2)]
    try:
        await asyncio.wait_for(two.wait(), 30)
        assert (await register.upload(id_, anna)).status_code == 503
        await register.uploaded(others, bram)
    finally:
        stop.set()
        await asyncio.gather(*slow)
    await register.uploaded(id_, anna)
