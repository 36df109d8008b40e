"""An import as people read it: what became of a record and why, what is asked, and what will stand there."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from models.clients.address import HOME
from models.clients.imports import ImportRecord, ImportState, Outcome
from models.clients.phone import shown
from models.db import Facts
from models.errors import N_
from models.people.manners import AddressForm, Language
from models.text import one_line
from tasks.clients.imports.draft import CHOICES, Choice, Draft, Field, NoteKind, Question, Reason, Skipped
from tasks.clients.imports.outcome import Because, told_draft
from tasks.clients.imports.undo import Obstacle
from tasks.clients.imports.words import CHOICES as CHOICE_WORDS
from tasks.clients.imports.words import FIELDS, NOTES, QUESTIONS, REASONS, SKIPPED
from tasks.text.i18n import Reader

OUTCOMES: dict[Outcome, str] = {
    Outcome.CREATE: N_("new account"),
    Outcome.LINK: N_("contact to an account"),
    Outcome.UPDATE: N_("changed"),
    Outcome.UNCHANGED: N_("unchanged"),
    Outcome.DUPLICATE: N_("repeated in the file"),
    Outcome.HELD: N_("question open"),
    Outcome.REFUSED: N_("not possible"),
    Outcome.SKIPPED: N_("left out"),
}
STATES: dict[ImportState, str] = {
    ImportState.UPLOADED: N_("being compared"),
    ImportState.PLANNED: N_("waits for you"),
    ImportState.RUNNING: N_("being imported"),
    ImportState.DONE: N_("imported"),
    ImportState.CANCELLED: N_("stopped"),
    ImportState.UNDOING: N_("being taken back"),
    ImportState.UNDONE: N_("taken back"),
}
BECAUSE: dict[Because, str] = {
    Because.NEW: N_("No account has this name or number yet."),
    Because.NEW_WITHOUT_ACCESS: N_("Without an e-mail address there is no access to the portal until it has one."),
    Because.CONTACT_NEW: N_("The account is there already; the contact is new."),
    Because.CONTACT_NEW_WITHOUT_ACCESS: N_(
        "The account is there already; the contact is new, and has no access to the portal without an e-mail address."
    ),
    Because.CONTACT_LINKED: N_("Account and contact are there already, apart until now."),
    Because.CHANGED: N_("Account and contact are there already; the file says something new."),
    Because.ARCHIVED: N_("The account is archived, and stays so until somebody takes it back from there."),
    Because.SAME: N_("Everything stands there already."),
    Because.REPEATED: N_("An earlier row of this file says the same."),
    Because.LEFT_OUT: N_("It was said that this record is to be left out."),
    Because.CONFLICT: N_(
        "Somebody entered the same at the same moment, so this record was not imported: import the file once more."
    ),
    Because.UNSEEN: N_("It is about an account that is not open to whoever imports: ask the owner for access."),
}
HEADINGS: dict[Question, str] = {
    Question.TWO_PEOPLE: N_("Two people in one row"),
    Question.COMPANY_AS_NAME: N_("A company where a person’s name belongs"),
    Question.GIVEN_NAME_MISSING: N_("No given name"),
    Question.NAME_UNCLEAR: N_("Given and family name not clear"),
    Question.SHORT_ROW: N_("Too few cells"),
    Question.LONG_ROW: N_("Too many cells"),
    Question.UNCLOSED_QUOTE: N_("A quotation mark that is never closed"),
    Question.SHARED_ADDRESS: N_("One e-mail address for two people"),
    Question.BAD_EMAIL: N_("Not an e-mail address"),
    Question.BAD_DATE: N_("Not a day"),
    Question.TOO_LONG: N_("Too long"),
    Question.SAME_ADDRESS_OTHER_NAME: N_("The e-mail address of somebody else"),
    Question.RESEMBLING_NAME: N_("A name that resembles another"),
    Question.SAME_NAME_OTHER_NUMBER: N_("The same name with another number"),
    Question.SAME_NAME_NO_ADDRESS: N_("The same name, and nothing to tell them apart"),
}
ASIDE: dict[Skipped, str] = {
    Skipped.SUPPLIER: N_("Suppliers"),
    Skipped.CREDITOR: N_("Creditors"),
    Skipped.AUTHORITY: N_("Courts, offices and insurers"),
    Skipped.OWN_FIRM: N_("Your own firm"),
}
PARTS = (N_("Of the account"), N_("Address and numbers"), N_("Of the person"))
"""Of what a column may tell, as headings."""
OTHER_PEOPLE = N_("Of a second person in the same row")
OF_OTHER = N_("%(field)s (person %(number)s)")
IN_THE_WAY = {
    "signed_in": N_("has signed in to the portal"),
    "invited": N_("was invited"),
    "act": N_("was changed since"),
    "import": N_("was changed by a later import"),
    "client_contacts": N_("was linked with another account or contact since"),
}
"""What stands in the way of taking an import back; anything else is named by the table in which it stands."""
USED = N_("is used elsewhere")
LABELS: dict[str, str] = {
    "name": FIELDS[Field.ACCOUNT_NAME],
    "company_name": FIELDS[Field.COMPANY_NAME],
    "number": FIELDS[Field.NUMBER],
    "vat_id": FIELDS[Field.VAT_ID],
    "title": FIELDS[Field.TITLE],
    "salutation": FIELDS[Field.SALUTATION],
    "given_name": FIELDS[Field.GIVEN_NAME],
    "family_name": FIELDS[Field.FAMILY_NAME],
    "email": FIELDS[Field.EMAIL],
    "emails": FIELDS[Field.EMAIL],
    "phones": FIELDS[Field.PHONE],
    "street": FIELDS[Field.STREET],
    "postcode": FIELDS[Field.POSTCODE],
    "city": FIELDS[Field.CITY],
    "country": FIELDS[Field.COUNTRY],
    "website": FIELDS[Field.WEBSITE],
    "tags": FIELDS[Field.TAGS],
    "language": FIELDS[Field.LANGUAGE],
    "address_form": FIELDS[Field.ADDRESS_FORM],
    "birthday": FIELDS[Field.BIRTHDAY],
    "note": FIELDS[Field.NOTE],
    "login": FIELDS[Field.LOGIN],
    "notify": FIELDS[Field.NOTIFY],
    "email_sync": FIELDS[Field.EMAIL_SYNC],
    "is_commercial": FIELDS[Field.IS_COMMERCIAL],
    "is_operational": FIELDS[Field.IS_OPERATIONAL],
}
"""What people read for what will stand there, in the order in which it is shown."""


@dataclass(frozen=True)
class Line:
    """One value as it will stand there."""

    label: str
    value: str
    before: str | None = None
    """What stood there; None: it is not changed, or new with all else."""


@dataclass(frozen=True)
class Block:
    """An account or a contact with what will stand there."""

    name: str
    is_new: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Open:
    """A question that has no answer yet, or its answer."""

    kind: str
    says: str
    choices: tuple[tuple[str, str], ...]
    """Each with its words, the likeliest first."""
    given: str = ""
    """The words of the answer."""


@dataclass(frozen=True)
class Told:
    """One record."""

    record: int
    line: int
    outcome: Outcome | None
    name: str
    reason: str
    notes: tuple[str, ...]
    questions: tuple[Open, ...]
    answered: tuple[Open, ...]
    account: Block | None
    contacts: tuple[Block, ...]
    raw: str
    """What the row says in the file, where nothing can be stored of it."""
    client_id: int | None


def told(row: ImportRecord, reader: Reader) -> Told:
    """The record as this reader reads it."""
    draft = Draft.from_json(row.draft)
    told_of = _told_of(row, draft)
    is_whole = row.outcome in {Outcome.CREATE, Outcome.HELD, Outcome.SKIPPED, Outcome.REFUSED, None}
    account = told_of.get("account")
    contacts = told_of.get("contacts", [])
    is_usable = row.outcome is not Outcome.REFUSED and account is not None
    name = _name(told_of)
    return Told(
        record=row.record,
        line=row.line,
        outcome=row.outcome,
        name=name,
        reason=_reason(row, name, reader),
        notes=tuple(_note(note.kind, note.facts, reader) for note in draft.notes),
        questions=tuple(_open(row, reader)),
        answered=tuple(_answered(row, reader)),
        account=_block(account, told_of.get("before", {}), name, reader, is_new=is_whole)
        if account and is_usable
        else None,
        contacts=tuple(
            _block(each, each.get("before", {}), _called(each), reader, is_new=is_whole or bool(each.get("is_new")))
            for each in contacts
            if is_usable
        ),
        raw="" if is_usable else " · ".join(cell for cell in map(one_line, draft.raw) if cell)[:RAW_MOST],
        client_id=row.client_id,
    )


RAW_MOST, VALUE_MOST = 500, 200
"""Characters that are shown of a row, and of a value within a sentence."""


def why(row: ImportRecord, reader: Reader) -> str:
    """Why it is not stored, in one line."""
    return " ".join(each.says for each in _open(row, reader)) or _reason(
        row, _name(_told_of(row, Draft.from_json(row.draft))), reader
    )


def _told_of(row: ImportRecord, draft: Draft) -> Facts:
    """What will stand there; of what was not compared, or cannot be stored, what the file says."""
    return row.told if row.told.get("account") else {**told_draft(draft), "facts": row.told.get("facts", {})}


def _name(told_of: Facts) -> str:
    """How the record is called: as the account, else as its first contact."""
    contacts = told_of.get("contacts", [])
    return str((told_of.get("account") or {}).get("name") or "") or (_called(contacts[0]) if contacts else "")


def _called(contact: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (contact.get("given_name", ""), contact.get("family_name", ""))))


def _reason(row: ImportRecord, name: str, reader: Reader) -> str:
    """Why it is so; of what is held, the questions say it."""
    facts: Facts = {"value": name, **row.told.get("facts", {})}
    facts["value"] = facts["value"] or name
    for table, kind in ((REASONS, Reason), (SKIPPED, Skipped), (BECAUSE, Because)):
        member = next((one for one in kind if one.value == row.reason), None)
        if member is not None:
            words: Mapping[Any, str] = table
            return _filled(words[member], facts, reader)
    return ""


def _filled(sentence: str, facts: Mapping[str, Any], reader: Reader) -> str:
    """The sentence with what it is about; a stranger's cell may be long, and what is not known is a dash."""
    names = re.findall(r"%\((\w+)\)s", sentence)
    return reader.fill(sentence, {name: one_line(str(facts.get(name) or "–"))[:VALUE_MOST] for name in names})


