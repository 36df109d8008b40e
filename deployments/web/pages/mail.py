"""The mails that the embedded catcher took, to be read in the browser. Not there with a real mail server."""

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from deployments.catcher import NAME, CaughtMail, mail_files, read_mail
from deployments.web.security import is_at_this_machine
from deployments.web.visit import Visit, Visiting
from models.errors import NotFound
from models.settings import settings

LIST_MOST = 200
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
FOREIGN_PAGE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox",
    "X-Frame-Options": "SAMEORIGIN",
}
"""A mail's HTML runs nothing, loads only our own pictures, and opens its links in a new window."""


def with_catcher_only(visit: Visiting) -> None:
    """Links and codes stand in these mails: only whoever sits at this machine reads them, also behind a proxy."""
    hosts = {settings().smtp_host, urlsplit(settings().base_url).hostname, visit.request.url.hostname}
    if not (settings().mail_catcher and hosts <= LOOPBACK and is_at_this_machine(visit.request)):
        raise NotFound(visit.reader.gettext("The page"))


def caught(visit: Visit, name: str) -> CaughtMail:
    file = settings().mail_folder / name
    if not file.is_file():
        raise NotFound(visit.reader.gettext("The page"))
    return read_mail(file)


Name = Annotated[str, Path(pattern=f"^{NAME}$")]
"""Of a mail's file; the pattern allows no way out of the folder."""
router = APIRouter(prefix="/mail", dependencies=[Depends(with_catcher_only)])


@router.get("")
def mails(visit: Visiting) -> Response:
    files = mail_files(settings().mail_folder)
    newest = [read_mail(file) for file in reversed(files[-LIST_MOST:])]
    return visit.page("mail/list.html", mails=newest, total=len(files))


@router.get("/{name}")
def mail(visit: Visiting, name: Name) -> Response:
    return visit.page("mail/mail.html", mail=caught(visit, name))


@router.get("/{name}/html")
def mail_html(visit: Visiting, name: Name) -> Response:
    """The HTML part, shown in a frame that can do nothing."""
    page = caught(visit, name).html.replace("<head>", '<head><base target="_blank">', 1)
    return Response(page, media_type="text/html; charset=utf-8", headers=FOREIGN_PAGE)


@router.get("/{name}/attachment/{number:number}")
def mail_attachment(visit: Visiting, name: Name, number: Annotated[int, Path(ge=1)]) -> Response:
    attachments = caught(visit, name).attachments
    if number > len(attachments):
        raise NotFound(visit.reader.gettext("The page"))
    file_name, content = attachments[number - 1]
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"}
    return Response(content, media_type="application/octet-stream", headers=headers)
