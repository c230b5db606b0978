"""Where the demo's mails end: a mailbox shows one mail per Message-ID, however often it was sent.

A file each, named by recipient and Message-ID: a mail sent again after a crash replaces itself, and the folder is all
there is to know after a restart. `python -m deploy.embedded.mails FOLDER SMTP_PORT HTTP_PORT`.
"""

import asyncio
import hashlib
import html
import os
import sys
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from deploy.embedded import HOST

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


def pages(mailbox: Mailbox) -> FastAPI:
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

    @app.get("/", response_class=HTMLResponse)
    async def overview() -> str:
        rows = "".join(
            f"<tr><td>{html.escape(mail[AT][:19])}<td>{html.escape(mail[TO])}"
            f'<td><a href="/mails/{name}">{html.escape(str(mail["Subject"]))}</a>'
            for name, mail in mailbox.newest_first()
        )
        return page(f"{len(mailbox.mails)} mails", f"<table><tr><th>at (UTC)<th>to<th>subject{rows}</table>")

    @app.get("/mails/{name}", response_class=HTMLResponse)
    async def one(name: str) -> str:
        if name not in mailbox.mails:
            raise HTTPException(404, "no such mail")
        mail = mailbox.mails[name]
        text, rich = mail.get_body(("plain",)), mail.get_body(("html",))
        shown = f"<pre>{html.escape(text.get_content())}</pre>" if text else ""
        if rich:  # the sandbox: a mail runs no script here, and reaches nothing
            shown += f'<iframe sandbox srcdoc="{html.escape(rich.get_content())}" title="as HTML"></iframe>'
        return page(str(mail["Subject"]), f"<p>to {html.escape(mail[TO])}, sent {mail[TIMES]} time(s){shown}")

    return app


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        "<style>body{font:16px sans-serif;margin:2rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0}"
        "iframe{width:100%;height:40rem;border:1px solid #999}pre{white-space:pre-wrap}</style>"
        f'<p><a href="/">all mails</a><h1>{html.escape(title)}</h1>{body}</html>'
    )


async def serve(folder: Path, smtp_port: int, http_port: int) -> None:
    mailbox = Mailbox(folder)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(mailbox, enable_SMTPUTF8=True), HOST, smtp_port)
    async with smtp:
        await uvicorn.Server(
            uvicorn.Config(pages(mailbox), HOST, http_port, log_level="warning", lifespan="off")
        ).serve()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
