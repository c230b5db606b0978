"""Where the demo's mails end: a mailbox shows one mail per Message-ID, however often it was sent.

A file each, named by recipient and Message-ID: a mail sent again after a crash replaces itself, and the folder is all
there is to know after a restart. `python -m deploy.embedded.mails FOLDER REGISTER SMTP_PORT HTTP_PORT`;
REGISTER: the address of its start page.
"""

import asyncio
import hashlib
import os
import sys
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from deploy.embedded import HOST, page

TO, AT, TIMES = "X-Sink-To", "X-Sink-At", "X-Sink-Times"  # added in front of what came


class Mailbox:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.mails = {path.stem: read(path) for path in folder.glob("*.eml")}

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd)
        """Say 250 once it is in the folder."""
        content = envelope.original_content or b""
        mail = message_from_bytes(content, policy=policy.default)
        for to in envelope.rcpt_tos:
            name = hashlib.sha256(f"{to} {mail['Message-ID'] or content!r}".encode()).hexdigest()[:32]
            before = self.mails.get(name)
            times = int(before[TIMES]) + 1 if before else 1
            at = before[AT] if before else datetime.now(UTC).isoformat()
            path, part = self.folder / f"{name}.eml", self.folder / f"{name}.part"
            part.write_bytes(f"{TO}: {to}\r\n{AT}: {at}\r\n{TIMES}: {times}\r\n".encode() + content)
            os.replace(part, path)
            self.mails[name] = read(path)
        return "250 kept"

    def newest_first(self) -> list[tuple[str, EmailMessage]]:
        return sorted(self.mails.items(), key=lambda item: str(item[1][AT]), reverse=True)


def read(path: Path) -> EmailMessage:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def pages(mailbox: Mailbox, register: str) -> FastAPI:
    app = FastAPI(title="Mails of the demo")

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/messages")
    async def messages() -> list[dict[str, str | int]]:
        """Newest first. times: how often it was sent; a repeat does not make a second mail."""
        return [
            {
                "to": str(mail[TO]),
                "subject": str(mail["Subject"]),
                "message_id": str(mail["Message-ID"]),
                "at": str(mail[AT]),
                "times": int(mail[TIMES]),
            }
            for _, mail in mailbox.newest_first()
        ]

    @app.get(page.STYLE)
    async def style() -> Response:
        return Response(page.style(), media_type="text/css")

    def show(request: Request, name: str, titles: dict[str, str], body: str) -> HTMLResponse:
        query = request.url.query
        code = page.language(query, request.headers.get("accept-language", ""))
        text = page.page(name, code, titles[code], body.replace("{lang}", f"?lang={code}"), query, register)
        return HTMLResponse(text, headers={"Content-Security-Policy": page.CSP})

    @app.get("/")
    async def overview(request: Request) -> HTMLResponse:
        rows = "".join(row(name, mail) for name, mail in mailbox.newest_first())
        many = len(mailbox.mails)
        titles = {"nl": f"Verstuurde mails: {many}", "en": f"Mails that were sent: {many}"}
        return show(request, "mails", titles, f'<ul class="cir-people">{rows}</ul>')

    @app.get("/mails/{name}")
    async def one(name: str, request: Request) -> HTMLResponse:
        mail = found(name)
        text, rich = mail.get_body(("plain",)), mail.get_body(("html",))
        code = page.language(request.url.query, request.headers.get("accept-language", ""))
        words = WORDS[code]
        about = f'<p class="govuk-body">{words["to"]} {escape(mail[TO])}. {words["times"]}: {mail[TIMES]}.</p>'
        shown = (
            f'<div class="govuk-inset-text cir-letter" lang="{spoken(mail)}">{escape(text.get_content())}</div>'
            if text
            else ""
        )
        links = f'<li><a class="govuk-link" href="/{{lang}}">{words["all"]}</a></li>'
        links += f'<li><a class="govuk-link" href="/mails/{name}/html">{words["html"]}</a></li>' if rich else ""
        titles = dict.fromkeys(page.LANGUAGES, str(mail["Subject"]))
        return show(request, "mail", titles, f'{about}{shown}<ul class="govuk-list">{links}</ul>')

    @app.get("/mails/{name}/html")
    async def as_html(name: str) -> HTMLResponse:
        """As a mail program shows it. The sandbox: it runs no script here, and reaches nothing."""
        rich = found(name).get_body(("html",))
        policy = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(rich.get_content() if rich else "", headers={"Content-Security-Policy": policy})

    def found(name: str) -> EmailMessage:
        if name not in mailbox.mails:
            raise HTTPException(404, "no such mail")
        return mailbox.mails[name]

    return app


WORDS = {
    "nl": {"to": "Aan", "times": "Keren verstuurd", "all": "Alle mails", "html": "Zoals een mailprogramma het toont"},
    "en": {"to": "To", "times": "Times sent", "all": "All mails", "html": "As a mail program shows it"},
}


def row(name: str, mail: EmailMessage) -> str:
    link, at = f"/mails/{name}{{lang}}", mail[AT][11:16]  # the day is the demo's, as the mail itself has it
    subject = f'<a class="govuk-link govuk-body" lang="{spoken(mail)}" href="{link}">{escape(str(mail["Subject"]))}</a>'
    return f'<li>{subject}<p class="govuk-body-s">{escape(mail[TO])} – {at} UTC</p></li>'


def spoken(mail: EmailMessage) -> str:
    return str(mail.get("Content-Language", "nl"))


async def serve(folder: Path, register: str, smtp_port: int, http_port: int) -> None:
    mailbox = Mailbox(folder)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(mailbox, enable_SMTPUTF8=True), HOST, smtp_port)
    async with smtp:
        await uvicorn.Server(
            uvicorn.Config(pages(mailbox, register), HOST, http_port, log_level="warning", lifespan="off")
        ).serve()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