def _note(kind: NoteKind, facts: Mapping[str, str], reader: Reader) -> str:
    return _filled(NOTES[kind], facts, reader)


def _open(row: ImportRecord, reader: Reader) -> Iterable[Open]:
    """Everything that is asked about the record at once."""
    if row.outcome is Outcome.SKIPPED and row.reason in {each.value for each in Skipped}:
        nevertheless = ((Choice.CREATE.value, reader.gettext(N_("import it nevertheless"))),)
        yield from () if row.reason in row.answers else [Open(row.reason, "", nevertheless)]
    if row.outcome is not Outcome.HELD:
        return
    for kind, facts in row.told.get("facts", {}).get("all", ()):
        if kind in row.answers:
            continue  # Given, and not compared anew yet.
        question = Question(kind)
        choices = tuple((choice.value, choice_words(question, choice, reader)) for choice in CHOICES[question])
        yield Open(kind, _filled(QUESTIONS[question], facts, reader), choices)


def choice_words(question: Question | Skipped, choice: Choice, reader: Reader) -> str:
    """How an answer to this question is read."""
    own = OWN_WORDS.get((question, choice))
    return reader.gettext(own or CHOICE_WORDS[choice])


def choices(question: str, reader: Reader) -> list[tuple[str, str]]:
    """How all questions of this kind can be answered at once."""
    return [(each.value, choice_words(Question(question), each, reader)) for each in CHOICES[Question(question)]]


