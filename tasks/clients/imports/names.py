"""The people whom the columns of a record name: salutation, titles, given and family name, however they are filled."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from models.clients.card import TITLE_MOST
from models.clients.naming import COUPLE, HOUSEHOLD, is_company, people_in, people_of
from models.firm import same_name
from models.people.names import BORN, PARTICLES, called, is_salutation, is_title, salutation
from tasks.clients.imports.draft import Field, NoteKind, Question
from tasks.clients.imports.given_names import GIVEN_NAMES
from tasks.clients.imports.values import Values

AND_WORD = re.compile(r"und|u\.|and|et|sowie|[&+/]|die|eheleute|ehepaar|familie|fam\.", re.IGNORECASE)
AMBIGUOUS_GREETINGS = frozenset({"m.", "me", "sig."})
"""Of these nobody knows within a name whether they are one or a name's first letter."""


class Name(NamedTuple):
    """A person's name, part by part."""

    given: str
    family: str
    salutation: str = ""
    title: str = ""


def names_in(said: Values, person: int, company: str) -> list[Name]:
    """The people that the columns of one person tell of: mostly one, of a couple two, or nobody.

    Nobody is called like their *company*, or like an e-mail address.
    """
    given = said.one(Field.GIVEN_NAME, person)
    for middle in said.all(Field.MIDDLE_NAME, person):
        said.note(NoteKind.MIDDLE_NAME, value=middle)
    family = said.one(Field.FAMILY_NAME, person)
    if given and not family and person > 1:  # Who is married to the first has the same name unless told.
        family = said.one(Field.FAMILY_NAME)
    prefix = " ".join(dict.fromkeys(said.all(Field.NAME_PREFIX, person)))
    if prefix and family and not family.casefold().startswith(prefix.casefold()):
        family = f"{prefix} {family}"
    if given or family:
        return _addressed(said, _in_parts(said, given, family), person)
    full = said.one(Field.FULL_NAME, person)
    if not full and not company:
        full = said.one(Field.FILE_AS, person)
    if not full or same_name(full, company):
        return []
    if "@" in full:
        said.note(NoteKind.OTHER_NAME, value=full)
        return []
    for other in said.all(Field.FULL_NAME, person)[1:]:
        if not same_name(other, full):
            said.note(NoteKind.OTHER_NAME, value=other)
    return _addressed(said, _in_full(said, full), person)


def _in_full(said: Values, text: str) -> list[Name]:
    """The people whose whole names stand in one cell."""
    text = text.replace(";", " & ") if re.search(r"\w\s*;\s*\w", text) else text
    told = people_in(" & ".join(text.split(",")) if _are_whole(text.split(",")) else _capitals(text))
    people = [Name(one.given_name, one.family_name, one.salutation, one.title) for one in told]
    if COUPLE.search(text) or len(people) > 1:
        said.ask(Question.TWO_PEOPLE, value=text)
    kept = {word for one in people for part in one for word in _words(part)}
    left = [word for word in _words(text) if word not in kept and not (is_salutation(word) or AND_WORD.fullmatch(word))]
    if left and people:
        said.note(NoteKind.NAME_PART, value=" ".join(left), of=text)
    return [one for one in people if one.given or one.family]


def _are_whole(parts: Sequence[str]) -> bool:
    """Whether each part is the whole name of somebody, so that a comma stands between people."""
    whole = [called(part) for part in parts]
    if len(whole) < 2 or not all(one.given_name and one.family_name for one in whole):
        return False
    return any(one.family_name.casefold() not in GIVEN_NAMES for one in whole[1:])


def _in_parts(said: Values, given: str, family: str) -> list[Name]:
    """The people whose given and family names have cells of their own."""
    if not given and "," in family:
        return _in_full(said, family)
    pairs = people_of(given, family)
    if len(pairs) > 1 or HOUSEHOLD.search(f" {given} ") or HOUSEHOLD.search(f" {family} "):
        said.ask(Question.TWO_PEOPLE, value=f"{given} {family}".strip())
    people = []
    for first, last in pairs:
        greeted, titles, first_bare = _without_titles(first)
        greeted_too, titles_too, last_bare = _without_titles(last)
        last_bare = _as_now(said, last_bare)
        if not last_bare and len(first_bare.split()) > 1:
            whole = called(first_bare)
            said.ask(Question.NAME_UNCLEAR, value=first_bare)
            first_bare, last_bare = whole.given_name, whole.family_name
        elif not first_bare and not greeted and len(pairs) == 1 and len(last_bare.split()) > 1:
            whole = called(last_bare)
            if whole.given_name:
                said.ask(Question.NAME_UNCLEAR, value=last_bare)
                first_bare, last_bare = whole.given_name, whole.family_name
        title = " ".join(dict.fromkeys([*titles, *titles_too]))
        people.append(Name(first_bare, last_bare, greeted or greeted_too, title))
    return people


