"""Kept as long as it must be, gone when it may: the table of all that goes by itself, and of all that stays.

``flows.tidy`` does what stands here, ``provision tidy --dry-run`` tells it beforehand, ``.github/docs/retention.md``
repeats it, and a test holds that every table of the database stands here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from models.agreement import Agreement
from models.clients.bulk_invitation import BulkInvitation, BulkRecipient
from models.clients.imports import Import
from models.clients.sign_up import SignUp
from models.code import Code
from models.contracts.takeout import Takeout, TakeoutPiece
from models.db import Facts
from models.decision import Decision, DecisionKind, Verdict
from models.errors import N_
from models.firm import Firm
from models.inbox import Incoming
from models.link import FormerToken, Link, Opening
from models.logo import Logo
from models.mail.outbox import KEY_MAY_RECUR, MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.api_token import ApiReply, ApiToken, ProviderToken
from models.people.login import Login, SignIn
from models.people.notice import Notice
from models.people.person import Person
from models.people.succession import Succession
from models.reminders.reminder import Reminder
from models.retention.hold import Whose
from models.retention.parts import parts
from models.retention.request import PrivacyRequest, RequestState
from models.retention.rule import Rows, Rule, Scope
from models.retention.term import Term

MINIMAL = "Art. 5(1)(e) GDPR: no longer than its purpose needs"
LETTERS = (
    "§ 147(1) nos. 2, 3, (3), (4) AO, § 257(1) nos. 2, 3, (4), (5) HGB: letters, six years; kept as long as contracts"
)
RECORDS = N_("§ 147(1) no. 4, (3), (4) AO, § 257(4), (5) HGB: vouchers, eight years from the end of the calendar year")


def remove_mails(session: Session, keys: Sequence[Any], _now: datetime) -> None:
    """Delete them; of those that would else be written once more the key stays, and nothing else."""
    recurring = Outgoing.kind.in_([kind for kind in MailKind if KEY_MAY_RECUR[kind]])
    blank: Facts = {"to_name": "", "to_address": "", "facts": {}, "fault": None}
    blank |= dict.fromkeys(("person_id", "link_id", "document_id"))
    for statement in (
        update(BulkRecipient).where(BulkRecipient.mail_id.in_(keys)).values(mail_id=None),
        update(Outgoing).where(Outgoing.id.in_(keys), recurring).values(blank),
        delete(Outgoing).where(Outgoing.id.in_(keys), ~recurring),
    ):
        session.execute(statement.execution_options(synchronize_session=False))


def _remove_logins(session: Session, keys: Sequence[Any], _now: datetime) -> None:
    """With what was sent to them and opens nothing any more."""
    links = select(Link.id).where(Link.account_id.in_(keys))
    for table, theirs in (
        (FormerToken, FormerToken.link_id.in_(links)),
        (Opening, Opening.link_id.in_(links)),
        (Link, Link.account_id.in_(keys)),
        (SignIn, SignIn.account_id.in_(keys)),
        (Login, Login.id.in_(keys)),
    ):
        session.execute(delete(table).where(theirs).execution_options(synchronize_session=False))


def _remove_archives(session: Session, keys: Sequence[Any], _now: datetime) -> None:
    for table, theirs in ((TakeoutPiece, TakeoutPiece.takeout_id.in_(keys)), (Takeout, Takeout.id.in_(keys))):
        session.execute(delete(table).where(theirs).execution_options(synchronize_session=False))


_deputised = aliased(Login)
_newer = aliased(Logo)
_NEWER = select(func.count()).where(_newer.firm_id == Logo.firm_id, _newer.id > Logo.id).scalar_subquery()
_UNUSED = (
    Login.confirmed_at.is_(None),
    Login.external_id.is_(None),
    Login.is_operator.is_(False),
    ~exists().where(Person.account_id == Login.id),
    ~exists().where(ApiToken.account_id == Login.id),
    ~exists().where(ProviderToken.account_id == Login.id),
    ~exists().where(_deputised.deputy_id == Login.id),
    ~exists().where(Outgoing.link_id == Link.id, Link.account_id == Login.id),
)
_ASKED_ABOUT = exists().where(
    Decision.onboarding_id == Outgoing.onboarding_id,
    Decision.kind == DecisionKind.MAIL_FAILED,
    Decision.answered_at.is_(None),
)

_later = aliased(Agreement)
_LATER = (_later.onboarding_id == Agreement.onboarding_id, _later.version > Agreement.version)
_one = aliased(Agreement)


def _is_unfinished(version: Any) -> ColumnElement[bool]:
    """Whether this version of an agreement can still be signed, or its final copy made."""
    over = (version.final_id, version.declined_at, version.withdrawn_at, version.expired_at)
    return and_(*(moment.is_(None) for moment in over))


def _goes_on(case_id: Any) -> ColumnElement[bool]:
    """Or is closed with its account. A case that was stopped may be taken up again, with all its questions; what is
    stored of it goes with it.
    """
    closed = exists().where(Firm.id == Onboarding.firm_id, Firm.closed_at.is_not(None))
    is_mine = Onboarding.id == case_id, Onboarding.emptied_at.is_(None)
    return exists().where(*is_mine, or_(Onboarding.stopped_at.is_(None), closed))


_ANSWERED = (Decision.answered_at.is_not(None), Decision.emptied_at.is_(None), _goes_on(Decision.onboarding_id))
_OF_CONTRACT = (DecisionKind.UNDO, DecisionKind.CONSENT_REFUSED)
_REFUSED = and_(
    Decision.kind.in_([DecisionKind.SIGNED_COPY, DecisionKind.COUNTERSIGN]),
    Decision.verdict.in_([Verdict.REFUSE, Verdict.MOOT]),
)

CAUGHT = Rule(
    "mails caught",
    "Mails that the embedded catcher keeps as files: deleted.",
    Term("keep_files_days"),
    "when it was caught",
    MINIMAL,
)
LOGS = Rule(
    "logs",
    "Logs that `provision up` keeps (no names, addresses or tokens): put aside, then deleted, so that a line stays for"
    " at most twice as long.",
    Term("keep_files_days"),
    "when it was put aside",
    MINIMAL,
)
LEFT = Rule(
    "files left",
    "Files in the data folder that were begun and never finished: deleted.",
    Term(days=1),
    "the last change",
    MINIMAL,
)
RUNS = Rule(
    "runs",
    "Runs at Prefect with their artifacts; logs and events its server takes away by itself"
    " (`PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED`): deleted.",
    Term("keep_files_days"),
    "the end of the run",
    MINIMAL,
)
_OF_CLIENTS, _OF_CASE = ({part.table.__tablename__ for part in parts(0, 0, whole=whole)} for whole in (False, True))
_OF_IMPORTS = ("import_keys", "import_contacts", "import_records")
_SIGNED = exists().where(Agreement.onboarding_id == Onboarding.id, Agreement.signed_at.is_not(None))
_CLOSED = exists().where(Firm.id == Onboarding.firm_id, Firm.closed_at.is_not(None))
_THEIR_CASE = select(Onboarding).where(Onboarding.firm_id == Firm.id, Onboarding.emptied_at.is_(None))
_THEIR_CLIENTS = _THEIR_CASE.where(Onboarding.clients_emptied_at.is_(None)).exists()
_EMPTIES = (
    "is deleted; what the trail repeats ceases to tell of anybody: names, addresses, texts and files go from the rows"
    " and from the trail, and numbers, moments and kinds stay"
)
CASES_STOPPED = Rule(
    "cases stopped",
    "Cases that were ended and in which nobody has signed: people and their accounts, the agreement, its files, logos,"
    f" decisions, clients. All that tells of them {_EMPTIES}.",
    Term("keep_stopped_days"),
    "the end of the case",
    f"{MINIMAL}; so long the case can be taken up again",
    Rows(
        Onboarding,
        Onboarding.stopped_at,
        which=(Onboarding.stopped_at.is_not(None), Onboarding.emptied_at.is_(None), ~_SIGNED),
        whose={Whose.WHOLE: Onboarding.firm_id},
    ),
    tables=(*sorted(_OF_CASE), "accounts", "documents", "audit_values"),
    empties=Scope.CASE,
)
RULES: tuple[Rule, ...] = (
    CASES_STOPPED,
    Rule(
        "cases stopped, signed",
        "The same where the firm has signed, and its account is not closed.",
        Term("keep_contracts_years"),
        "the end of the case",
        LETTERS,
        Rows(
            Onboarding,
            Onboarding.stopped_at,
            which=(Onboarding.stopped_at.is_not(None), Onboarding.emptied_at.is_(None), _SIGNED, ~_CLOSED),
            whose={Whose.WHOLE: Onboarding.firm_id},
        ),
        empties=Scope.CASE,
    ),
    Rule(
        "clients of closed accounts",
        "What a firm whose account was closed has of its clients: accounts, contacts, imports with their files, drafts"
        f" and undo data, invitations, mails to them. All that tells of them {_EMPTIES}.",
        Term("keep_clients_days"),
        "when the account was closed",
        "Art. 28(3)(g) GDPR: who processes for others deletes when that ends",
        Rows(
            Firm,
            Firm.closed_at,
            which=(Firm.closed_at.is_not(None), _THEIR_CLIENTS),
            whose={Whose.WHOLE: Firm.id},
        ),
        tables=(*sorted(_OF_CLIENTS), "audit_values"),
        empties=Scope.CLIENTS,
    ),
    Rule(
        "accounts closed, never signed",
        f"Everything else of a firm that has never signed. All that tells of anybody {_EMPTIES}.",
        Term("keep_stopped_days"),
        "when the account was closed",
        MINIMAL,
        Rows(
            Firm,
            Firm.closed_at,
            which=(Firm.closed_at.is_not(None), _THEIR_CASE.where(~_SIGNED).exists()),
            whose={Whose.WHOLE: Firm.id},
        ),
        empties=Scope.CASE,
    ),
    Rule(
        "accounts closed",
        "Everything else: agreement, contract, modules, what was billed, the firm and its people. All that tells of"
        f" anybody {_EMPTIES}.",
        Term("keep_contracts_years"),
        "when the account was closed",
        RECORDS,
        Rows(
            Firm,
            Firm.closed_at,
            which=(Firm.closed_at.is_not(None), _THEIR_CASE.where(_SIGNED).exists()),
            whose={Whose.WHOLE: Firm.id},
        ),
        tables=(*sorted(_OF_CASE), "accounts", "documents", "audit_values"),
        empties=Scope.CASE,
    ),
    Rule(
        "imports",
        "Imports of clients that are over: the file, what was read of it, and what undoes it: deleted. The accounts and"
        " contacts that came of it stay.",
        Term("keep_imports_days"),
        "when it was done, stopped or undone",
        MINIMAL,
        Rows(
            Import,
            Import.finished_at,
            which=(Import.finished_at.is_not(None), Import.due_at.is_(None)),
            whose={Whose.FIRM: Import.firm_id},
        ),
        tables=_OF_IMPORTS,
        empties=Scope.PIECES,
    ),
    Rule(
        "imports left",
        "Imports of clients that nobody has begun, or gone on with: deleted likewise.",
        Term("keep_imports_days"),
        "when the file was brought",
        MINIMAL,
        Rows(
            Import,
            Import.created_at,
            which=(Import.finished_at.is_(None), Import.due_at.is_(None)),
            whose={Whose.FIRM: Import.firm_id},
        ),
        tables=_OF_IMPORTS,
        empties=Scope.PIECES,
    ),
    Rule(
        "invitations of many",
        "That many were invited together, and what became of each: deleted. The mails go by their own time.",
        Term("keep_mails_days"),
        "when it was done or stopped",
        MINIMAL,
        Rows(
            BulkInvitation,
            BulkInvitation.ended_at,
            which=(BulkInvitation.ended_at.is_not(None),),
            whose={Whose.FIRM: BulkInvitation.firm_id},
        ),
        tables=("bulk_recipients",),
        empties=Scope.PIECES,
    ),
    CAUGHT,
    LOGS,
    LEFT,
    RUNS,
    Rule(
        "sessions",
        "Who was signed in, in which browser: deleted.",
        Term(days=1),
        "the end of the session",
        MINIMAL,
        Rows(SignIn, SignIn.expires_at, whose={Whose.LOGIN: SignIn.account_id}),
    ),
    Rule(
        "replies",
        "What the API answered a request that came with an idempotency key: deleted.",
        Term(days=1),
        "the answer",
        f"{MINIMAL}; the API promises a day",
        Rows(ApiReply, ApiReply.kept_at, whose={Whose.TOKEN: ApiReply.token_id}),
    ),
    Rule(
        "mails",
        "Mails that were delivered, failed or dropped: name, address and what was told, with the row. Where the same"
        " mail would else be written once more, its key stays, and nothing that tells of anybody.",
        Term("keep_mails_days"),
        "when it was written, or sent on its way anew",
        f"{MINIMAL}; how long somebody may say that nothing was sent",
        Rows(
            Outgoing,
            Outgoing.addressed_at,
            which=(
                Outgoing.due_at.is_(None),
                Outgoing.to_address != "",
                Outgoing.bulk_id.is_(None),  # These go with the invitations to many that they belong to.
                or_(Outgoing.failed_at.is_(None), ~_ASKED_ABOUT),
            ),
            whose={Whose.CASE: Outgoing.onboarding_id, Whose.PERSON: Outgoing.person_id},
            remove=remove_mails,
        ),
    ),
    Rule(
        "events",
        "What webhooks, bounces and forms brought (the inbox), body and all: deleted. What was refused stays until an"
        " operator has taken note.",
        Term("keep_events_days"),
        "when it was handled",
        f"{MINIMAL}; how long the same event may come again",
        Rows(
            Incoming,
            Incoming.handled_at,
            which=(or_(Incoming.refusal.is_(None), Incoming.source != "webhook", Incoming.dismissed_at.is_not(None)),),
            whose={Whose.CASE: Incoming.onboarding_id},
        ),
    ),
    Rule(
        "links",
        "The tokens of earlier mails, kept as hashes, by which whoever follows an old link is led to the newest mail:"
        " deleted. The newest one of a person stays with the person, and opens nothing when its time is over.",
        Term("keep_tokens_days"),
        "when it ceased to open anything",
        MINIMAL,
        Rows(FormerToken, FormerToken.good_until, whose={Whose.LINK: FormerToken.link_id}),
    ),
    Rule(
        "openings",
        "When the page behind a link was first opened: deleted.",
        Term("keep_mails_days"),
        "the opening",
        MINIMAL,
        Rows(Opening, Opening.opened_at, whose={Whose.LINK: Opening.link_id}),
    ),
    Rule(
        "codes",
        "When a code was sent with which somebody signs, and how often it was mistyped (the code itself is not"
        " stored; that it was used stands with the signature): deleted.",
        Term("keep_mails_days", days=30),
        "when it was made",
        f"{MINIMAL}; longer than the mail that brought it",
        Rows(Code, Code.made_at, whose={Whose.PERSON: Code.person_id}, newest_stays=True),
    ),
    Rule(
        "notices",
        "Entries in the inboxes of a firm's people: deleted.",
        Term("keep_mails_days"),
        "the entry",
        MINIMAL,
        Rows(Notice, Notice.created_at, whose={Whose.PERSON: Notice.person_id}),
    ),
    Rule(
        "sign-ups unconfirmed",
        "Registrations on a firm's page whose address nobody has confirmed: deleted.",
        Term(days=30),
        "the registration",
        MINIMAL,
        Rows(
            SignUp,
            SignUp.asked_at,
            which=(SignUp.confirmed_at.is_(None),),
            whose={Whose.FIRM: SignUp.firm_id},
        ),
    ),
    Rule(
        "sign-ups answered",
        "Registrations on a firm's page that the firm has answered; whom it took as a client has an account there:"
        " deleted.",
        Term("keep_mails_days", days=30),
        "the answer",
        f"{MINIMAL}; longer than the mails about it",
        Rows(
            SignUp,
            SignUp.answered_at,
            which=(SignUp.answered_at.is_not(None),),
            whose={Whose.FIRM: SignUp.firm_id, Whose.CLIENT: SignUp.client_id},
            newest_stays=True,
        ),
    ),
    Rule(
        "privacy requests",
        "Requests of people to erase or correct what is stored about them, once they are answered and carried out:"
        " deleted. Of whoever was erased nothing but kind, moments and outcome was left in them.",
        Term(days=1095),
        "the answer",
        "Art. 5(2), 12(3) GDPR: proof that it was answered in time, as long as a breach can be pursued"
        " (three years, § 31(2) no. 1 OWiG)",
        Rows(
            PrivacyRequest,
            PrivacyRequest.answered_at,
            which=(
                PrivacyRequest.answered_at.is_not(None),
                or_(PrivacyRequest.state != RequestState.GRANTED, PrivacyRequest.done_at.is_not(None)),
            ),
            whose={Whose.CASE: PrivacyRequest.onboarding_id, Whose.PERSON: PrivacyRequest.person_id},
            newest_stays=True,
        ),
    ),
    Rule(
        "reminders",
        "That somebody was waited for and reminded, once the wait is over: deleted.",
        Term("keep_mails_days"),
        "the end of the wait",
        MINIMAL,
        Rows(
            Reminder,
            Reminder.ended_at,
            which=(Reminder.ended_at.is_not(None),),
            whose={Whose.CASE: Reminder.onboarding_id},
        ),
    ),
    Rule(
        "hand-overs",
        "That somebody was asked to become the owner of a firm's account, once that is answered or over: deleted."
        " What came of it stays in the trail.",
        Term("keep_mails_days"),
        "the answer, or the end of the time for it",
        MINIMAL,
        Rows(
            Succession,
            Succession.ended_at,
            which=(Succession.ended_at.is_not(None),),
            whose={Whose.CASE: Succession.onboarding_id, Whose.PERSON: Succession.owner_id},
        ),
    ),
    Rule(
        "logos replaced",
        "A firm's logos but for the one that counts and the one before it, to which it can go back: deleted.",
        Term("keep_logos_days"),
        "when it was chosen",
        MINIMAL,
        Rows(Logo, Logo.chosen_at, which=(_NEWER >= 2,), whose={Whose.FIRM: Logo.firm_id}),
    ),
    Rule(
        "signatures refused",
        "In cases that go on, or whose firm has closed its account,"
        " signed copies and signatures that operators did not accept, or that another one has"
        " replaced: the file, what was found in it, question and answer. They cease to tell of anybody, as does the"
        " trail. Not while an agreement of the case can be signed or waits for its final copy.",
        Term("keep_stopped_days"),
        "the answer",
        f"{MINIMAL}; as long as the drafts to which they belong",
        Rows(
            Decision,
            Decision.answered_at,
            which=(
                *_ANSWERED,
                _REFUSED,
                ~exists().where(_one.onboarding_id == Decision.onboarding_id, _is_unfinished(_one)),
            ),
            whose={Whose.WHOLE_CASE: Decision.onboarding_id},
        ),
        empties=Scope.ROW,
    ),
    Rule(
        "agreements never signed",
        "In cases that go on, or whose firm has closed its account,"
        " versions of the agreement that nobody has signed and that another one has replaced: the"
        " file, what it says, who was asked, reasons, and what the trail tells of reading and signing. They cease to"
        " tell of anybody, as does the trail. Not while a later one can be signed or waits for its final copy.",
        Term("keep_stopped_days"),
        "the last day on which it could be signed",
        f"{MINIMAL}; as long as all else that was offered and not signed",
        Rows(
            Agreement,
            Agreement.expires_at,
            which=(
                Agreement.signed_at.is_(None),
                Agreement.emptied_at.is_(None),
                exists().where(*_LATER),
                ~exists().where(*_LATER, _is_unfinished(_later)),
                _goes_on(Agreement.onboarding_id),
            ),
            whose={Whose.WHOLE_CASE: Agreement.onboarding_id},
        ),
        empties=Scope.ROW,
    ),
    Rule(
        "questions answered",
        "In cases that go on, or whose firm has closed its account,"
        " questions to operators: what was asked, the answer, notes, pictures of logos not chosen."
        " They cease to tell of anybody, as does the trail; kind, verdict and moments stay. Those about undoing a"
        " termination and about terms refused stay as long as the contract.",
        Term("keep_mails_days"),
        "the answer",
        f"{MINIMAL}; as long as the mails that came of it",
        Rows(
            Decision,
            Decision.answered_at,
            which=(*_ANSWERED, ~_REFUSED, Decision.kind.not_in(_OF_CONTRACT)),
            whose={Whose.WHOLE_CASE: Decision.onboarding_id},
        ),
        empties=Scope.ROW,
    ),
    Rule(
        "archives",
        "All data of a firm, put together for it to take along: deleted, with its pieces.",
        Term(),
        "the end of the 30 days in which it can be fetched",
        "Art. 25(2)(g) of Regulation (EU) 2023/2854: thirty days at least",
        Rows(
            Takeout,
            Takeout.expires_at,
            which=(Takeout.expires_at.is_not(None),),
            whose={Whose.FIRM: Takeout.firm_id},
            remove=_remove_archives,
        ),
        tables=("takeout_pieces",),
    ),
    Rule(
        "accounts unused",
        "Accounts of which nobody has confirmed the address and that belong to nobody of any firm: deleted, with their"
        " links.",
        Term("keep_accounts_days"),
        "when it was made",
        MINIMAL,
        Rows(
            Login,
            Login.created_at,
            which=_UNUSED,
            remove=_remove_logins,
            newest_stays=True,
        ),
        tables=("links",),
    ),
)

_CATALOGUE = "the provider's own offers, which tell of nobody"
_NAMELESS = "numbers, moments and kinds of a case, which tell of nobody once its other rows are empty"

STAYS: dict[str, str] = {
    "audit": "the chain of acts, which outlives what it tells of: hashes and numbers",
    **dict.fromkeys(("steps", "staff", "phases", "booked_options", "folder_templates"), _NAMELESS),
    "provider_tokens": "of the provider: acts name them by number",
    "restorations": "that and when a back-up was restored, which tells of nobody",
    "contract_faults": "that a contract breaks down, until it works again",
    **dict.fromkeys(("modules", "module_fields", "tariffs", "articles", "price_lists", "prices"), _CATALOGUE),
    **dict.fromkeys(("legal_texts", "billing_settings"), _CATALOGUE),
    "billed_months": "which months are closed, which tells of nobody",
    "company_id_pool": "which numbers are free, which tells of nobody",
    "company_id_moves": "which numbers are free, which tells of nobody",
    "mail_servers": "what is known of the mail server",
}
"""Tables of which nothing goes by itself, each with the reason."""
