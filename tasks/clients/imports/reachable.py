"""How somebody is reached: the telephone numbers and e-mail addresses of a record."""

import re
from collections.abc import Sequence

from models.clients.phone import PhoneKind, numbers_in
from models.people.mail_address import addresses_in
from tasks.clients.imports.draft import Field, NoteKind, PhoneDraft, Question
from tasks.clients.imports.names import Name
from tasks.clients.imports.values import NONE_OF_THEM, Values

PHONE_ORDER = [Field.PHONE, Field.MOBILE, Field.FAX]
TRUNK_ZERO = frozenset({"DE", "AT", "CH"})


def phones_in(said: Values, person: int, country: str) -> tuple[PhoneDraft, ...]:
    """All numbers in the columns of this person, in the file's order."""
    found: dict[str, PhoneDraft] = {}
    kinds = {Field.MOBILE: PhoneKind.MOBILE, Field.FAX: PhoneKind.FAX}
    cells = [
        (of, text)
        for (of, whose), texts in said.values.items()
        if whose == person and of in {Field.PHONE, *kinds}
        for text in texts
    ]
    labels = said.all(Field.PHONE_LABEL, person)
    if len(labels) != len(said.all(Field.PHONE, person)):
        labels = []  # Nobody can tell which is whose.
    for at, (of, text) in enumerate(sorted(cells, key=lambda cell: PHONE_ORDER.index(cell[0]))):
        is_fax = of is Field.PHONE and "fax" in f"{text} {labels[at] if labels else ''}".casefold()
        kind = PhoneKind.FAX if is_fax else kinds.get(of, PhoneKind.LANDLINE)
        for phone in _read(said, text, kind, country):
            found.setdefault(phone.number, phone)
    return tuple(found.values())


def company_phones(said: Values, country: str) -> tuple[PhoneDraft, ...]:
    """Of the company, whoever of it the record names."""
    cells = said.all(Field.COMPANY_PHONE)
    return tuple(phone for text in cells for phone in _read(said, text, PhoneKind.LANDLINE, country))


def _read(said: Values, text: str, kind: PhoneKind, country: str) -> list[PhoneDraft]:
    bare = re.sub(r"(?<=\d)[.,]0$", "", text)
    if NONE_OF_THEM.fullmatch(bare):
        return []
    kinds, rest = numbers_in(bare, country)
    numbers = [*kinds]
    for part in rest:
        is_end = bool(numbers) and len(re.sub(r"\D", "", part)) < 6
        said.note(NoteKind.PHONE_EXTENSION if is_end else NoteKind.PHONE_UNREAD, value=part)
    if not numbers and not rest:
        said.note(NoteKind.PHONE_UNREAD, value=text)
    if (
        len(numbers) == 1
        and re.fullmatch(r"[1-9]\d{6,11}", bare)
        and numbers[0].endswith(bare)
        and country in TRUNK_ZERO
    ):
        said.note(NoteKind.PHONE_ZERO, value=text, becomes=f"0{bare}")
    told = {} if kind is PhoneKind.FAX else kinds  # A fax cannot be told by its digits.
    return [PhoneDraft(number, told.get(number) or kind) for number in numbers]


def emails_in(said: Values, person: int) -> list[str]:
    """The addresses in the columns of this person, the main one first; what is meant to be one is asked about."""
    cells = said.all(Field.EMAIL, person)
    labels = said.all(Field.EMAIL_LABEL, person)
    if len(labels) == len(cells):  # Google marks the main one.
        cells = [
            cell for _, cell in sorted(zip(labels, cells, strict=True), key=lambda both: not both[0].startswith("*"))
        ]
    found: dict[str, None] = {}
    faulty: list[str] = []
    for cell in cells:
        if NONE_OF_THEM.fullmatch(cell):
            continue
        addresses, bad = addresses_in(cell)
        found |= dict.fromkeys(addresses)
        faulty += [one for one in bad if not NONE_OF_THEM.fullmatch(one)]
        if not addresses and not bad:
            said.note(NoteKind.NOT_AN_ADDRESS, value=cell[:60])
    for one in faulty:
        if found:
            said.note(NoteKind.NOT_AN_ADDRESS, value=one[:60])
        else:
            said.ask(Question.BAD_EMAIL, value=one[:60])
    return list(found)


def shared(mails: list[str], names: Sequence[Name]) -> list[list[str]]:
    """Whose each address is, of several people: by given names, else one each in order; the rest is the first's."""
    if len(names) < 2:
        return [mails]
    shares: list[list[str]] = [[] for _ in names]
    rest = []
    for mail in mails:
        local = mail.partition("@")[0]
        owner = next(
            (at for at, one in enumerate(names) if one.given and one.given.casefold().split()[0] in local), None
        )
        if owner is None:
            rest.append(mail)
        else:
            shares[owner].append(mail)
    for mail in rest:
        free = next((at for at, share in enumerate(shares) if not share), 0) if len(mails) > 1 else 0
        shares[free].append(mail)
    return shares
