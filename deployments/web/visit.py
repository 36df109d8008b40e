"""One request by one person: who they are, how they are spoken to, what they sent, what they are shown.

A route asks for a ``Visiting`` (GET) or a ``Submitting`` (POST); the latter has checked the form's token, so that a
route can get at a form in no other way.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from deployments.web.security import (
    ChoosePasswordFirst,
    NotForYou,
    SignInFirst,
    check_form,
    cookie,
    drop_cookie,
    ip,
    set_cookie,
    sign,
    signed,
)
from models.audit import origin
from models.clients.sign_up import SignUp
from models.company_id import NumberInvalid
from models.errors import N_, FormRefused, NotFound, ProvisionError
from models.people.login import SESSION_LIFE, Login
from models.people.mail_address import AddressInvalid
from models.people.manners import AddressForm, Language
from models.people.operator import ManagersOnly
from models.people.passwords import PasswordGuessable, PasswordMissing, PasswordTooLong, PasswordTooShort
from models.people.person import NameMissing, Person, Role
from models.people.staff import AccountsNotManaged, AdministratorsOnly
from models.settings import settings
from models.text import TextTooLong, fitting, one_line, paragraphs
from tasks.engine.passes import kick
from tasks.people import sessions
from tasks.text.i18n import Reader, environment, explain

TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")
T = TypeVar("T", bound=StrEnum)
Fields = Mapping[str, str | None]
"""What stands in the fields of a form, by their names."""
FILES_MOST = 100
"""Files that a form may have; each page says for itself how many of them it takes."""
YEAR = 365 * 24 * 3600
UNDOES = "undoes"
"""The field by which a form says that it takes back an act, and what that act put there."""
UNDO_SECONDS = 600
"""How long what was overwritten can be taken back by a button."""
LINE_MOST, PARAGRAPHS_MOST = 300, 2000
"""Characters that a field takes, of one line and of several; many rules allow fewer, and say so."""


class FileMissing(ProvisionError):
    status = 422
    says = N_("No file was chosen, or it is empty: choose one and send the form again.")


class ChangedSince(ProvisionError):
    """Who takes something back takes back an act of their own, not what somebody else has put there since."""

    says = N_("This was changed again since then, so nothing was taken back. You see here what stands there now.")


NO_ROW = re.compile(r"[-+ ]*[\d_.]{10,}")
"""A number in an address, however it is written, that is longer than that of any row, see ``row_number``."""

FIELDS: dict[type[ProvisionError], str] = {
    PasswordMissing: "password",
    PasswordTooShort: "password",
    PasswordTooLong: "password",
    PasswordGuessable: "password",
    NameMissing: "family_name",
    AddressInvalid: "email",
    NumberInvalid: "company_id",
    FileMissing: "file",
}
"""At which field of a form a refusal is shown, unless the page says otherwise; any other stands above the form."""


SAID = {
    "registered": N_("Welcome! Your account is ready."),
    "signed_out": N_("You are signed out."),
    "reset": N_("Your new password is set, and you are signed in."),
    "reset_expired": N_("That link has expired: ask for a new one here."),
    "details": N_("Your details are saved."),
    "deferred": N_("Thank you. We wait until then."),
    "not_me": N_("Thank you for telling us. Nothing more is sent to this address."),
    "profile": N_("Saved. We write to you accordingly from now on."),
    "reach": N_("Saved. We write to this person accordingly from now on."),
    "number": N_("Your company ID is chosen."),
    "bulk_asked": N_("The invitations are on their way. This page tells how far they are."),
    "bulk_paused": N_("Paused: nothing more is handed over until you resume."),
    "bulk_resumed": N_("Resumed: they go on."),
    "bulk_stopped": N_("Stopped: whoever had no turn yet is left out."),
    "logo": N_("Thank you, we have your logo."),
    "permission": N_("Thank you. We will look for your logo on your website in the next minutes."),
    "logo_kept": N_("Your logo stays as it is."),
    "logo_back": N_("Done: your earlier logo is back."),
    "caseworkers": N_(
        "Saved. Who is new is invited in the next minutes; who was invited before keeps that invitation."
    ),
    "no_caseworkers": N_("Noted: for now nobody else works with it. You can still add people at any time."),
    "clients": N_("Saved. Who is new is invited in the next minutes; who was invited before keeps that invitation."),
    "setting_added": N_("Added."),
    "setting": N_("Saved."),
    "setting_deleted": N_("Deleted."),
    "setting_gone": N_("Nothing was changed: that was deleted already."),
    "setting_put_away": N_("Put away. What it holds stays, and is there again when you take it back."),
    "setting_taken_back": N_("Taken back: forms show it again."),
    "firm_settings": N_("Saved."),
    "token_revoked": N_("The token is revoked: whatever uses it is refused from now on."),
    "rights": N_("Saved. It counts from this person's next click on."),
    "owner_asked": N_("Asked: a mail with the link is on its way. This page tells as long as there is no answer."),
    "owner_stays": N_("Taken back: nobody is asked any more, and nothing has changed."),
    "owner_changed": N_("Thank you. You are the owner of this account now."),
    "withdrawn": N_("Done: this person is no longer invited, and the link no longer works."),
    "removed": N_("Done: this person has no access any more, and was told."),
    "paused": N_("Done: this person has no access until you give it back, and was told."),
    "resumed": N_("Done: this person has access again, and was told."),
    "resent": N_("A new link is on its way."),
    "sign_up_accepted": N_("Done: there is an account for them now, and a mail with the way to it is on its way."),
    "sign_up_linked": N_("Done: they are a contact of this account now, and a mail tells them."),
    "sign_up_declined": N_("Done: the registration is declined, and a mail says so."),
    "invited": N_("Done: this person is told by mail."),
    "prepared": N_("Done: access is on, and nobody was told. You can send the invitation later."),
    "switched": N_("Saved."),
    "confirm_asked": N_("A mail with the question is on its way."),
    "inbox_read": N_("Everything is marked as read."),
    "entry_shut": N_("You do not see this account any more: ask the owner or an administrator if you need it."),
    "own_password": N_("Your own password is set."),
    "signed": N_("Thank you for your signature."),
    "delegated": N_("The agreement is on its way to this person. You can take it back here until it is signed."),
    "taken_back": N_("You sign again yourself. The other person is told, and their link no longer works."),
    "renewed": N_("A new version is on its way to the address that we know."),
    "renewed_there": N_("A new version is on its way to the person who asked you to sign."),
    "declined": N_("You have declined the agreement. We will get in touch with you."),
    "all_invited_again": N_(
        "All of them are sent a new link, one after the other, at hours at which they can be reached. Whoever is "
        "active by then gets none."
    ),
    "account_opened": N_("The account is there. Nobody is invited before you say so."),
    "account_saved": N_("Saved."),
    "account_archived": N_("The account is archived: nobody sees it in the portal, and no list shows it."),
    "account_restored": N_("The account is back."),
    "accounts_done": N_("Done, for all that were selected."),
    "accounts_same": N_(
        "Nothing was changed: none of the selected accounts was any different, or you see none of them."
    ),
    "contact_added": N_("The contact is added. Nobody is invited before you say so."),
    "contact_removed": N_("Done: this person is no longer a contact of this account."),
    "contact_saved": N_("Saved."),
    "contract": N_("Saved."),
    "consented": N_("Thank you, it is noted that you agree."),
    "consent_refused": N_(
        "Noted. We will get in touch with you; until then the version counts to which you agreed before."
    ),
    "legal_published": N_("Published. Who is to be asked is written to with the next run."),
    "account_closed": N_("The account is closed, and all access to it has ended. Both sides have a mail that says so."),
    "closing_asked": N_(
        "Noted: the account is closed as soon as its last module has ended. Until then you can take it back."
    ),
    "closing_taken_back": N_("Taken back: the account stays."),
    "module_ordered": N_("Ordered. What was agreed stands here from now on, and both sides have it by mail."),
    "module_ends": N_("Received. The module ends with the day that you see here."),
    "tariff_changed": N_("Received. The new tariff counts from the day that you see here."),
    "undo_asked": N_("We have been asked. Until both sides want it otherwise, the termination counts."),
    "takeout_asked": N_("All data are put together. You get a mail as soon as they can be fetched here."),
    "takeout_there": N_("All data were put together within the last hour: you can fetch them here."),
    "undo_refused": N_("Answered: the termination stands, and the firm was told."),
    "change_undone": N_("Undone: the module goes on as before."),
    "import_read": N_("Read anew. Please check once more where the columns go."),
    "uploaded": N_("Thank you, the signed copy has arrived. We will look at it."),
}
"""What a page says about what was just done, by the word in its address."""
SAME = {"accounts_same", "setting_gone", "entry_shut", "takeout_there"}
"""Those that say that nothing was done."""


@dataclass(frozen=True)
class Undo:
    """The form that takes an act back: sent to *action*, with what stood in its fields before.

    It says as well what the act put there, see ``Submission.require_own_act``.
    """

    action: str
    values: dict[str, str]


class Form:
    """What a form shows: the values in its fields and the sentences at those that were refused."""

    def __init__(self, values: Mapping[str, Any] | None = None, errors: dict[str, str] | None = None) -> None:
        self.values = {name: "" if value is None else str(value) for name, value in (values or {}).items()}
        self.errors = errors or {}

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        return self.errors.get(name, "")


class Visit:
    """A request, the person behind it as far as known, and the pages made for them."""

    def __init__(self, request: Request, visitor: sessions.Visitor | None = None) -> None:
        self.request = request
        self.visitor = visitor
        self.browser = cookie(request, "browser") or token_urlsafe(16)
        """Random name of this browser, to which its forms are bound."""
        self._chosen = next((language for language in Language if language == cookie(request, "language")), None)
        self.reader = _remembered(request)
        if self._chosen:
            self.reader = Reader(self._chosen, self.reader.form)
        if visitor:
            self.speak_to(visitor)
        request.state.visit = self

    def speak_to(self, person: Person | Login | SignUp | sessions.Visitor) -> None:
        """From here on in this person's language (unless another was chosen), Sie or Du as they like it."""
        self.reader = Reader(self._chosen or person.language, person.address_form)

    @property
    def entries(self) -> list[tuple[str, str, str]]:
        """What was sent, to be sent again; a page that was only opened sent nothing."""
        return []

    # ---- who may see what

    @property
    def guest(self) -> bool:
        return self.visitor is None

    def signed_in(self) -> sessions.Visitor:
        """The visitor; raises SignInFirst, ChoosePasswordFirst, AccountClosed."""
        if self.visitor is None:
            sessions.require_not_closed(cookie(self.request, "session") or "")
            raise SignInFirst
        if self.visitor.must_change_password:
            raise ChoosePasswordFirst
        return self.visitor

    def require_operator(self) -> sessions.Visitor:
        """The visitor, who works for the provider; raises SignInFirst or NotFound."""
        visitor = self.signed_in()
        if not visitor.is_operator:
            raise NotFound(self.reader.gettext("The page"))
        if self.request.method == "POST":  # What is done from here on is recorded with where it came from.
            origin.set({"ip": ip(self.request), "agent": agent(self.request, 200)})
        return visitor

    def require_manager(self) -> sessions.Visitor:
        """The visitor, who looks after operators; raises SignInFirst, NotFound, ManagersOnly."""
        visitor = self.require_operator()
        if not visitor.is_manager:
            raise ManagersOnly
        return visitor

    def roles(self, firm_id: int) -> set[Role]:
        """What the visitor is to this firm; empty for strangers."""
        return {membership.role for membership in self.signed_in().memberships if membership.firm_id == firm_id}

    def require(self, firm_id: int, *roles: Role) -> sessions.Visitor:
        """The visitor, who has one of the roles at the firm, or is an operator who only looks.

        Raises SignInFirst; NotFound for strangers, who do not learn whether there is such a firm; NotForYou for
        people of the firm in other roles.
        """
        visitor = self.signed_in()
        held = self.roles(firm_id)
        looks_only = visitor.is_operator and self.request.method == "GET"
        if held & set(roles) or looks_only:
            return visitor
        if not held:
            raise NotFound(self.reader.gettext("The page"))
        raise NotForYou(
            next(membership.firm_name for membership in visitor.memberships if membership.firm_id == firm_id)
        )

    def require_staff(self, firm_id: int, *, manages: bool = False) -> sessions.Membership:
        """Which of the firm's own people the visitor is. *manages*: may open and change accounts.

        Raises SignInFirst; NotFound for strangers and clients, who do not learn what there is; AccountsNotManaged.
        """
        member = self.signed_in().staff_of(firm_id)
        if member is None:
            raise NotFound(self.reader.gettext("The page"))
        if manages and not member.rights.may_manage:
            raise AccountsNotManaged(member.firm_name)
        return member

    def require_administrator(self, firm_id: int) -> sessions.Membership:
        """The same of its owner and administrators; raises SignInFirst, NotFound, AdministratorsOnly."""
        member = self.require_staff(firm_id)
        if not member.rights.sees_all:
            raise AdministratorsOnly(member.firm_name)
        return member

    # ---- what they are shown

    def page(self, template: str, *, status: int = 200, case: int | None = None, **values: Any) -> HTMLResponse:
        """The template, filled in. *case*: something happened there, ask for a pass once the page is on its way."""
        values.setdefault("form", Form())
        values["unread"] = None if status >= 500 else self._unread()  # Where the database is busy nothing is asked.
        made = environment(self.reader, TEMPLATES).get_template(template)
        text = made.render(
            visit=self, settings=settings(), static=static, form_token=sign(self.browser, "form"), **values
        )
        response = HTMLResponse(text, status, background=_kick(case))
        self._remember(response)
        return response

    def _unread(self) -> int | None:
        """How many entries of the inbox were not opened; None for who has none."""
        people = self.visitor.staff if self.visitor else []
        return sessions.unread(people) if people else None

    def go(
        self, path: str, *, case: int | None = None, before: Fields | None = None, after: Fields | None = None
    ) -> RedirectResponse:
        """See the next page there.

        *before* and *after*: what stood in the fields of the form that was sent, and what stands there now. If
        something was overwritten, the next page offers to take that back, by the same form; *before* is None where the
        form would not take it.
        """
        response = RedirectResponse(path, 303, background=_kick(case))
        self._remember(response)
        if before and after and any(before.values()) and before != after:
            values = {name: value or "" for name, value in before.items()} | {UNDOES: _digest(after)}
            kept = json.dumps([self.request.url.path, values])
            set_cookie(response, "undo", sign(kept, f"undo:{self.browser}"), UNDO_SECONDS)
        elif cookie(self.request, "undo"):
            drop_cookie(response, "undo")
        return response

    def again(
        self,
        template: str,
        refusal: ProvisionError | dict[str, ProvisionError],
        *,
        fields: dict[type[ProvisionError], str] | None = None,
        values: Mapping[str, Any] | None = None,
        **shown: Any,
    ) -> HTMLResponse:
        """The form as it was sent, each refusal at its field; passwords are never shown again.

        A refusal that no entry can mend (a dead link, a missing page, too many attempts) is raised on.
        """
        if isinstance(refusal, FormRefused):
            refusal = dict(refusal.fields)
        if isinstance(refusal, ProvisionError):
            if refusal.status in {401, 404, 410, 429}:
                raise refusal
            places = {**FIELDS, **(fields or {})}
            place = next((places[kind] for kind in type(refusal).__mro__ if kind in places), "")
            refusal = {(refusal.field if isinstance(refusal, TextTooLong) else "") or place: refusal}
        own = not any(isinstance(one, ChangedSince) for one in refusal.values())  # Else the page shows what is there.
        kept = {name: value for name, value in (values or {}).items() if own and "password" not in name}
        errors = {field: explain(error, self.reader) for field, error in refusal.items()}
        status = next(iter(refusal.values())).status
        return self.page(template, status=status, form=Form(kept, errors), **shown)

    def enter(self, path: str, session_token: str, *, case: int | None = None) -> RedirectResponse:
        """Sign this browser in and go on there. It gets a new name, so that forms opened before are void."""
        response = self.go(path, case=case)
        set_cookie(response, "session", session_token, int(SESSION_LIFE.total_seconds()))
        set_cookie(response, "browser", token_urlsafe(16))
        return response

    def leave(self, path: str) -> RedirectResponse:
        """Sign this browser out and go on there."""
        response = self.go(path)
        for name in ("session", "browser", "undo"):
            drop_cookie(response, name)
        return response

    def _remember(self, response: Response) -> None:
        """So that the next page, even one that knows nobody, speaks the same way and takes the forms of this one."""
        if cookie(self.request, "browser") != self.browser:
            set_cookie(response, "browser", self.browser)
        if cookie(self.request, "reader") != self.reader.catalogue:
            set_cookie(response, "reader", self.reader.catalogue)

    @property
    def said(self) -> str:
        """The sentence on what was just done, where the page before asked for it."""
        sentence = SAID.get(self.said_word)
        return self.reader.gettext(sentence) if sentence else ""

    @property
    def said_same(self) -> bool:
        """Whether that sentence says that nothing was done."""
        return self.said_word in SAME

    @property
    def new_account(self) -> str:
        """Where the visitor opens an account for a client: at the firm of this page, else at the only one; or empty."""
        members = self.visitor.memberships if self.visitor else []
        firms = {member.firm_id for member in members if member.rights.may_manage}
        here = re.match(r"/firm/(\d+)", self.request.url.path)
        if here and int(here[1]) in firms:
            firms = {int(here[1])}
        return f"/firm/{firms.pop()}/accounts/new" if len(firms) == 1 else ""

    @property
    def undo(self) -> Undo | None:
        """How to take back what was just done, where that can be done by the form that did it."""
        kept = signed(cookie(self.request, "undo") or "", f"undo:{self.browser}") if self.said_word else None
        return Undo(*json.loads(kept)) if kept else None

    @property
    def said_word(self) -> str:
        return self.request.query_params.get("said", "")

    def options(self, kind: type[StrEnum]) -> list[tuple[str, str]]:
        """The members of an enum as a form offers them."""
        return [(option.value, self.reader.label(option)) for option in kind]

    @property
    def place(self) -> str:
        """Path and query of this page, to come back to."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path


class Submission(Visit):
    """A form that was sent, its token checked."""

    def __init__(self, request: Request, visitor: sessions.Visitor | None, sent: FormData) -> None:
        super().__init__(request, visitor)
        self._sent = sent

    def text(self, name: str, most: int = LINE_MOST) -> str:
        """What was typed into this field of one line, clean; empty if nothing was. Raises TextTooLong at the field."""
        return fitting(one_line(self.secret(name)), most, name)

    def paragraphs(self, name: str, most: int = PARAGRAPHS_MOST) -> str:
        """The same of a field of several lines."""
        return fitting(paragraphs(self.secret(name)), most, name)

    def secret(self, name: str) -> str:
        """What was typed, to the letter."""
        return _text(self._sent.get(name))

    def password(self) -> str:
        """What was typed as password, to the letter; raises PasswordMissing."""
        typed = self.secret("password")
        if not typed:
            raise PasswordMissing
        return typed

    def texts(self, name: str) -> list[str]:
        """Of a field that the form has several times."""
        return [one_line(_text(value)) for value in self._sent.getlist(name)]

    def require_own_act(self, standing: Fields) -> None:
        """Raise ChangedSince if this takes back an act, and the fields no longer hold what that act put there.

        Where they hold already what this puts back, it was sent twice: it is done, and saying it again changes nothing.
        """
        undoes, put_back = self.text(UNDOES), {name: self.secret(name) for name in standing}
        if undoes and _digest(standing) not in {undoes, _digest(put_back)}:
            raise ChangedSince

    def hours(self) -> set[tuple[int, int]]:
        """The hours of a week that are ticked; what is none is not."""
        cells = (re.fullmatch(r"([0-6])-(1?\d|2[0-3])", hour, re.ASCII) for hour in self.texts("hour"))
        return {(int(cell[1]), int(cell[2])) for cell in cells if cell}

    def chosen(self, kind: type[T], name: str) -> T | None:
        """What was chosen of an enum; None for anything else."""
        return member(kind, self.text(name))

    def held(self, name: str = "was") -> dict[str, str]:
        """What stood in the form's fields when it was opened, as the form itself keeps it; empty if that is garbled."""
        try:
            kept = json.loads(self.secret(name))
        except ValueError:
            return {}
        return {key: text for key, text in kept.items() if isinstance(text, str)} if isinstance(kept, dict) else {}

    def ticked(self, name: str) -> bool:
        return bool(self.text(name))

    def file(self, name: str) -> tuple[str, bytes]:
        """Name and content of the file that was chosen; raises FileMissing."""
        return self.files(name)[0]

    def files(self, name: str) -> list[tuple[str, bytes]]:
        """The same of all files that were chosen, at least one."""
        sent = [value for value in self._sent.getlist(name) if isinstance(value, UploadFile)]
        chosen = [(one_line(value.filename or ""), content) for value in sent if (content := value.file.read())]
        if not chosen:
            raise FileMissing
        return chosen

    @property
    def values(self) -> dict[str, str]:
        return {name: _text(value) for name, value in self._sent.items()}

    @property
    def entries(self) -> list[tuple[str, str, str]]:
        """Every field that was sent, to be sent again: its name, its kind, and its value unless that is for no page."""
        sent = [(name, value) for name, value in self._sent.multi_items() if name != "form_token"]
        return [
            (name, "file", "")
            if isinstance(value, UploadFile)
            else (name, "password", "")
            if "password" in name
            else (name, "hidden", _text(value))
            for name, value in sent
        ]


