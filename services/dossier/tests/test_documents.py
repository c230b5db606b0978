"""Documents that are brought: by whom, of what kind, for which fact, and who reads them."""

import asyncio
import hashlib
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from cir_schemas import HouseholdRecorded, ProofAsked, StatusChanged
from dossier import tables
from dossier.documents.files import Files
from dossier.documents.use_cases import cleaned, sweep

from .conftest import ANNA, BRAM, PDF, STRANGER, Register, applicant, partner, person, serving
from .test_file import HELP

OTHER = "90630100169"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
JPEG, GIF, TIFF = b"\xff\xd8\xff\xe0" + bytes(30), b"GIF89a" + bytes(30), b"II*\x00" + bytes(300)
CLAIM = {"months": 3, "amount": "6000.00"}
TEN_FACTS = (
    *(
        "incomes",
        "residence",
        "language",
        "balances",
        "recognised_handicap",
        "emancipated",
        "guided_independent_living",
    ),
    *("recent_income.proof", "set_aside.proof", "no_income_declared.proof"),
)
HOUSE = {"right": "full_ownership", "object": "dwelling", "country": "BE"}
EXPROPRIATED = HOUSE | {"exception": "expropriation"}


def ask(fact: str, proof: str, person_: str = "p1", condition: str = "income") -> dict[str, Any]:
    return {"condition": condition, "person": person_, "fact": fact, "proofs": [proof]}


PAPERS = ask("incomes", "tax_assessment")
SLIPS = ask("recent_income.proof", "pay_slips")
BARS = {
    name: {"outcome": "to_investigate", "effect": "bar", "because": []} for name in ("income", "property", "residence")
}


async def asked(register: Register, *asks: dict[str, Any], members: Any = (), **changed: Any) -> str:
    """A dossier under investigation, in which this is asked."""
    everybody = list(members) or [applicant()]
    id_ = await register.started(members=everybody, **changed)
    await register.submit(id_)
    for one in everybody:
        await register.confirm(id_, one["id"], await register.candidate(one["number"]))
    await register.assess(id_, "to_investigate", asks=list(asks), conditions=BARS)
    return id_