OWN_WORDS: dict[tuple[Question | Skipped, Choice], str] = {
    (Question.RESEMBLING_NAME, Choice.CREATE): N_("it is another one: open a new account"),
    (Question.SAME_NAME_OTHER_NUMBER, Choice.CREATE): N_("it is another one: open a new account"),
    (Question.SAME_NAME_NO_ADDRESS, Choice.CREATE): N_("it is another one: open a new account"),
    (Question.SAME_ADDRESS_OTHER_NAME, Choice.WITHOUT_VALUE): N_("another person: import without the address"),
    (Question.SAME_ADDRESS_OTHER_NAME, Choice.LINK): N_("the same person: keep the name that is stored"),
}
"""Where an answer means more than its general words."""


def asked(kind: str, choice: str, reader: Reader) -> Open:
    """An answer that was given to all questions of a kind."""
    question = _question(kind)
    heading = HEADINGS[question] if isinstance(question, Question) else ASIDE[question]
    return Open(kind, reader.gettext(heading), (), choice_words(question, Choice(choice), reader))


def _question(kind: str) -> Question | Skipped:
    return next((one for one in Skipped if one.value == kind), None) or Question(kind)


def _answered(row: ImportRecord, reader: Reader) -> Iterable[Open]:
    for kind, choice in row.answers.items():
        yield asked(kind, choice, reader)