def visit(request: Request) -> Visit:
    """Whoever comes by a link from a mail is spoken to as they like it, also where the link opens nothing any more.

    Raises NotFound for a number that no row can have.
    """
    token = cookie(request, "session")
    opened = Visit(request, sessions.signed_in(token) if token else None)
    if any(NO_ROW.fullmatch(str(part)) for part in request.path_params.values()):
        raise NotFound(opened.reader.gettext("The page"))
    link = request.path_params.get("token") or request.query_params.get("business_member")
    holder = sessions.holder(link) if link else None
    if holder is not None:
        opened.speak_to(holder)
    return opened


Visiting = Annotated[Visit, Depends(visit)]


async def submission(request: Request, opened: Visiting) -> AsyncIterator[Submission]:
    """The form behind a POST; raises FormForeign."""
    async with request.form(max_files=FILES_MOST, max_fields=400) as sent:
        check_form(_text(sent.get("form_token")), cookie(request, "browser"))
        yield Submission(request, opened.visitor, sent)


Submitting = Annotated[Submission, Depends(submission)]


def agent(request: Request, most: int = 300) -> str:
    """What the browser calls itself, as far as it is kept."""
    return one_line(request.headers.get("user-agent", ""))[:most]


def member(kind: type[T], text: str) -> T | None:
    """The member of this value; None for anything else."""
    return next((one for one in kind if one.value == text), None)


