"""A person is erased: what may go goes, in small transactions, each holding the case.

``forget`` may be killed between any two of them and called again: who somebody is stands in their own row, which goes
last. What has gone already costs nothing more, and nobody lets them in or writes to them from the first transaction on.
Once that has ended they are on the list that outlives a restore (``tasks.retention.forgotten``).

``replay() -> Replayed`` is what whoever restores a back-up calls, once, before anything else runs on what was restored:
everybody on the list is erased again, without asking anybody. Whom something stands in the way of is told, stays on the
list, and goes when it is called again.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import JSON, LargeBinary, delete, func, select, update
from sqlalchemy.orm import Session

from models.audit import HOUSE, Parts, Value, erase, evidence, newest_number, of, record
from models.clients.access import ClientAccess
from models.clients.client import Client, ClientContact, name_key
from models.clients.imports import Import, ImportKey, ImportRecord, ImportState
from models.clients.portfolio import PortfolioClient
from models.clients.sign_up import SignUp, SignUpVerdict
from models.clients.tag import ClientTag
from models.clients.words import ClientWords, refold
from models.contracts.takeout import Takeout, TakeoutPiece
from models.db import Base, Facts, leave_no_trace, reading, transaction
from models.errors import ProvisionError
from models.firm import Firm
from models.inbox import Incoming
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.api_token import ApiToken
from models.people.login import Login
from models.people.person import Person
from models.privacy import telling
from models.retention.erasure import (
    DELETED,
    GONE,
    KEPT,
    OWN_COLUMNS,
    ErasureHeld,
    Share,
    Words,
    held,
    is_erased,
    obstacles,
    share_of,
    tables,
    theirs_alone,
    traces,
)
from models.retention.logins import close_logins, free_logins
from models.retention.parts import blanks, pieces, table_of
from models.retention.request import PrivacyRequest
from models.retention.rules import remove_mails
from models.time.clock import now
from tasks.engine.retry import side_effect
from tasks.people.membership import end_links, let_go
from tasks.retention.cases import empty
from tasks.retention.files import forget_mails
from tasks.retention.forgotten import Forgotten, id_of, id_of_address, put_down
from tasks.retention.pace import Pace
from tasks.retention.runs import forget_starts


@dataclass(frozen=True)
class Erased:
    """What went, by table; files and runs at Prefect are counted as ``files`` and ``runs``."""

    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Replayed:
    """Who of the list was there again."""

    erased: int = 0
    left: list[tuple[int, ProvisionError]] = field(default_factory=list)
    """Who could not be erased yet: by the number of a person, and why."""


def forget(share: Share, by: str, *, again: bool = False) -> Erased:
    """Erase this share of somebody; whoever may decide about that has done so.

    What proves the contract stays, as ``models.retention.erasure.plan`` tells. Repeating it changes nothing. *again*:
    they are on the list. Raises the first of the obstacles there.
    """
    began = time.time()
    work = _Work(share, by, is_listed=again)
    work.begin()
    work.files()
    work.walk()
    work.case()
    if work.end():  # Somebody has named them anew meanwhile: what came of that goes as well.
        work.walk()
    work.files(began)  # What was on its way to a mailbox when it began.
    leave_no_trace()
    return Erased({name: number for name, number in sorted(work.counts.items()) if number})


class _Work:
    """One erasure, from the words by which somebody is found to the row that has told them."""

    def __init__(self, share: Share, by: str, *, is_listed: bool) -> None:
        self.share, self.by, self.at, self.is_listed = share, by, now(), is_listed
        self.counts: dict[str, int] = {}
        self.pace = Pace()
        self.words = Words()
        self.last_entry = 0
        """Of their trail, when it began."""

    # -- one transaction each

    def _locked(self, session: Session) -> Onboarding | None:
        """The case, which everything else is locked after. Raises ErasureHeld: a hold may have been set meanwhile."""
        if self.share.case_id is None:
            return None
        case = Onboarding.get(session, self.share.case_id)
        until = held(session, self.share, self.at)
        if until is not None:
            raise ErasureHeld(case.firm.name, until)
        return case

    def _people(self, session: Session) -> Sequence[Person]:
        mine = select(Person).where(Person.id.in_(self.share.people)).order_by(Person.id).with_for_update()
        return session.scalars(mine.execution_options(populate_existing=True)).all()

    def begin(self) -> None:
        """They are among nobody's people any more; then they are put on the list."""
        imports = self._open_imports()
        with transaction() as session:
            case = self._locked(session)
            people = [person for person in self._people(session) if not is_erased(person)]
            if self.share.people:  # As it is now: they may have registered, or another share of theirs have gone.
                self.share = share_of(session, people[0]) if people else replace(self.share, logins=())
                people = [person for person in self._people(session) if not is_erased(person)]
            self.words = Words.of(session, self.share)
            if self.by.lower() in self.words.addresses:  # Who acts stands in the trail.
                self.by = "provision"
            firm = session.get(Firm, self.share.firm_id) if self.share.firm_id is not None else None
            for obstacle in obstacles(session, self.share, self.words, people, firm, self.at):
                raise obstacle
            self._cancel(session, imports)
            self.last_entry = newest_number(session, case.id) if case is not None else 0
            ids = [id_of(row) for row in people]
            logins = session.scalars(select(Login).where(Login.id.in_(self.share.logins))).all()
            ids += [id_of(row) for row in logins]
            ids += [id_of_address(address, firm) for address in sorted(self.words.addresses)]
            fresh = [person for person in people if person.withdrawn_at is None]
            for person in people:
                person.withdrawn_at = person.withdrawn_at or self.at
                if case is not None:
                    let_go(session, case, person)
                end_links(session, person, self.at)
            for login in logins:
                login.sign_out(session)
            if case is not None and people:
                case.touch(self.at)
            if fresh and case is not None:
                session.flush()
                record(session, case.id, self.at, "person.withdrawn", self.by, rows=_mute(*fresh))
        if ids and not self.is_listed:
            put_down(ids, self.at)

    def _open_imports(self) -> list[int]:
        """Those in which they stand and that nobody has begun; looked for before anybody has to wait."""
        with reading() as session:
            self.words = Words.of(session, self.share)
            waiting = select(Import.id).where(Import.firm_id == self.share.firm_id, Import.finished_at.is_(None))
            if session.scalars(waiting.limit(1)).first() is None:
                return []
            found = traces(session, self.share, self.words, table_of(ImportRecord))
            theirs = select(ImportRecord.import_id).where(ImportRecord.id.in_([*found.own, *found.named]))
            return [*session.scalars(waiting.where(Import.id.in_(theirs)).order_by(Import.id))]

    def _cancel(self, session: Session, imports: list[int]) -> None:
        """Nobody begins with these any more."""
        waiting = select(Import).where(Import.id.in_(imports), Import.finished_at.is_(None)).order_by(Import.id)
        for row in session.scalars(waiting.with_for_update()):
            row.go(ImportState.CANCELLED, self.at)

    def _in_batches(self, keys: Sequence[Any], act: Callable[[Session, list[Any]], None], name: str) -> None:
        """Do it with these, some at a time, and let others have their turn between."""
        at = 0
        while at < len(keys):
            some = list(keys[at : at + self.pace.size])
            with self.pace.batch(len(some)), transaction() as session:
                self._locked(session)
                act(session, some)
            at += len(some)
            self.pace.rest()
        self.counts[name] = self.counts.get(name, 0) + len(keys)

    def _found(self, name: str) -> tuple[list[Any], list[Any]]:
        with reading() as session:
            found = traces(session, self.share, self.words, Base.metadata.tables[name])
        return found.own, found.named

    # -- the steps

    def walk(self) -> None:
        """All that is not in their own rows, those first by which the others are found."""
        for step in (self.imports, self.accounts, self.mails, self.rows, self.texts, self.trail):
            step()

    def files(self, since: float = 0) -> None:
        """Mails that the catcher keeps, and what an operator has typed into the form at Prefect."""
        self.counts["files"] = self.counts.get("files", 0) + forget_mails(self.words, since)
        if not since:
            self.counts["runs"] = forget_starts(self.words)

    def imports(self) -> None:
        """Their records say nothing any more and take nothing back; a file in which they stand goes with all of it."""
        own, named = self._found("import_records")
        with reading() as session:
            of_theirs = select(ImportRecord.import_id).where(ImportRecord.id.in_([*own, *named])).distinct()
            imports = {*session.scalars(of_theirs)}

        def empty(session: Session, keys: list[Any]) -> None:
            for row in session.scalars(select(ImportRecord).where(ImportRecord.id.in_(keys))):
                mine = ImportKey.import_id == row.import_id, ImportKey.record == row.record
                session.execute(delete(ImportKey).where(*mine))
                row.draft = {"record": row.record, "line": row.line, "raw": []}
                row.told, row.undo, row.name_key, row.number = {}, {}, "", ""

        for import_id in sorted(imports):
            with transaction() as session:
                self._locked(session)
                row = session.get(Import, import_id, with_for_update=True)
                if row is not None:
                    row.content = b""
            if row is not None and row.started_at is None:
                self._take_apart(import_id)
        self._in_batches([*own, *named], empty, "import_records")

    def _take_apart(self, import_id: int) -> None:
        """An import that nobody has carried out yet is brought again without them, if it is still wanted."""
        for part in pieces(Import, import_id):
            while True:
                with transaction() as session:
                    self._locked(session)
                    keys = part.some(session, None, self.pace.size)
                    part.go(session, keys)
                if not keys:
                    break
        with transaction() as session:
            self._locked(session)
            session.execute(delete(Import).where(Import.id == import_id))
        self.counts["imports"] = self.counts.get("imports", 0) + 1

    def accounts(self) -> None:
        """Accounts that are theirs alone become nameless; at others they are no contact any more."""
        with reading() as session:
            alone = session.scalars(theirs_alone(self.share)).all()
            alone = [*session.scalars(select(Client.id).where(Client.id.in_(alone), Client.name != GONE))]

        def empty(session: Session, keys: list[Any]) -> None:
            for table in (ClientTag, PortfolioClient, ClientAccess, ClientWords):
                session.execute(delete(table).where(table.client_id.in_(keys)))
            nameless = blanks(table_of(Client)) | {
                "name": GONE,
                "archived_at": func.coalesce(Client.archived_at, self.at),
            }
            session.execute(update(table_of(Client)).where(Client.id.in_(keys)).values(nameless))
            erase(session, self.at, self.by, *self._told_of([f"client:{key}" for key in keys]))

        self._in_batches(alone, empty, "clients")

    def _told_of(self, abouts: Sequence[str]) -> tuple[Any, ...]:
        """Values of this trail or of chain 0, to be looked up by whom they are about."""
        return (Value.case_id + 0).in_([self.share.case_id, HOUSE]), Value.about.in_(abouts)

    def mails(self) -> None:
        own, _ = self._found("outbox")
        self._in_batches(own, lambda session, keys: remove_mails(session, keys, self.at), "outbox")

    def rows(self) -> None:
        """What is theirs as a whole, and what they have brought, asked for or registered."""
        self._in_batches(self._found("client_contacts")[0], self._leave_accounts, "client_contacts")
        for name in DELETED:
            own, _ = self._found(name)
            table = Base.metadata.tables[name]
            (key,) = table.primary_key.columns
            self._in_batches(own, lambda s, keys, t=table, k=key: s.execute(delete(t).where(k.in_(keys))), name)  # type: ignore[misc]
        for name, columns in OWN_COLUMNS.items():
            own, _ = self._found(name)
            table = Base.metadata.tables[name]
            blank = {column: {} if isinstance(table.c[column].type, JSON) else "" for column in columns}
            self._in_batches(
                own,
                lambda s, keys, t=table, b=blank: s.execute(update(t).where(t.c.id.in_(keys)).values(b)),  # type: ignore[misc]
                name,
            )
        self._in_batches(self._found("sign_ups")[0], self._end_wishes, "sign_ups")
        self._in_batches(self._found("decisions")[0], self._end_questions, "decisions")
        self._in_batches(self._found("api_tokens")[0], self._end_tokens, "api_tokens")

    def _leave_accounts(self, session: Session, keys: list[Any]) -> None:
        theirs = select(ClientContact.client_id).where(ClientContact.id.in_(keys))
        left = session.scalars(theirs.distinct()).all()
        session.execute(delete(ClientContact).where(ClientContact.id.in_(keys)))
        still = select(ClientContact.client_id).where(ClientContact.client_id.in_(left))
        alone = update(Client).where(Client.id.in_(left), Client.id.not_in(still), Client.archived_at.is_(None))
        session.execute(alone.values(archived_at=self.at).execution_options(synchronize_session=False))
        refold(session, session.scalars(select(Client.id).where(Client.id.in_(left), Client.name != GONE)).all())
        Client.settle(session, Client.id.in_(left))

    def _end_wishes(self, session: Session, keys: list[Any]) -> None:
        ended: Facts = {
            "answered_at": func.coalesce(SignUp.answered_at, self.at),
            "verdict": func.coalesce(SignUp.verdict, SignUpVerdict.DECLINED.value),
        }
        gone = blanks(table_of(SignUp)) | ended
        session.execute(update(table_of(SignUp)).where(SignUp.id.in_(keys)).values(gone))

    def _end_questions(self, session: Session, keys: list[Any]) -> None:
        table = Base.metadata.tables["decisions"]
        session.execute(update(table).where(table.c.id.in_(keys)).values(facts={"erased": True}, answer=None))
        erase(session, self.at, self.by, *self._told_of([f"decision:{key}" for key in keys]))

    def _end_tokens(self, session: Session, keys: list[Any]) -> None:
        for token in session.scalars(select(ApiToken).where(ApiToken.id.in_(keys)).with_for_update()):
            token.revoked_at = self.at
            if self.share.case_id is not None:
                firm = session.get_one(Firm, self.share.firm_id)
                facts: Facts = {"token": token.id, "before": of(firm, {"name": token.name})}
                record(session, self.share.case_id, self.at, "token.revoked", self.by, **facts)

    def texts(self) -> None:
        """Where others' rows name them, the rest stays."""
        for table in tables():
            if table.name in KEPT or table.name in ("audit_values", "import_records"):
                continue
            _, named = self._found(table.name)
            self._in_batches(named, lambda session, keys, t=table: self._redact(session, t, keys), table.name)  # type: ignore[misc]

    def _redact(self, session: Session, table: Any, keys: list[Any]) -> None:
        (key,) = table.primary_key.columns
        columns = [column for column in telling(table) if not isinstance(column.type, LargeBinary)]
        rows = session.execute(select(key, *columns).where(key.in_(keys)).with_for_update()).all()
        for row, *values in rows:
            less = {column.name: self.words.without(value) for column, value in zip(columns, values, strict=True)}
            fresh = {name: value for (name, value), was in zip(less.items(), values, strict=True) if value != was}
            if table.name == "clients":
                keyed = {"name": "name_key", "company_name": "company_key"}
                fresh |= {keyed[name]: name_key(fresh[name]) for name in keyed.keys() & fresh.keys()}
            if fresh:
                gone = delete(table) if table.name == "invoice_recipients" else update(table).values(fresh)
                session.execute(gone.where(key == row))
        if table.name == "decisions":
            erase(session, self.at, self.by, *self._told_of([f"decision:{each}" for each in keys]))
        if table.name == "clients":
            refold(session, keys)
        if table.name == "inbox":  # Whatever it was to do cannot be done without them.
            waiting = update(Incoming).where(Incoming.id.in_(keys), Incoming.handled_at.is_(None))
            session.execute(waiting.values(handled_at=self.at).execution_options(synchronize_session=False))

    def trail(self) -> None:
        own, _ = self._found("audit_values")
        self._in_batches(own, self._erase_values, "audit_values")

    def _erase_values(self, session: Session, keys: list[Any]) -> None:
        if self.share.case_id is None:
            cases = session.scalars(select(Value.case_id).where(Value.id.in_(keys)).distinct()).all()
            for case_id in sorted({*cases} - {HOUSE}):
                Onboarding.get(session, case_id)
        erase(session, self.at, self.by, Value.id.in_(keys))

    def case(self) -> None:
        """Nobody is left who could go on with it, and nothing has come of it."""
        if self.share.is_whole and self.share.case_id is not None:
            self.counts["case"] = empty(self.share.case_id, self.at, whole=True)

    def end(self) -> bool:
        """Their own rows, by which they were known until now, and the archives that still hold all of it; returns
        whether they were let in again since it began.
        """
        with transaction() as session:
            case = self._locked(session)
            people = [person for person in self._people(session) if self.share.is_whole or not is_erased(person)]
            ids = [person.id for person in people]
            anew = [person for person in people if person.withdrawn_at is None]
            for person in anew:
                person.withdrawn_at = self.at
                if case is not None:
                    let_go(session, case, person)
                end_links(session, person, self.at)
            session.flush()
            theirs = {*free_logins(session, ids, self.share.firm_id)} if ids else {*self.share.logins}
            lone = select(Login.id).where(Login.id.in_(theirs), Login.email.contains("@")).order_by(Login.id)
            logins = session.scalars(lone.with_for_update()).all()
            close_logins(session, logins)
            archives = self._end_archives(session) if ids else 0
            if case is not None:
                self._catch_up(session, case.id)
            table = table_of(Person)
            session.execute(update(table).where(table.c.id.in_(ids)).values(blanks(table) | {"account_id": None}))
            for person in people:
                session.refresh(person)
            self.counts |= {"persons": len(ids), "accounts": len(logins), "takeouts": archives}
            removed = {name: number for name, number in sorted(self.counts.items()) if number}
            if removed and (people or not self.share.people):
                case_id = self.share.case_id if self.share.case_id is not None else HOUSE
                record(session, case_id, now(), "person.erased", self.by, removed=removed, rows=_mute(*people))
        return bool(anew)

    def _catch_up(self, session: Session, case_id: int) -> None:
        """What came after mails, requests and trail had been walked goes with them: somebody may have been answering
        them just then. Nothing more comes while the case is held, and once this has ended they have no address.
        """
        outbox, mine = table_of(Outgoing), table_of(PrivacyRequest)
        settled = outbox.c.due_at.is_(None), outbox.c.to_address != "", outbox.c.addressed_at >= self.at
        for which in ((outbox.c.due_at.is_not(None),), settled):  # Each has its index: the outbox may be long.
            late = traces(session, self.share, self.words, outbox, *which)
            remove_mails(session, late.own, self.at)
            self._redact(session, outbox, late.named)
            self.counts["outbox"] = self.counts.get("outbox", 0) + late.number
        asked = traces(session, self.share, self.words, mine).own
        blank = dict.fromkeys(OWN_COLUMNS["privacy_requests"], "")
        session.execute(update(mine).where(mine.c.id.in_(asked)).values(blank))
        self._redact(session, mine, traces(session, self.share, self.words, mine).named)
        newest = Value.case_id == case_id, Value.number > self.last_entry
        told = traces(session, self.share, self.words, table_of(Value), *newest).own
        if told:
            erase(session, self.at, self.by, Value.id.in_(told))

    def _end_archives(self, session: Session) -> int:
        """Whoever makes one just now begins anew."""
        mine = select(Takeout.id).where(Takeout.firm_id == self.share.firm_id)
        archives = session.scalars(mine.order_by(Takeout.id).with_for_update()).all()
        session.execute(delete(TakeoutPiece).where(TakeoutPiece.takeout_id.in_(archives)))
        made = Takeout.id.in_(archives), Takeout.ready_at.is_not(None)
        whole = {"synchronize_session": False}
        session.execute(delete(Takeout).where(*made).execution_options(**whole))
        anew = update(Takeout).where(Takeout.id.in_(archives)).values(due_at=self.at, done=0, files=0)
        session.execute(anew.execution_options(**whole))
        return len(archives)


