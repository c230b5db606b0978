"""The certificate as a PDF that screen readers read (PDF/UA-1): what it says is data, and never markup."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

TEMPLATE = Path(__file__).parents[3] / "templates" / "certificate.typ"


class Certificates:
    """Makes certificates; the template is read once."""

    def __init__(self) -> None:
        self._compiler = typst.Compiler(str(TEMPLATE), ignore_system_fonts=True, sys_inputs={})

    def write(self, held: Mapping[str, Any]) -> bytes:
        """The PDF. held: language, number, registered_on, made_on, company, code, and who: [{role, name or null}].

        A name in a script that the font lacks is left out, since PDF/UA refuses what cannot be shown: the role stays.
        """
        try:
            return self._compile(held)
        except typst.TypstError:
            return self._compile({**held, "who": [{**one, "name": None} for one in held["who"]]})

    def _compile(self, held: Mapping[str, Any]) -> bytes:
        made = self._compiler.compile(sys_inputs={"certificate": json.dumps(held)}, pdf_standards=["ua-1"])
        assert isinstance(made, bytes)
        return made