def visit_of(request: Request) -> Visit:
    """The visit of a request that failed; knows the visitor only if that was found out before."""
    opened: Visit | None = getattr(request.state, "visit", None)
    return opened or Visit(request)


def local(path: str, otherwise: str = "/") -> str:
    """The path if it stays on these pages; an address that leads elsewhere is not followed."""
    stays = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if stays else otherwise


@cache
def static(name: str) -> str:
    """Address of a file of ours that changes with its content, so that browsers may keep it."""
    return f"/static/{name}?{sha256((STATIC / name).read_bytes()).hexdigest()[:8]}"


def _digest(fields: Fields) -> str:
    """Names what stands in these fields: long values need not travel."""
    texts = {name: str(value or "") for name, value in fields.items()}
    return sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:32]


def _text(value: object) -> str:
    return value.replace("\0", "").replace("\r\n", "\n") if isinstance(value, str) else ""


def _remembered(request: Request) -> Reader:
    """How this browser was last spoken to, else what it asks for."""
    name = cookie(request, "reader") or ""
    readers = (Reader(language, form) for language in Language for form in AddressForm)
    return next(
        (reader for reader in readers if reader.catalogue == name),
        Reader.accepting(request.headers.get("accept-language")),
    )


def _kick(case: int | None) -> BackgroundTask | None:
    return None if case is None else BackgroundTask(kick, case)
