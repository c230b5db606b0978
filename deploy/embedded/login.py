"""The demo's login: an OpenID Connect provider made for tests, given a signing key that outlives a restart.

Whoever asks is believed: it is for this machine alone. `python -m deploy.embedded.login FOLDER PORT`.
"""

import json
import logging
import os
import sys
import warnings
from datetime import timedelta
from html import escape
from pathlib import Path
from urllib.parse import quote, urlsplit

import flask
from werkzeug.serving import make_server

from deploy.embedded import HOST, page, write_private
from deploy.embedded.samples import PEOPLE, SAMPLES
from deploy.token import citizen, claims_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its Authlib announces what will change one day
    import oidc_provider_mock  # type: ignore[import-untyped]
    from authlib.jose import RSAKey
    from joserfc import jwk

TITLES = {"nl": "De aanmelding van de demo: wie bent u?", "en": "The demo's login: who are you?"}


def sign_in(asked: flask.Request, people: list[tuple[str, str]]) -> flask.Response:
    """people: subject and name."""
    query = asked.query_string.decode()
    code = page.language(query, asked.headers.get("Accept-Language", ""))
    links = "".join(
        f'<li><a class="govuk-link" href="{escape(asked.full_path)}&amp;login_hint={quote(subject)}">{escape(name)}</a></li>'
        for subject, name in people
    )
    body = f'<ul class="govuk-list govuk-list--spaced">{links}</ul>'
    return flask.Response(
        page.page("login", code, TITLES[code], body, query), headers={"Content-Security-Policy": page.CSP}
    )


def key_in(file: Path) -> RSAKey:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, json.dumps(RSAKey.generate_key(is_private=True).as_dict(is_private=True)))
    return RSAKey.import_key(json.loads(file.read_text()))


def provider(folder: Path) -> flask.Flask:
    """Its sign-in page offers the candidates of the demo and a case worker of each company."""
    named = [(subject, claims_of(subject) | {"name": person["name"]}) for subject, person in PEOPLE.items()]
    people = [citizen("case_worker", company=company) for company in ("dijledal", "kanvaz", "woontrots")]
    people += [citizen("candidate", person=number) for sample in SAMPLES for number in sample.logins]
    people += named
    offered = list({subject: str(claims.get("name", subject)) for subject, claims in people}.items())
    users = [oidc_provider_mock.User(sub=subject, claims=claims) for subject, claims in people]
    app: flask.Flask = oidc_provider_mock.app(user_claims=users, access_token_max_age=timedelta(hours=12))
    browsers = os.environ.get("CIR_DEMO_BROWSERS")
    key = key_in(folder / "key.json")
    told, signing = key.as_dict, jwk.RSAKey.import_key(key.as_dict(is_private=True))  # once: its primes are checked
    key.as_dict = lambda is_private=False, **what: signing if is_private else told(is_private, **what)

    @app.before_request
    def sign_with_the_same_key() -> None:
        flask.g.oidc_provider_mock_storage.jwk = key

    @app.before_request
    def by_link() -> flask.typing.ResponseReturnValue | None:
        """A browser logs in by a link, on a page that fetches nothing from elsewhere, and logs out without a question."""
        asked = flask.request
        if asked.path == page.STYLE:
            return flask.Response(page.style(), content_type="text/css")
        if asked.path == "/oauth2/end_session":
            return flask.redirect(asked.args.get("post_logout_redirect_uri", "/"))
        if asked.path != "/oauth2/authorize" or asked.method != "GET":
            return None
        if (subject := asked.args.get("login_hint")) is None:
            return sign_in(asked, offered)
        client = app.test_client()
        client.put(f"/users/{quote(subject)}", json=claims_of(subject) | dict(named).get(subject, {}))
        return client.post(asked.full_path, data={"sub": subject}, base_url=asked.host_url)

    @app.after_request
    def sent_to_where_browsers_find_it(answer: flask.Response) -> flask.Response:
        """Containers reach it by a name that no browser knows."""
        if browsers and flask.request.path == "/.well-known/openid-configuration":
            told = answer.get_json()
            for page in ("authorization_endpoint", "end_session_endpoint"):
                told[page] = browsers + urlsplit(told[page]).path
            answer.set_data(json.dumps(told))
        return answer

    if issuer := os.environ.get("CIR_DEMO_ISSUER"):  # who calls it by another name gets the same tokens
        inner, name = app.wsgi_app, issuer.removeprefix("http://")
        app.wsgi_app = lambda environ, start_response: inner(environ | {"HTTP_HOST": name}, start_response)  # type: ignore[method-assign]
    return app


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    make_server(HOST, int(sys.argv[2]), provider(Path(sys.argv[1])), threaded=True).serve_forever()
