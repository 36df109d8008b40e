"""Setting and lifting legal holds: managers decide, and the trail of the case keeps why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.audit import of, record
from models.clients.client import Client
from models.clients.custom_field import NoDate, day_of
from models.db import reading, transaction
from models.errors import N_, Faults, NotFound, ProvisionError
from models.onboarding import Onboarding
from models.people.mail_address import AddressInvalid, email_address
from models.people.person import Person
from models.retention.hold import REASON_MOST, Hold
from models.text import fitting, one_line, paragraphs
from models.time.clock import now, today

LONGEST = timedelta(days=10 * 366)


class HoldReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: write which proceedings or whose request need it, for example a file number.")


class HoldDayInvalid(ProvisionError):
    status = 422
    says = N_(
        "“%(typed)s” is not the last day of a hold: write one like %(example)s, from today on and within ten years."
    )

    def __init__(self, typed: str, example: str) -> None:
        super().__init__(typed, example)
        self.typed, self.example = typed[:40], example


class HoldDayMissing(HoldDayInvalid):
    says = N_("The last day is missing: write one like %(example)s, from today on and within ten years.")


class HoldOfNobody(ProvisionError):
    status = 422
    says = N_(
        "“%(typed)s” is nobody’s address and no account’s name or number at this firm: correct it, or leave it empty "
        "to hold everything of the firm."
    )

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed[:80]


class HoldOfSeveral(ProvisionError):
    status = 422
    says = N_("Several accounts of this firm are called “%(typed)s”: write the number of the one that is meant.")

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed[:80]


class HoldOver(ProvisionError):
    says = N_("This hold has ended or was lifted already: nothing was changed.")


@dataclass(frozen=True)
class HoldLine:
    """One hold as managers see it."""

    hold_id: int
    whose: str
    """The account's name, or the person's address; empty: everything of the firm."""
    reason: str
    until: date
    set_by: str
    set_on: date
    stands: bool
    lifted_by: str


def holds_of(case_id: int) -> list[HoldLine]:
    """All that were ever set at the firm of this case, the newest first. Raises NotFound."""
    with reading() as session:
        firm_id = Onboarding.get(session, case_id).firm_id
        rows = select(Hold, Client.name, Person.email).where(Hold.firm_id == firm_id)
        rows = rows.outerjoin(Client, Client.id == Hold.client_id).outerjoin(Person, Person.id == Hold.person_id)
        found = session.execute(rows.order_by(Hold.id.desc())).tuples().all()
        at = now()
        return [
            HoldLine(
                hold_id=hold.id,
                whose=client or email or "",
                reason=hold.reason,
                until=hold.until,
                set_by=hold.set_by,
                set_on=hold.set_at.date(),
                stands=hold.stands(at),
                lifted_by=hold.lifted_by or "",
            )
            for hold, client, email in found
        ]


def set_hold(case_id: int, by: str, *, whose: str, reason: str, until: str) -> int:
    """Nothing of the firm, or of one account or person there, is removed until the end of a day; returns its id.

    *whose*: an address, or the name or number of an account; empty: the whole firm. Raises NotFound, and FormRefused
    with all that does not fit.
    """
    faults, last, said = Faults(), today(), paragraphs(reason)
    with faults.at("reason"):
        if not said:
            raise HoldReasonMissing
        said = fitting(said, REASON_MOST, "reason")
    with faults.at("until"):
        last = _day(one_line(until))
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        client = person = None
        with faults.at("whose"):
            client, person = _found(session, case.firm_id, one_line(whose))
        faults.check()
        hold = Hold(
            firm_id=case.firm_id,
            client_id=client and client.id,
            person_id=person and person.id,
            reason=said,
            until=last,
            set_at=at,
            set_by=by,
        )
        session.add(hold)
        session.flush()
        about = of(client or person or case.firm, said)
        record(session, case_id, at, "hold.set", by, hold=hold.id, until=last.isoformat(), reason=about)
        return hold.id


def lift_hold(case_id: int, hold_id: int, by: str) -> None:
    """It ends now. Raises NotFound, HoldOver."""
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        hold = session.get(Hold, hold_id, with_for_update=True)
        if hold is None or hold.firm_id != case.firm_id:
            raise NotFound(N_("The hold"))
        if not hold.stands(at):
            raise HoldOver
        hold.lifted_at, hold.lifted_by = at, by
        record(session, case_id, at, "hold.lifted", by, hold=hold.id)


def _day(typed: str) -> date:
    example = today() + timedelta(days=365)
    if not typed:
        raise HoldDayMissing(typed, example.isoformat())
    try:
        day = day_of(typed)
    except NoDate as error:
        raise HoldDayInvalid(typed, example.isoformat()) from error
    if not today() <= day <= today() + LONGEST:
        raise HoldDayInvalid(typed, example.isoformat())
    return day


def _found(session: Session, firm_id: int, typed: str) -> tuple[Client | None, Person | None]:
    if not typed:
        return None, None
    try:
        address = email_address(typed)
    except AddressInvalid:
        return _account(session, firm_id, typed), None
    person = select(Person).where(Person.firm_id == firm_id, Person.email == address).order_by(Person.id)
    found = session.scalars(person.limit(1)).first()
    if found is None:
        raise HoldOfNobody(typed)
    return None, found


def _account(session: Session, firm_id: int, typed: str) -> Client:
    called = or_(Client.number == typed, func.lower(Client.name) == typed.lower())
    found: Sequence[Client] = session.scalars(select(Client).where(Client.firm_id == firm_id, called).limit(2)).all()
    by_number = [client for client in found if client.number == typed]
    if not found:
        raise HoldOfNobody(typed)
    if len(found) > 1 and len(by_number) != 1:
        raise HoldOfSeveral(typed)
    return (by_number or found)[0]
