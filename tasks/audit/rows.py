"""What a trail tells of rows, entry by entry, and where these rows say something else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from models.agreement import Agreement
from models.audit import MACHINES, PLAIN, Entry, standing
from models.db import Base, Facts
from models.decision import Decision, DecisionKind, Verdict
from models.onboarding import Onboarding
from tasks.audit.faults import Fault, Kind, said

UNTOLD: Final = object()
"""Stands for what entries of earlier releases do not tell, so that nothing can be compared with it."""
UNSIGNED: Facts = {
    **dict.fromkeys(("signed_at", "signed_on", "signed_how", "signer", "signer_email", "signer_function", "drawing")),
    **dict.fromkeys(("signer_ip", "signer_agent")),
    "code_used": False,
}
UNREAD: Facts = {"viewed_at": None, "parts_read": {}}
UNSENT: Facts = {
    **UNSIGNED,
    **UNREAD,
    **dict.fromkeys(
        ("delegated_at", "delegate_id", "delegate_function", "uploaded", "declined_at", "decline_reason", "expired_at")
    ),
    **dict.fromkeys(("withdrawn_at", "withdrawn_by", "withdraw_reason", "countersigned_at", "countersigned_by")),
    **dict.fromkeys(("final", "sent_at", "data", "document", "language", "expires_at")),
}


class _Left(dict[str, Any]):
    """The facts of an entry of which something was erased: what is not there may have been anything."""

    def get(self, name: str, default: object = None) -> Any:
        return super().get(name, default if name in PLAIN else UNTOLD)

    def __missing__(self, _: str) -> object:
        return UNTOLD


def _facts(entry: Entry) -> Facts:
    return _Left(entry.facts) if entry.erased else entry.facts


def _actor(entry: Entry) -> object:
    is_erased = entry.version > 1 and entry.actor_id not in MACHINES and entry.actor == entry.actor_id
    return UNTOLD if is_erased else entry.actor


def _cut(text: Any, most: int) -> object:
    return text if text is UNTOLD else text[:most]


def _moment(value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _signature(entry: Entry) -> Facts:
    facts, arrived = _facts(entry), entry.facts.get("arrived_at")
    # An operator has accepted a file: the entry tells from where.
    where = {"ip": "", "agent": ""} if arrived else facts
    return {
        "signed_at": datetime.fromisoformat(arrived) if arrived else entry.at,
        "signed_on": facts.get("signed_on"),
        "signed_how": facts.get("how"),
        "signer": facts.get("signer"),
        "signer_email": facts.get("email"),
        "signer_function": facts.get("function"),
        "signer_ip": _cut(where.get("ip", ""), 45),
        "signer_agent": _cut(where.get("agent", ""), 300),
        "code_used": facts.get("code"),
        "drawing": facts.get("drawing_sha256"),
        "uploaded": facts.get("copy_sha256"),
    }


CASE: dict[str, Callable[[Entry], Facts]] = {
    "case.opened": lambda entry: {"opened_at": entry.at},
    "case.stopped": lambda entry: {"stopped_at": entry.at},
    "case.taken_up": lambda _: {"stopped_at": None},
    "case.finished": lambda entry: {"finished_at": entry.at},
}
"""What each act says of the columns of its case."""
AGREEMENT: dict[str, Callable[[Entry], Facts]] = {
    "agreement.sent": lambda entry: {
        **UNSENT,
        "sent_at": entry.at,
        "data": _facts(entry).get("data_sha256"),
        "document": entry.facts.get("sha256"),
        "language": entry.facts.get("language", UNTOLD),
        "expires_at": _moment(entry.facts.get("expires_at", UNTOLD)),
    },
    "agreement.delegated": lambda entry: {
        **UNREAD,
        "delegated_at": entry.at,
        "delegate_id": entry.facts.get("person", UNTOLD),
        "delegate_function": _facts(entry).get("function"),
    },
    "agreement.taken_back": lambda _: {
        **UNREAD,
        **dict.fromkeys(("delegated_at", "delegate_id", "delegate_function")),
    },
    "agreement.opened": lambda entry: {"viewed_at": entry.at},
    "agreement.uploaded": lambda entry: {"uploaded": entry.facts.get("sha256")},
    "agreement.signed": _signature,
    "agreement.reopened": lambda _: {**UNSIGNED, "uploaded": None},
    "agreement.declined": lambda entry: {"declined_at": entry.at, "decline_reason": _facts(entry).get("reason")},
    "agreement.expired": lambda entry: {"expired_at": entry.at},
    "agreement.withdrawn": lambda entry: {
        "withdrawn_at": entry.at,
        "withdrawn_by": _actor(entry),
        "withdraw_reason": _facts(entry).get("reason"),
    },
    "agreement.countersigned": lambda entry: {
        "countersigned_at": entry.at,
        "countersigned_by": _facts(entry).get("name"),
    },
    "agreement.completed": lambda entry: {"final": entry.facts.get("sha256")},
}
"""What each act says of the columns of the newest version; a document stands for its column by its SHA-256."""
NAMES = {
    "agreement.sent": {"sha256": "the agreement as it was sent", "texts_sha256": "the texts that it was made of"},
    "agreement.uploaded": {"sha256": "the signed copy that came back"},
    "agreement.copy_unjudged": {"sha256": "a signed copy that came back and nobody judged"},
    "agreement.signed": {"drawing_sha256": "the drawn signature"},
    "agreement.completed": {"sha256": "the agreement signed by both sides"},
}
"""The facts in which acts name documents, and what these are."""


UNANSWERED: Facts = dict.fromkeys(("verdict", "answered_by", "answered_at", "answer"))
CLOSED: Facts = {"verdict": Verdict.MOOT, "answered_by": "provision", "answer": None}
"""Of a question that is none any more nothing was decided: what has ended it is told, its end is not."""
ROWS = {
    "firms": "the firm",
    "subscriptions": "the subscription",
    "persons": "person {id}",
    "contracts": "the contract",
    "bookings": "module {id}",
    "phases": "tariff {id} of a module",
    "booked_options": "option {id} of a module",
    "changes": "change {id} of a module",
    "consents": "consent {id}",
    "vat_answers": "answer {id} to a VAT id",
}
"""Tables of which the trail keeps rows as they stand, and what these are."""
UNHELD: dict[str, dict[str, str]] = {
    "agreements": {
        "id": "what else names it is held",
        "onboarding_id": "finds the row",
        "contract_begun_at": "whether the contract is still to be begun, which the entry about that tells",
        "emptied_at": "when it ceased to tell of anybody, which the entries about that tell",
    },
    "bookings": {
        "id": "finds the row",
        "ordered_as": "keeps one message from ordering twice",
    },
    "phases": {
        "id": "finds the row",
        "notice_by": "reckoned from the terms, which are held",
        "reminded": "which reminders are past; mails are kept",
        "announce_on": "when we look at its prices again",
    },
    "consents": {
        "id": "finds the row",
        "mails": "how often they were asked; mails are kept",
    },
    "decisions": {
        "id": "finds the row",
        "onboarding_id": "finds the row",
        "form_run_id": "disposable",
        "form_attempt": "disposable",
        "told_at": "no part of question or answer: when operators heard of it",
        "escalated_at": "no part of question or answer: when managers heard of it",
        "emptied_at": "when it ceased to tell of anybody, which the entries about that tell",
    },
    "onboardings": {
        "id": "finds the row",
        "firm_id": "finds the rows of the firm, which are held",
        "request_key": "keeps one request from opening two cases",
        "clients_emptied_at": "when all that tells of clients was gone, which the entry about that tells",
        "emptied_at": "when all that tells of people was gone, which the entry about that tells",
        "pass_due_at": "when we look at it again",
        "attempts": "how often we have looked at it",
        "version": "counts changes",
    },
    "subscriptions": {"firm_id": "finds the row"},
    "firms": {
        "search": "follows name and business",
        "name_format": "how the firm files its clients; it changes that as it likes",
        "functions": "what its clients find in the portal; it changes that as it likes",
        "is_listed": "whether a search finds it; it changes that as it likes",
        "takes_sign_ups": "whether clients may register themselves; it changes that as it likes",
        "preferred_number": "held until it is decided, which is told",
        "offered_numbers": "offered until one is chosen, which is told",
    },
    "persons": {
        "firm_id": "finds the row",
        "language": "how they are written to; they change it as they like",
        "address_form": "how they are written to; they change it as they like",
        "land": "when they can be reached; they change it as they like",
        "postcode": "when they can be reached; they change it as they like",
        "time_zone": "when they can be reached; they change it as they like",
        "hours": "when they can be reached; they change it as they like",
        "added_at": "told by the entry that names them",
        "invitation_waits": "whether somebody is to be invited later, which the entry about that tells",
        "invited_at": "when the first mail was written; mails are kept",
        "bounced_at": "what became of a mail; the entry about it stands",
        "address_confirmed_at": "when they said so; the entry about it stands",
    },
}
"""Columns of these tables that are not held against the trail, each with the reason."""


class Tale:
    """What a case's trail says of its rows and documents, entry by entry."""

    def __init__(self, case_id: int) -> None:
        self.case_id = case_id
        self.is_older = False
        """Whether entries of an earlier release do not tell all that can be compared."""
        self.named: dict[str, str] = {}
        """By the SHA-256 of every document that the trail names, what it is."""
        self.erased_files: set[str] = set()
        """The SHA-256 of documents of which an act says that they were erased."""
        self.ids: dict[int, str] = {}
        """The SHA-256 of documents that the trail names by id as well."""
        self._case: Facts = dict.fromkeys(("opened_at", "stopped_at", "finished_at", "no_caseworkers_at"))
        self._agreements: dict[int, Facts] = {}
        self._decisions: dict[int, Facts] = {}
        self._asked_anew: list[datetime] = []
        self._rows: dict[tuple[str, int], Facts] = {}
        self._knows_rows = False

    def hear(self, entry: Entry) -> None:
        facts, action = _facts(entry), entry.action
        for table, held in entry.facts.get("rows", {}).items():
            self._rows |= {(table, row["id"]): row for row in held}
        match action:
            case "documents.erased":
                self.erased_files.update(map(str, entry.facts.get("files", ())))
            case "case.opened":
                self._knows_rows = "rows" in entry.plain
                self.is_older |= not self._knows_rows
            case "case.taken_up":  # What has ended it is asked again.
                ended = Verdict.STOP, self._case["stopped_at"]
                self._decisions = {
                    number: decision
                    for number, decision in self._decisions.items()
                    if (decision["verdict"], decision["answered_at"]) != ended
                }
            case "decision.answered":
                self._decisions[facts["decision"]] = {
                    **{name: facts[name] for name in ("kind", "verdict", "answer")},
                    "answered_by": _actor(entry),
                    "answered_at": entry.at,
                    "question_sha256": facts.get("question_sha256", UNTOLD),
                }
                self.is_older |= entry.version == 1 and "question_sha256" not in facts
            case "agreement.asked_anew":
                self._asked_anew.append(entry.at)
        self._case |= CASE[action](entry) if action in CASE else {}
        if action == "closing.done":
            self._case["stopped_at"] = self._case["stopped_at"] or entry.at
        if action == "caseworkers.none":
            self._case["no_caseworkers_at"] = self._case["no_caseworkers_at"] or entry.at
        if action.startswith("agreement."):
            self._hear_of_agreement(entry)

    def _hear_of_agreement(self, entry: Entry) -> None:
        facts, action = entry.facts, entry.action
        version = facts.get("version", max(self._agreements, default=0))
        for name, what in NAMES.get(action, {}).items():
            if facts.get(name):
                self.named[facts[name]] = f"{what}, version {version}"
                self.erased_files.discard(facts[name])  # It came once more.
        row = self._agreements.setdefault(version, {**UNSENT})
        row |= AGREEMENT[action](entry) if action in AGREEMENT else {}
        self.is_older |= entry.version == 1 and UNTOLD in row.values()
        if action == "agreement.read":
            row["parts_read"] = {**row["parts_read"], facts.get("part", ""): entry.at.isoformat()}
        if action == "agreement.uploaded":
            self.ids[facts.get("document_id", 0)] = facts.get("sha256", "")

    def case_unlike(self, row: Onboarding) -> Iterator[Fault]:
        """Where the row of the case does not say what its trail says."""
        yield from self._unlike("the case", self._case, lambda name: getattr(row, name))

    def agreements_unlike(
        self, versions: Sequence[Agreement], column: Callable[[Agreement, str], object]
    ) -> Iterator[Fault]:
        """Where the versions of the agreement do not; *column* gives what they hold as the trail would tell it."""
        there = {agreement.version: agreement for agreement in versions}
        for version in sorted({*self._agreements, *there}):
            what = f"version {version} of the agreement"
            if version not in there:
                yield Fault(self.case_id, Kind.NO_ROW, {"what": what})
                continue
            yield from self._unlike(what, self._agreements.get(version, UNSENT), partial(column, there[version]))

    def decision_unlike(self, row: Decision) -> Iterator[Fault]:
        """Where a question does not say how it was answered, or an answer is there that nobody has given."""
        told = self._decisions.pop(row.id, None)
        held: Facts = {"question_sha256": row.question_sha256, "kind": row.kind, "verdict": row.verdict}
        held |= {"answered_by": row.answered_by and row.answered_by[:200], "answered_at": row.answered_at}
        held["answer"] = row.answer
        if told is None:
            if self._was_answered_before(row):
                return
            told = CLOSED if row.verdict is Verdict.MOOT else UNANSWERED
        yield from self._unlike(f"decision {row.id}", told, held.__getitem__)

    def _was_answered_before(self, row: Decision) -> bool:
        """Earlier releases did not tell the answers that people gave without seeing the question."""
        by_itself = row.kind is DecisionKind.LOGO and (row.verdict, row.answered_by) == (Verdict.REFUSE, "provision")
        anew = row.kind is DecisionKind.LAPSED and row.verdict is Verdict.RESEND and row.answered_at in self._asked_anew
        return self.is_older and (by_itself or anew)

    def row_unlike(self, row: Base) -> Iterator[Fault]:
        """Where a row does not hold what the trail has kept of it."""
        held = standing(row)
        told = self._rows.pop((row.__tablename__, held["id"]), None)
        what = ROWS[row.__tablename__].format(**held)
        if told is not None:
            yield from self._unlike(what, told, held.get)
        elif self._knows_rows:
            yield Fault(self.case_id, Kind.STRANGE_ROW, {"what": what})

    def unmet(self) -> Iterator[Fault]:
        """What the trail tells of and no row was shown for."""
        gone = [f"decision {number}" for number in self._decisions]
        gone += [ROWS[table].format(id=number) for table, number in self._rows]
        yield from (Fault(self.case_id, Kind.NO_ROW, {"what": what}) for what in gone)

    def _unlike(self, what: str, told: Mapping[str, object], held: Callable[[str], object]) -> Iterator[Fault]:
        for name, was_so in told.items():
            is_so = was_so if was_so is UNTOLD else held(name)
            if is_so != was_so:
                facts = {"what": f"{what}, {name}", "is_so": said(is_so), "was_so": said(was_so)}
                yield Fault(self.case_id, Kind.ROW, facts)
