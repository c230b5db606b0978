"""The companies' file is read whole, or refused with what is wrong."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from dossier.app import HERE
from dossier.companies import WrongCompanies, load_companies


def test_the_sample_names_the_company_of_leuven() -> None:
    assert load_companies(HERE / "companies.yaml")["24062"] == "dijledal"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {name: A, municipalities: ['24062']}\nb: {name: B, municipalities: ['24062']}", "24062 stands at a and b"),
        ("a: {name: A, municipalities: ['2406']}", "a.municipalities.0"),
        ("a: {name: A, towns: []}", "a.towns"),
        ("a: [", "CIR_COMPANIES"),
        (
            "a: {name: A, municipalities: []}\nb: {name: B, municipalities: []}\na: {name: C, municipalities: []}",
            r"companies.yaml: `a` stands here twice\s+in \".*companies.yaml\", line 3",
        ),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "companies.yaml"
    file.write_text(text)
    with pytest.raises(WrongCompanies, match=words):
        load_companies(file)


@pytest.mark.parametrize("command", ["serve", f"replay --dossier {UUID(int=1)}", "dlq list", "publish-candidacies"])
def test_nothing_of_the_register_starts_without_its_companies(command: str) -> None:
    settings = {
        "CIR_DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
        "CIR_KAFKA": "127.0.0.1:1",
        "CIR_PORT": "1",
        "CIR_ISSUER": "http://127.0.0.1:1",
        "CIR_AUDIENCE": "cir",
        "CIR_PERSON_KEY": "k" * 32,
        "CIR_COMPANIES": "/nowhere.yaml",
    }
    called = [sys.executable, "-m", "dossier", *command.split()]
    done = subprocess.run(called, capture_output=True, text=True, check=False, timeout=60, env=os.environ | settings)
    assert done.returncode == 2
    assert "CIR_COMPANIES: /nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr
