"""What a signer does behind the link: read part by part, ask for a code, sign, or hand the signature to somebody else.

Every act is deliberate, a form that was sent: programs that open the links in mails read nothing and sign nothing.
"""

import re
from datetime import datetime, timedelta
from io import BytesIO

from PIL import Image, ImageDraw
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import (
    ASKS_TO_SIGN,
    FUNCTION_MOST,
    Agreement,
    HandedOver,
    PartsUnread,
    SignatureMissing,
    SignedHow,
)
from models.audit import evidence, of, record
from models.code import MOST_A_DAY, Code, CodeDead, CodesSentToday
from models.db import Facts, transaction
from models.decision import drop_mails
from models.document import Document
from models.errors import N_, NotFound, ProvisionError
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, Party, StepName
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.request import named
from models.text import fitting, one_line
from models.time.clock import now
from tasks.agreement.rendering import part_files
from tasks.agreement.responses import keep_signature
from tasks.agreement.sending import mail_agreement
from tasks.agreement.viewing import behind, opened, require_asked
from tasks.mail.letterheads import Turn, letterhead
from tasks.mail.letters import agreement as letters
from tasks.people.membership import let_go
from tasks.people.naming import add_people

GRID = 1000, 300
"""Width and height of the field in which a signature is drawn; strokes come in these units."""
MOST_STROKES = 20_000
"""Characters in which a drawn signature is sent."""
INK = (16, 36, 58)


class DrawingUnreadable(ProvisionError):
    status = 422
    says = N_("The drawn signature could not be read: draw it again, or leave the field empty.")


class FunctionMissing(ProvisionError):
    status = 422
    says = N_("It is missing what entitles this person to sign: for example “managing director” or “partner”.")


class OwnAddress(ProvisionError):
    status = 422
    says = N_("%(address)s is your own address: sign yourself, or name somebody else.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


# ---- reading


def begin(token: str, *, ip: str, agent: str) -> str | None:
    """Who is asked to sign begins to read; returns the part to go on with, None if all are read."""
    with transaction() as session:
        case, person, agreement = _asked(session, token)
        _view(session, case, person, agreement, ip, agent)
    return opened(token).next_part


def read(token: str, part: str, *, version: int | None = None, ip: str, agent: str) -> str | None:
    """Who is asked to sign says that this part of the version shown is read.

    Returns the part to go on with, None if all are read.
    """
    with transaction() as session:
        case, person, agreement = _asked(session, token)
        agreement.require_version(version)
        if part not in _parts(agreement):
            raise NotFound(part)
        _view(session, case, person, agreement, ip, agent)
        if agreement.read(part, at := now()):
            facts: Facts = {"version": agreement.version, "part": part, "ip": ip, "agent": agent[:300]}
            record(session, case.id, at, "agreement.read", person, **facts)
    return opened(token).next_part


def _view(session: Session, case: Onboarding, person: Person, agreement: Agreement, ip: str, agent: str) -> None:
    if agreement.view(at := now()):
        facts = {"ip": ip, "agent": agent[:300], "sha256": agreement.sha256(session)}
        record(session, case.id, at, "agreement.opened", person, version=agreement.version, **facts)


def _asked(session: Session, token: str) -> tuple[Onboarding, Person, Agreement]:
    """The case, who holds the link and is asked to sign, and the agreement, which can be signed now."""
    case, person = behind(session, token)
    agreement = Agreement.current(session, case.id)
    require_asked(person, agreement)
    agreement.require_open(now())
    return case, person, agreement


def _parts(agreement: Agreement) -> list[str]:
    """The keys of what there is to read in this very version, whichever was shown before."""
    return list(part_files(agreement.data["line_of_business"]))


# ---- signing


def send_code(token: str, *, ip: str, agent: str) -> int:
    """Mail who signs a one-time code; the one sent before dies. Returns the case's id."""
    with transaction() as session:
        case, person, agreement = _asked(session, token)
        at = now()
        if unread := agreement.unread(_parts(agreement)):
            raise PartsUnread(unread)
        mine = Outgoing.kind == MailKind.SIGN_CODE, Outgoing.to_address == person.email
        today = Outgoing.sent_since(session, at - timedelta(days=1), *mine)
        if len(today) >= MOST_A_DAY:
            raise CodesSentToday(MOST_A_DAY, today[0] + timedelta(days=1))
        code = Code.fresh(session, agreement.id, person.id, at)
        head, until = letterhead(session, case.firm), _deadline(code, agreement)
        Outgoing.post(session, letters.sign_code(case, person, head, at, code=code, valid_until=until))
        record(session, case.id, at, "agreement.code_sent", person, to=person.email, ip=ip, agent=agent[:300])
        return case.id


def code_deadline(token: str) -> datetime | None:
    """Until when the code that was sent to who holds the link can be used; None if none can."""
    shown, at = opened(token), now()
    with transaction() as session:
        code = Code.of(session, shown.agreement.id, shown.person.id)
        until = _deadline(code, shown.agreement) if code is not None and code.is_good(at) else None
        return until if until is not None and at < until else None


def _deadline(code: Code, agreement: Agreement) -> datetime:
    """No code is good for longer than what is signed with it."""
    return min(code.expires_at, agreement.expires_at)


def sign(token: str, name: str, code: str, *, strokes: str = "", ip: str, agent: str) -> int:
    """Who is asked signs on the page; returns the case's id. Signing again changes nothing.

    *strokes* is the signature as it was drawn: points ``x,y`` in units of GRID, blanks between them, a semicolon
    between two strokes. Raises PartsUnread, SignatureMissing, CodeWrong, CodeDead; a wrong code counts as a try.
    """
    drawing = draw(strokes)
    with transaction() as session:
        case, person = behind(session, token)
        agreement = Agreement.current(session, case.id)
        if agreement.signed_at is not None:
            return case.id
        case, person, agreement = _asked(session, token)
        if unread := agreement.unread(_parts(agreement)):
            raise PartsUnread(unread)
        if not name.strip():
            raise SignatureMissing
        sent = Code.of(session, agreement.id, person.id)
        refusal = CodeDead() if sent is None else sent.use(code, now())
        if refusal is None:
            kept = drawing and Document.keep(session, drawing, "signature.png", "image/png")
            how: Facts = {"email": person.email, "code_used": True, "drawing_id": kept and kept.id}
            keep_signature(session, case, name, SignedHow.PAGE, person, ip=ip, agent=agent, **how)
        else:
            record(session, case.id, now(), "agreement.code_refused", person, ip=ip, agent=agent[:300])
    if refusal is not None:
        raise refusal  # Only now, so that the try is kept.
    return case.id


def draw(strokes: str) -> bytes | None:
    """A PNG of the drawn signature on a clear ground; None if nothing was drawn. Raises DrawingUnreadable."""
    if not strokes.strip():
        return None
    if len(strokes) > MOST_STROKES or not re.fullmatch(r"[\d, ;]+", strokes, re.ASCII):
        raise DrawingUnreadable
    lines = [[_point(point) for point in stroke.split()] for stroke in strokes.split(";") if stroke.strip()]
    points = [point for line in lines for point in line]
    if not points or max(x for x, _ in points) - min(x for x, _ in points) < GRID[0] // 50:
        return None  # A dot is no signature.
    fine = 2
    mask = Image.new("L", (GRID[0] * fine, GRID[1] * fine))
    pen = ImageDraw.Draw(mask)
    for line in lines:
        scaled = [(x * fine, y * fine) for x, y in line]
        pen.line(scaled, fill=255, width=6 * fine, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            pen.ellipse((x - 3 * fine, y - 3 * fine, x + 3 * fine, y + 3 * fine), fill=255)
    drawn = Image.new("RGB", GRID, INK)
    drawn.putalpha(mask.resize(GRID, Image.Resampling.LANCZOS))
    file = BytesIO()
    drawn.save(file, "PNG", optimize=True)
    return file.getvalue()


def _point(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,4}),(\d{1,4})", text)
    if match is None or int(match[1]) > GRID[0] or int(match[2]) > GRID[1]:
        raise DrawingUnreadable
    return int(match[1]), int(match[2])


# ---- somebody else signs


def delegate(token: str, name: str, email: str, function: str, *, ip: str, agent: str) -> int:
    """The organiser hands the signature to somebody who may sign for the firm; returns the case's id.

    This person gets the agreement with a link of their own. Repeating it changes nothing.
    """
    who, function = named(name, email), fitting(one_line(function), FUNCTION_MOST, "function")
    address = who.email
    if not function:
        raise FunctionMissing
    with transaction() as session:
        case, organiser = behind(session, token)
        agreement, at = Agreement.current(session, case.id), now()
        if organiser.role is not Role.ORGANISER:
            raise NotFound("Organiser")
        if address == organiser.email:
            raise OwnAddress(address)
        conditions = (Person.firm_id == case.firm_id, Person.role == Role.SIGNATORY, Person.email == address)
        person = session.scalars(select(Person).where(*conditions)).one_or_none()
        if agreement.delegate_id is not None:
            if person is not None and person.id == agreement.delegate_id:
                return case.id
            raise HandedOver
        person = person or add_people(session, case.firm, Role.SIGNATORY, [who], organiser)[0]
        person.rename(who.name)
        person.bounced_at = None  # Whoever is named anew is written to anew.
        agreement.delegate(person.id, function, at)
        session.flush()
        case.wait(StepName.AGREEMENT, Party.SIGNATORY, at)
        Reminder.end(session, StepName.AGREEMENT, at, case=case.id)
        drop_mails(session, at, Outgoing.person_id == organiser.id, Outgoing.kind.in_(ASKS_TO_SIGN))
        mail_agreement(session, [Turn(case, person)])
        Reminder.begin(session, case, person, StepName.AGREEMENT, at)
        facts: Facts = {"from": of(organiser, organiser.email), "to": person.email, "name": person.name}
        facts |= {
            "function": function,
            "person": person.id,
            "rows": evidence(person),
            "version": agreement.version,
            "ip": ip,
            "agent": agent[:300],
            "sha256": agreement.sha256(session),
        }
        record(session, case.id, at, "agreement.delegated", organiser, **facts)
        return case.id


def take_back(token: str, *, ip: str, agent: str) -> int:
    """The organiser signs after all; returns the case's id. Whoever was asked is told, and their link is dead."""
    with transaction() as session:
        case, organiser = behind(session, token)
        agreement, at = Agreement.current(session, case.id), now()
        if organiser.role is not Role.ORGANISER:
            raise NotFound("Organiser")
        person = session.get_one(Person, agreement.take_back())
        let_go(session, case, person)
        case.wait(StepName.AGREEMENT, Party.ORGANISER, at)
        Reminder.end(session, StepName.AGREEMENT, at, case=case.id)
        Reminder.begin(session, case, organiser, StepName.AGREEMENT, at)
        key, head = f"agreement_withdrawn:{agreement.id}:{person.id}:{at.isoformat()}", letterhead(session, case.firm)
        mail = letters.agreement_withdrawn(
            case, person, head, at, key=key, version=agreement, by="organiser", who=organiser.name
        )
        Outgoing.post(session, mail)
        facts: Facts = {"person": person.id, "from": person.email, "to": of(organiser, organiser.email), "ip": ip}
        facts |= {"agent": agent[:300], "version": agreement.version}
        record(session, case.id, at, "agreement.taken_back", organiser, **facts)
        return case.id