def _as_now(said: Values, family: str) -> str:
    """Without the name with which somebody was born."""
    words = family.split()
    at = next((at for at, word in enumerate(words) if at and word.casefold().strip("(") in BORN), len(words))
    if at < len(words):
        said.note(NoteKind.NAME_PART, value=" ".join(words[at:]), of=family)
    return " ".join(words[:at])


def _addressed(said: Values, people: list[Name], person: int) -> list[Name]:
    """With salutation and title out of their own columns."""
    text = said.one(Field.SALUTATION, person)
    words = text.split()
    titles = [word for word in words if is_title(word) and not is_salutation(word)]
    greeted = [salutation(word) for word in words if is_salutation(word)]
    if people and text and COUPLE.search(text):
        said.ask(Question.TWO_PEOPLE, value=" ".join(filter(None, (text, people[0].given, people[0].family))))
        if len(people) == 1 and len(greeted) > 1:
            people = [people[0], people[0]._replace(given="", title="")]
    own, _, left = _without_titles(said.one(Field.TITLE, person), keep_all=True)
    suffix = said.one(Field.NAME_SUFFIX, person)
    behind = [word for word in suffix.split() if is_title(word)] if suffix else []
    result = []
    for at, one in enumerate(people):
        greeting = one.salutation or (greeted[min(at, len(greeted) - 1)] if greeted else "") or (own if at == 0 else "")
        title = one.title
        if at == 0 or len(people) == 1:
            title = " ".join(dict.fromkeys([*titles, *left.split(), *one.title.split(), *behind]))
        family = one.family
        if suffix and not behind and len(people) == 1:
            family = f"{family} {suffix}"
        result.append(Name(one.given, family, greeting, said.fitting(title, TITLE_MOST, "title")))
    return result


def _without_titles(text: str, *, keep_all: bool = False) -> tuple[str, list[str], str]:
    """Salutation, titles, and the rest of a given or a family name into which they were written."""
    words = [word.strip(",") for word in text.split()]
    greeted = ""
    titles: list[str] = []
    while words and (is_salutation(words[0]) or (is_title(words[0]) and not keep_all)):
        if is_salutation(words[0]) and words[0].casefold() not in AMBIGUOUS_GREETINGS:
            greeted = greeted or salutation(words[0])
        elif is_title(words[0]):
            titles.append(words[0])
        else:
            break
        words = words[1:]
    behind: list[str] = []
    while len(words) > 1 and is_title(words[-1]) and not keep_all:
        behind.insert(0, words.pop())
    return greeted, [*titles, *behind], " ".join(words)


def family_first(text: str) -> str:
    """“Muster Max”, where the family name stands first, as “Muster, Max”."""
    words = text.split()
    if len(words) < 2 or "," in text or is_company(text):
        return text
    at = next((at for at, word in enumerate(words) if word.casefold() not in PARTICLES), 0) + 1
    return f"{' '.join(words[:at])}, {' '.join(words[at:])}" if at < len(words) else text


def _words(text: str) -> list[str]:
    return [bare for word in text.split() if (bare := word.strip(",;()[]\"'„“”"))]


def _capitals(text: str) -> str:
    """“MUSTERMANN Max”: a family name in capitals stands first."""
    words = text.split()
    count = next((at for at, word in enumerate(words) if not (word.isupper() and len(word) > 2)), len(words))
    if 0 < count < len(words) and "," not in text and all(not word.isupper() for word in words[count:]):
        return f"{' '.join(words[:count])}, {' '.join(words[count:])}"
    return text


def is_same_person(one: str, other: str) -> bool:
    first, second = called(one), called(other)
    return (first.given_name, first.family_name) == (second.given_name, second.family_name)