async def listed(register: Register, id_: str, who: dict[str, str] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await register.get(f"/{id_}/documents", who or await register.candidate())
    return found


async def seen(register: Register, id_: str, member: str = "p1") -> dict[str, Any]:
    file = await register.get(f"/{id_}/file", await register.candidate())
    found: dict[str, Any] = next(one for one in file["household"]["members"] if one["id"] == member)
    return found


def kept(tmp_path: Path) -> Iterator[Path]:
    return (path for path in (tmp_path / "documents").rglob("*") if path.is_file())


def papers(happening: StatusChanged | ProofAsked) -> list[str]:
    return [proof for one in happening.asks for proof in one.proofs]


# by whom


async def test_only_who_is_bound_a_helper_with_consent_and_the_counter_bring_documents(register: Register) -> None:
    members = [applicant(), partner(), person("c1", "co_resident", STRANGER)]
    id_ = await register.started(members=members, wants=["24062", "12025"], help=HELP)
    bram, cora = await register.candidate(BRAM), await register.candidate(STRANGER)
    helper = await register.as_("helper", organisation="ocmw-leuven")
    assert (await register.upload(id_, bram)).status_code == 403  # named, and has not confirmed
    await register.submit(id_)
    await register.confirm(id_, "p2", bram)
    await register.confirm(id_, "c1", cora)
    for who, status in (
        (await register.candidate(), 201),
        (bram, 201),
        (helper, 201),
        (await register.case_worker(), 201),
        (cora, 403),
        (await register.case_worker("kanvaz"), 403),  # of another municipality that is wanted
        (await register.case_worker("woontrots"), 404),
        (await register.as_("helper", organisation="elsewhere"), 404),
        (await register.candidate(OTHER), 404),
        ({}, 401),
    ):
        assert (await register.upload(id_, who)).status_code == status
    body = {"language": "nl", "email": "anna@example.org", "help": HELP | {"inform": False}}
    await register.put(id_, "contacts", await register.candidate(), await version(register, id_), body)
    assert (await register.upload(id_, helper)).status_code == 404  # consent was withdrawn


async def version(register: Register, id_: str) -> int:
    return int((await register.read(id_))["facts_version"])


async def test_a_stranger_has_nothing_of_his_file_read(register: Register) -> None:
    """His ten megabytes are refused before they are taken in."""
    id_, read = await register.started(), 0

    async def body() -> Any:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 100_000

    who = await register.candidate(STRANGER) | {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await register.http.post(f"/v1/dossiers/{id_}/documents", headers=who, content=body())
    assert (answer.status_code, read <= 1) == (404, True)


async def test_nobody_brings_documents_to_a_closed_dossier(register: Register) -> None:
    id_ = await register.registered()
    anna = await register.candidate()
    await register.act(id_, anna, "withdraw")
    assert (await register.upload(id_, anna)).status_code == 409


# of what kind


@pytest.mark.parametrize(
    ("content", "type_", "name"),
    [
        (PDF, "application/pdf", "proof.pdf"),
        (PNG, "image/png", "proof.pdf.png"),  # whatever its name says
        (JPEG, "image/jpeg", "proof.pdf.jpg"),
        (GIF, "image/gif", "proof.pdf.gif"),
        (TIFF, "image/tiff", "proof.pdf.tif"),
        (b"%PDF-1.7\n<html><script>alert(1)</script></html>", "application/pdf", "proof.pdf"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_file_is_told_by_its_content_and_leaves_as_an_attachment(
    register: Register, content: bytes, type_: str, name: str
) -> None:
    id_, anna = await register.started(), await register.candidate()
    answer = await register.upload(id_, anna, content=content)
    assert (answer.status_code, answer.json()["sha256"]) == (201, hashlib.sha256(content).hexdigest())
    read = await register.http.get(f"/v1/dossiers/{id_}/documents/{answer.json()['id']}", headers=anna)
    assert (read.content, read.headers["content-type"]) == (content, type_)
    assert read.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert (read.headers["x-content-type-options"], read.headers["cache-control"]) == ("nosniff", "private, no-store")


@pytest.mark.parametrize(
    "content", [b"<html><script>alert(1)</script></html>", b"MZ" + bytes(100), b"PK\x03\x04" + bytes(100), b"", b"\x00"]
)
async def test_any_other_content_is_refused_whatever_its_name(
    register: Register, content: bytes, tmp_path: Path
) -> None:
    id_ = await register.started()
    answer = await register.upload(id_, await register.candidate(), content=content)
    assert (answer.status_code, "PDF" in answer.json()["detail"]) == (415, True)
    assert (await listed(register, id_), list(kept(tmp_path))) == ([], [])


async def test_ten_megabytes_are_taken_and_eleven_refused_in_words(register: Register, tmp_path: Path) -> None:
    id_, anna = await register.started(), await register.candidate()
    assert (await register.upload(id_, anna, content=PDF.ljust(10_000_000))).status_code == 201
    for size in (10_000_001, 11_000_000, 13_000_000):
        answer = await register.upload(id_, anna, content=PDF.ljust(size))
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
        assert ("10 MB" in answer.json()["detail"]) == (size < 13_000_000)
    assert len(list(kept(tmp_path))) == 1


async def test_a_dossier_has_fifty_megabytes_also_when_ten_come_at_once(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dossier.documents.http.PATIENCE", 60.0)  # two of one caller are read at a time
    id_, anna = await register.started(), await register.candidate()
    answers = await asyncio.gather(
        *(register.upload(id_, anna, fact=fact, content=PDF.ljust(9_000_000)) for fact in TEN_FACTS)
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [413] * 5
    assert len(await listed(register, id_)) == len(list(kept(tmp_path))) == 5


@pytest.mark.parametrize(
    ("name", "cleaned_"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\windows\\system32\\x.pdf", "x.pdf"),
        ("/", "document.pdf"),
        ("..", "document.pdf"),
        (".pdf", "pdf.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie: x=1.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe.pdf"),
        ("b\x00.html", "b.html.pdf"),
        ("loonfiche é.PDF", "loonfiche é.PDF"),
        ("x" * 500 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
async def test_a_name_loses_its_path_and_what_is_not_shown(name: str, cleaned_: str) -> None:
    assert cleaned(name, "application/pdf") == cleaned_


async def test_a_name_breaks_no_header(register: Register) -> None:
    id_, anna = await register.started(), await register.candidate()
    document = await register.uploaded(id_, anna, name='é"; x="%41.pdf')
    read = await register.http.get(f"/v1/dossiers/{id_}/documents/{document}", headers=anna)
    disposition = r"attachment; filename\*=UTF-8''[A-Za-z0-9%._~-]+"
    assert re.fullmatch(disposition, read.headers["content-disposition"])


async def test_the_same_upload_twice_is_one_by_its_key(register: Register, tmp_path: Path) -> None:
    id_, anna = await register.started(), await register.candidate()
    first, again = [await register.upload(id_, anna, key="k") for _ in range(2)]
    assert (first.json(), first.status_code) == (again.json(), again.status_code)
    assert len(await listed(register, id_)) == len(list(kept(tmp_path))) == 1
    assert (await register.upload(id_, anna, key="k", content=PNG)).status_code == 422  # another request
    assert len(list(kept(tmp_path))) == 1


# for which fact


@pytest.mark.parametrize(
    ("member", "fact", "path"),
    [
        ("p1", "shoe_size", "fact"),
        ("p1", "recent_income", "fact"),  # a claim is asked by its proof
        ("p1", "incomes.proof", "fact"),
        ("p1", "incomes.2023", "fact"),
        ("p1", "real_rights[1].proof", "fact"),  # there is one
        ("p1", "real_rights.full_ownership/dwelling/BE/1", "fact"),
        ("p1", "stays", "fact"),
        ("p1", "", "fact"),
        ("p1", "dependant", "fact"),  # of a co-resident
        ("c1", "incomes", "fact"),  # of a candidate
        ("c1", "real_rights[0].proof", "fact"),
        ("c2", "recognised_handicap", "member"),  # does not move in
        ("p9", "incomes", "member"),
        ("p9", "situation", "member"),
    ],
)
async def test_a_document_that_nobody_could_ask_is_refused_with_its_place(
    register: Register, member: str, fact: str, path: str, tmp_path: Path
) -> None:
    child, away = person("c1", "co_resident", None), person("c2", "co_resident", None, moves_in=False)
    id_ = await register.started(members=[applicant(real_rights=[EXPROPRIATED]), child, away])
    answer = await register.upload(id_, await register.candidate(), member, fact)
    assert (answer.status_code, [one["path"] for one in answer.json().get("errors", [])]) == (422, [path])
    assert (await listed(register, id_), list(kept(tmp_path))) == ([], [])


async def test_a_document_for_somebody_who_left_is_refused_and_what_he_brought_lapses(register: Register) -> None:
    id_ = await register.registered(applicant(), partner(recent_income=CLAIM))
    anna, bram = await register.candidate(), await register.candidate(BRAM)
    await register.uploaded(id_, bram, "p2", "recent_income.proof")
    await register.decline(id_, "p2", bram)
    answer = await register.upload(id_, anna, "p2", "recent_income.proof")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "member")
    assert [one["state"] for one in await listed(register, id_, await register.case_worker())] == ["lapsed"]


async def test_the_papers_of_who_left_are_not_for_who_stays_nor_for_who_has_his_place(register: Register) -> None:
    """They tell where he lives now."""
    id_ = await register.registered(applicant(), partner())
    anna, bram, other = [await register.candidate(number) for number in (ANNA, BRAM, STRANGER)]
    document = await register.uploaded(id_, bram, "p2", "residence")
    await register.decline(id_, "p2", bram)
    members = [applicant(), person("p2", "partner", STRANGER)]
    assert (await register.change(id_, *members, version=await version(register, id_))).status_code == 200
    await register.confirm(id_, "p2", other)
    for who, status in ((anna, 404), (other, 404), (bram, 404), (await register.case_worker(), 200)):
        path = f"/v1/dossiers/{id_}/documents/{document}"
        assert (await register.http.get(path, headers=who)).status_code == status
    assert await listed(register, id_, other) == await listed(register, id_, anna) == []


async def test_an_upload_moves_its_claim_alone_to_uploaded(register: Register) -> None:
    rights = [HOUSE | {"right": "partial_ownership", "exception": "separation"}, EXPROPRIATED]
    id_ = await register.started(members=[applicant(recent_income=CLAIM, real_rights=rights)])
    anna = await register.candidate()
    await register.uploaded(id_, anna, fact="real_rights[1].proof")
    found = await seen(register, id_)
    assert [right.get("proof") for right in found["real_rights"]] == [None, "uploaded"]
    assert found["recent_income"].get("proof") is None
    [_, right] = (await register.recorded(id_)).household.members[0].real_rights or ()
    assert right.proof == "uploaded"
    file = await register.get(f"/{id_}/file", anna)
    assert [key for key, shown in file["origins"]["p1"].items() if shown.get("uploaded")] == ["real_rights[1]"]
    # the place is gone, and the document stays with its right
    members = [applicant(recent_income=CLAIM, real_rights=rights[::-1])]
    assert (await register.change(id_, *members, version=file["facts_version"])).status_code == 200
    assert [right.get("proof") for right in (await seen(register, id_))["real_rights"]] == ["uploaded", None]
    # another right of the kind is another claim
    for given in ([rights[0]], rights):
        gone = [applicant(recent_income=CLAIM, real_rights=given)]
        assert (await register.change(id_, *gone, version=await version(register, id_))).status_code == 200
    assert [right.get("proof") for right in (await seen(register, id_))["real_rights"]] == [None, None]
    assert [one["state"] for one in await listed(register, id_)] == ["lapsed"]


async def test_an_upload_is_no_conflict_and_a_counter_that_sends_back_what_it_read_says_nothing(
    register: Register,
) -> None:
    id_ = await register.registered(applicant(recent_income=CLAIM))
    worker, before = await register.case_worker(), await version(register, id_)
    read = (await register.get(f"/{id_}/file", worker))["household"]["members"]
    await register.uploaded(id_, await register.candidate(), fact="recent_income.proof")
    assert (await version(register, id_)) > before
    assert (await register.change(id_, *read, version=before, who=worker)).status_code == 200
    file = await register.get(f"/{id_}/file", worker)
    assert file["origins"]["p1"]["recent_income"]["origin"] == "declaration"
    assert file["household"]["members"][0]["recent_income"]["proof"] == "uploaded"
    answer = await register.change(id_, *file["household"]["members"], version=file["facts_version"], who=worker)
    assert answer.status_code == 200
    file = await register.get(f"/{id_}/file", worker)
    assert file["origins"]["p1"]["recent_income"]["origin"] == "declaration"


async def test_another_document_on_the_same_fact_replaces_it_and_both_stay(register: Register) -> None:
    id_, anna = await register.started(members=[applicant(recent_income=CLAIM)]), await register.candidate()
    for name in ("old.pdf", "new.pdf"):
        await register.uploaded(id_, anna, fact="recent_income.proof", name=name)
    found = [(one["name"], one["state"]) for one in await listed(register, id_)]
    assert found == [("old.pdf", "replaced"), ("new.pdf", "uploaded")]


async def test_a_document_of_a_housing_situation_is_filed_and_waits_on_nothing(register: Register) -> None:
    id_, anna = await register.started(), await register.candidate()
    before = await version(register, id_)
    await register.uploaded(id_, anna, fact="situation")
    [one] = await listed(register, id_)
    assert (one["state"], one["fact"], await version(register, id_)) == ("filed", "situation", before)


# what is asked


async def test_the_family_is_asked_no_more_for_what_waits_and_gets_no_letter_for_it(register: Register) -> None:
    id_ = await asked(register, PAPERS, SLIPS, members=[applicant(recent_income=CLAIM)], help=HELP)
    helper = await register.as_("helper", organisation="ocmw-leuven")
    happened = [one for one in await register.said() if isinstance(one, StatusChanged | ProofAsked)]
    assert papers(happened[-1]) == ["tax_assessment", "pay_slips"]
    await register.uploaded(id_, helper, fact="recent_income.proof")
    await register.assess(id_, "to_investigate", asks=[PAPERS, SLIPS], conditions=BARS)
    await register.uploaded(id_, helper, fact="incomes")
    await register.assess(id_, "to_investigate", asks=[PAPERS, SLIPS], conditions=BARS)
    assert happened == [one for one in await register.said() if isinstance(one, StatusChanged | ProofAsked)]
    # something else is asked: it alone is in the letter
    await register.assess(
        id_, "to_investigate", asks=[PAPERS, SLIPS, ask("residence", "residence_papers", condition="residence")],
        conditions=BARS,
    )  # fmt: skip
    happened = [one for one in await register.said() if isinstance(one, StatusChanged | ProofAsked)]
    assert papers(happened[-1]) == ["residence_papers"]


async def test_an_upload_before_the_assessment_is_not_asked_by_it(register: Register) -> None:
    id_, anna = await register.started(), await register.candidate()
    await register.uploaded(id_, anna)
    await register.submit(id_)
    await register.confirm(id_, "p1", anna)
    await register.assess(id_, "to_investigate", asks=[PAPERS], conditions=BARS)
    [*_, moved] = [one for one in await register.said() if isinstance(one, StatusChanged)]
    assert (moved.now, moved.asks) == ("under_investigation", ())


async def test_a_helper_whose_upload_lets_an_assessment_count_is_not_said_to_have_moved_the_dossier(
    register: Register,
) -> None:
    id_ = await asked(register, PAPERS, help=HELP)
    await register.uploaded(id_, await register.as_("helper", organisation="ocmw-leuven"))
    await register.assess(id_, "met")
    [*_, moved] = [one for one in await register.said() if isinstance(one, StatusChanged)]
    assert (moved.now, moved.by) == ("registered", "register")


# who reads


async def test_who_reads_which_documents(register: Register) -> None:
    members = [applicant(), partner(), person("c1", "co_resident", STRANGER)]
    id_ = await register.started(members=members, wants=["24062", "12025"], help=HELP)
    await register.submit(id_)
    anna, bram, cora = [await register.candidate(number) for number in (ANNA, BRAM, STRANGER)]
    helper = await register.as_("helper", organisation="ocmw-leuven")
    for member, who in (("p2", bram), ("c1", cora)):
        await register.confirm(id_, member, who)
    own = await register.uploaded(id_, helper, name="from the OCMW.pdf")
    other = await register.uploaded(id_, anna, fact="residence")
    for who in (anna, bram, await register.case_worker()):
        assert [one["id"] for one in await listed(register, id_, who)] == [own, other]
        assert (await register.http.get(f"/v1/dossiers/{id_}/documents/{other}", headers=who)).content == PDF
    [one] = await listed(register, id_, helper)
    assert (one["id"], one["fact"], one["state"], one["name"], one["reasons"]) == (
        own,
        "incomes",
        "uploaded",
        None,
        None,
    )
    assert (await register.http.get(f"/v1/dossiers/{id_}/documents/{own}", headers=helper)).status_code == 200
    assert (await register.http.get(f"/v1/dossiers/{id_}/documents/{other}", headers=helper)).status_code == 404
    for who, status in (
        (cora, 403),
        (await register.case_worker("kanvaz"), 403),
        (await register.case_worker("woontrots"), 404),
        (await register.candidate(OTHER), 404),
    ):
        for path in ("", f"/{other}"):
            answer = await register.http.get(f"/v1/dossiers/{id_}/documents{path}", headers=who)
            assert answer.status_code == status
    his = [applicant(number=OTHER, born_on="1990-03-01")]
    elsewhere = await register.started(who=await register.candidate(OTHER), members=his, key="k2")
    worker = await register.case_worker()
    assert (await register.http.get(f"/v1/dossiers/{elsewhere}/documents/{other}", headers=worker)).status_code == 404


# files and rows


async def test_a_draft_that_is_erased_takes_its_files_along(register: Register, tmp_path: Path) -> None:
    id_, anna = await register.started(), await register.candidate()
    first = await register.uploaded(id_, anna, key="k")
    assert (await register.http.delete(f"/v1/dossiers/{id_}", headers=anna)).status_code == 204
    assert list(kept(tmp_path)) == []
    id_ = await register.started(key="k2")
    assert await register.uploaded(id_, anna, key="k") != first


async def test_a_document_on_record_is_never_changed_or_deleted(register: Register) -> None:
    id_ = await register.registered()
    await register.uploaded(id_, await register.candidate())
    for change in (
        sa.update(tables.documents).values(sha256="another"),
        sa.update(tables.documents).values(dossier=uuid4()),
        sa.delete(tables.documents),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="never changed or deleted"):
            async with register.service.database.work() as work:
                await work.connection.execute(change)


async def test_the_sweep_deletes_what_has_no_row_once_it_is_old(register: Register, tmp_path: Path) -> None:
    id_, files = await register.started(), Files((tmp_path / "documents").as_uri())
    document = await register.uploaded(id_, await register.candidate())
    orphan = uuid4()
    with (tmp_path / "x").open("w+b") as file:
        await files.put(orphan, file)
    half = tmp_path / "documents" / document[:2] / f"{document}#1"  # of a local store that was killed
    half.write_bytes(b"half")
    await sweep(register.service.background, files)
    assert len(list(kept(tmp_path))) == 3  # its upload may still be on its way
    await sweep(register.service.background, files, timedelta())
    assert [path.name for path in kept(tmp_path)] == [document]
    assert UUID(document)


async def test_an_upload_that_fails_at_the_database_leaves_no_row_without_a_file(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is not known whether the commit came through, the file stays: the sweep looks at it."""
    from asyncpg.transaction import Transaction

    id_, anna = await register.started(), await register.candidate()
    commit = Transaction.commit

    async def lost(self: Transaction) -> None:
        await commit(self)
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", lost)
        assert (await register.upload(id_, anna)).status_code == 503
    assert len(await listed(register, id_)) == len(list(kept(tmp_path)))


async def test_an_upload_while_the_store_is_away_is_to_be_sent_again(
    database_of: Callable[[str], Awaitable[str]], login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    settings = {"ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}", "REGION": "x", "ACCESS_KEY_ID": "x"}
    for name, value in (settings | {"ALLOW_HTTP": "true", "SECRET_ACCESS_KEY": "x"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    async with serving(await database_of("dossier"), login, documents="s3://papers/dossier") as register:
        id_, anna = await register.started(), await register.candidate()
        for patience in (0.5, 60.0):  # nobody answers, then nobody is there
            monkeypatch.setattr("dossier.documents.files.PATIENCE", patience)
            answer = await register.upload(id_, anna)
            assert (answer.status_code, answer.headers["Retry-After"], await listed(register, id_)) == (503, "5", [])
            silent.close()


async def test_uploads_publish_no_more_than_the_household(register: Register) -> None:
    id_ = await register.registered(applicant(recent_income=CLAIM))
    before = len(await register.said())
    await register.uploaded(id_, await register.candidate(), fact="recent_income.proof")
    assert [type(one) for one in (await register.said())[before:]] == [HouseholdRecorded]
