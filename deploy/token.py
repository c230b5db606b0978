"""A bearer token of the demo: `python -m deploy.token ROLE [--person NUMBER] [--company NAME] [--organisation NAME]`.

What a browser does with the login's pages, in three calls. Nothing has to exist beforehand: the login forgets its
people when it restarts, so whoever asks is introduced first.
"""

import argparse
import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx

from deploy.embedded import ROOT, demo_folder

AUDIENCE = "cir"
NEEDS = {  # role → what it cannot do without
    "candidate": "person",
    "helper": "organisation",
    "case_worker": "company",
    "council": "company",
    "rule_author": None,
    "operator": None,
}
ORGANISATIONS = ROOT / "services/dossier/organisations.yaml"
_CALLBACK = "http://127.0.0.1/callback"


def citizen(
    role: str, *, person: str | None = None, company: str | None = None, organisation: str | None = None
) -> tuple[str, dict[str, str]]:
    """The subject by which the login knows them, and the claims that the services read. Raises `ValueError`."""
    given = {"person": person, "company": company, "organisation": organisation}
    if role not in NEEDS:
        raise ValueError(f"no role {role!r}: it is one of {', '.join(NEEDS)}")
    if (need := NEEDS[role]) and not given[need]:
        raise ValueError(f"a token for {role} needs --{need}")
    if person is not None and not (len(person) == 11 and person.isdecimal()):
        raise ValueError(f"--person {person}: a national register number has 11 digits, no points or dashes")
    claims = {"cir_role": role, "cir_number": person, "cir_company": company, "cir_organisation": organisation}
    return "-".join([role, *(value for value in given.values() if value)]), {k: v for k, v in claims.items() if v}


def claims_of(subject: str) -> dict[str, str]:
    """The claims of somebody by his subject. Raises `ValueError`."""
    role, _, value = subject.partition("-")
    need = NEEDS.get(role)
    return citizen(role, **({need: value} if need else {}))[1]


def token(
    login: str,
    role: str,
    *,
    person: str | None = None,
    company: str | None = None,
    organisation: str | None = None,
) -> str:
    """An id token (a signed JWT) by the login at this base address. organisation: its id or its name.
    Raises `ValueError`, `httpx.HTTPError`."""
    import yaml  # only here: the login takes its citizens from this module, in an image that has no YAML

    known = {entry["name"]: id_ for id_, entry in yaml.safe_load(ORGANISATIONS.read_text("utf-8")).items()}
    organisation = known.get(organisation or "", organisation)
    return log_in(login, *citizen(role, person=person, company=company, organisation=organisation))


def log_in(login: str, subject: str, claims: dict[str, str]) -> str:
    """The id token of somebody with these claims. Raises `httpx.HTTPError`."""
    with httpx.Client(base_url=login, trust_env=False) as client:
        client.put(f"/users/{subject}", json=claims).raise_for_status()
        asked = {"client_id": AUDIENCE, "redirect_uri": _CALLBACK, "response_type": "code", "scope": "openid"}
        answer = client.post("/oauth2/authorize", params=asked, data={"sub": subject})
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": _CALLBACK}
        answer = client.post("/oauth2/token", data={**exchange, "client_id": AUDIENCE, "client_secret": "demo"})
        return str(answer.raise_for_status().json()["id_token"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.token", description="Print a bearer token of the demo.")
    parser.add_argument("role", choices=NEEDS)
    for option in ("person", "company", "organisation"):
        needed_by = [role for role, need in NEEDS.items() if need == option]
        parser.add_argument(f"--{option}", help=f"needed by: {', '.join(needed_by)}")
    arguments = parser.parse_args()
    try:
        citizen(**vars(arguments))
    except ValueError as error:
        parser.error(str(error))
    try:
        addresses = json.loads((demo_folder() / "addresses.json").read_text())
        print(token(addresses["login"], **vars(arguments)))
    except (FileNotFoundError, httpx.TransportError) as error:
        print(f"No demo answers ({error}): start it with `make demo`, and wait for its addresses.", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