def _mute(*people: Person) -> Parts:
    """What the trail keeps of their rows, without what tells of anybody."""
    return Parts(part for part in evidence(*people) if not part[0]) if people else Parts()


# ---- after a restore


@side_effect(name="finish erasures")
def finish_erasures() -> int:
    """Whoever is on the list and there is erased: after one that was killed on the way; returns how many. It waits for
    what stands in the way, and repeating it changes nothing.
    """
    return replay().erased


def replay() -> Replayed:
    """Erase again whoever is on the list and there. Raises ListUnreadable."""
    listed = Forgotten.read()
    erased, left = 0, list[tuple[int, ProvisionError]]()
    for share in _back(listed):
        try:
            forget(share, "provision", again=True)
            erased += 1
        except ProvisionError as refusal:
            left.append((share.people[0] if share.people else 0, refusal))
    return Replayed(erased, left)


def _back(listed: Forgotten) -> Iterator[Share]:
    """Who is there though they are on the list."""
    with reading() as session:
        firms = {firm.id: firm for firm in session.scalars(select(Firm))}
        people: list[int] = []
        known: set[tuple[str, int]] = set()
        for person in session.scalars(select(Person).order_by(Person.id).execution_options(yield_per=500)):
            since = listed.since(id_of_address(person.email, firms[person.firm_id])) if "@" in person.email else None
            by_address = since is not None and person.added_at <= since
            if not is_erased(person) and (by_address or listed.since(id_of(person)) is not None):
                people.append(person.id)
                known.add((person.email, person.firm_id))
    for person_id in people:
        with reading() as session:
            person = session.get_one(Person, person_id)
            share = None if is_erased(person) else share_of(session, person)
        if share is not None:
            yield share
    with reading() as session:
        case_ids = dict(session.execute(select(Onboarding.firm_id, Onboarding.id)).tuples().all())
        alone: set[tuple[str, int | None]] = set()
        wishes = select(SignUp.email, SignUp.firm_id, func.min(SignUp.asked_at)).group_by(SignUp.email, SignUp.firm_id)
        mails = select(Outgoing.to_address, Onboarding.firm_id, func.min(Outgoing.created_at))
        mails = mails.outerjoin(Onboarding, Onboarding.id == Outgoing.onboarding_id)
        for query in (wishes, mails.group_by(Outgoing.to_address, Onboarding.firm_id)):
            for address, firm_id, first in session.execute(query.execution_options(yield_per=500)):
                firm = firms.get(firm_id)
                since = listed.since(id_of_address(address, firm)) if "@" in address else None
                if since is not None and first <= since and (address, firm_id) not in known:
                    alone.add((address, firm_id))
        logins = session.scalars(select(Login).where(Login.email.contains("@")).execution_options(yield_per=500))
        closed = [Share(row.email, logins=(row.id,)) for row in logins if listed.since(id_of(row)) is not None]
    for address, firm_id in sorted(alone, key=str):
        yield Share(address, firm_id, case_ids.get(firm_id) if firm_id is not None else None)
    yield from closed