def heading(question: str, reader: Reader) -> str:
    """What questions of this kind are about."""
    return reader.gettext(HEADINGS[Question(question)])


def obstacles(found: Iterable[Obstacle], reader: Reader) -> dict[str, list[str]]:
    """Why an import cannot be taken back: what was done since, with the names of all to whom it was."""
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(reader.gettext(IN_THE_WAY.get(one.what, USED)), []).append(one.name)
    return names


# ---- values


def particulars(values: Facts, reader: Reader) -> list[Line]:
    """What a file told of an account or contact that has no place of its own."""
    return [Line(_label(key, reader), _written(key, values[key], reader)) for key in LABELS if values.get(key)]


def _block(values: Facts, before: Facts, name: str, reader: Reader, *, is_new: bool) -> Block:
    """Of what is new everything that is said; of what is there only what changes."""
    old = {**before.get("particulars", {}), **{key: value for key, value in before.items() if key != "particulars"}}
    now = {key: _written(key, value, reader) for key, value in values.items() if key in LABELS}
    if is_new:
        lines = [Line(_label(key, reader), now[key]) for key in LABELS if now.get(key) and not _is_plain(key, values)]
    else:
        changed = [key for key in LABELS if key in now and (key in old or ("particulars" in before and key in OTHERS))]
        then = {key: _written(key, old.get(key), reader) for key in changed}
        lines = [Line(_label(key, reader), now[key], then[key]) for key in changed if then[key] != now[key]]
    return Block(name, is_new, tuple(lines))


OTHERS = ("phones", "emails", "note", "birthday", "salutation")


def _is_plain(key: str, values: Facts) -> bool:
    """Whether it says nothing beyond the name above it, or what holds for everybody."""
    if key in {"given_name", "family_name"}:
        return True
    if key == "name":
        return "given_name" not in values
    if key == "company_name":
        return bool(values.get("name") == values.get("company_name"))
    if key == "country":
        return values.get(key) == HOME or not any(values.get(part) for part in ("street", "postcode", "city"))
    return values.get(key) in (False, Language.GERMAN.value, AddressForm.SIE.value)


def _label(key: str, reader: Reader) -> str:
    words = reader.gettext(LABELS[key])
    return words[:1].upper() + words[1:]


def _written(key: str, value: Any, reader: Reader) -> str:
    """The value in words; empty for nothing."""
    if isinstance(value, bool):
        return reader.gettext("yes") if value else reader.gettext("no")
    if not value:
        return ""
    if key == "phones":  # By number or as rows, wherever they stand.
        return ", ".join(shown(each["number"] if isinstance(each, dict) else each) for each in value)
    if isinstance(value, (dict, list)):
        return ", ".join(map(str, value.values() if isinstance(value, dict) else value))
    words = OF_KIND.get(key)
    return words(value, reader) if words else str(value)


OF_KIND: dict[str, Callable[[str, Reader], str]] = {
    "language": lambda value, reader: reader.label(Language(value)),
    "address_form": lambda value, reader: reader.label(AddressForm(value)),
    "birthday": lambda value, reader: reader.date(date.fromisoformat(value)),
}
