"""The personal words of an invitation: plain text, in which names stand for what each contact is called."""

import re
from collections.abc import Mapping

from models.errors import N_, ProvisionError
from models.people.person import Person

MESSAGE_MOST = 1000
PLACEHOLDER = re.compile(r"\{([^{}\n]{1,40})\}")
NAMES = {
    "given_name": ("vorname", "firstname", "givenname", "prénom", "prenom"),
    "family_name": ("nachname", "familienname", "lastname", "familyname", "nom"),
    "name": ("name", "fullname", "nomcomplet"),
    "account": ("konto", "account", "compte"),
}
"""What can be named, and how each is written: capitals, blanks and underscores make no difference."""
MEANT = {written: what for what, ways in NAMES.items() for written in ways}


class MessageTooLong(ProvisionError):
    status = 422
    says = N_("The personal message has %(length)s characters: shorten it to %(most)s.")

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length
        self.most = MESSAGE_MOST


class PlaceholderUnknown(ProvisionError):
    status = 422
    says = N_(
        "“%(written)s” stands for nothing: {FirstName}, {LastName}, {Name} and {Account} are replaced by what each "
        "contact and account is called."
    )

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.written = ", ".join(f"{{{name}}}" for name in names)


def message_for_many(written: str) -> str:
    """The message as somebody wrote it; raises MessageTooLong, PlaceholderUnknown."""
    words = written.strip().replace("\r\n", "\n")
    if len(words) > MESSAGE_MOST:
        raise MessageTooLong(len(words))
    unknown = [name for name in PLACEHOLDER.findall(words) if _plain(name) not in MEANT]
    if unknown:
        raise PlaceholderUnknown(*dict.fromkeys(unknown))
    return words


def message_for(message: str, person: Person, account: str) -> str:
    """The same for one contact of an account; whoever has no given name is called by the whole name there."""
    names: Mapping[str, str] = {
        "given_name": person.given_name or person.name,
        "family_name": person.family_name,
        "name": person.name,
        "account": account,
    }

    def called(found: re.Match[str]) -> str:
        what = MEANT.get(_plain(found[1]))
        return found[0] if what is None else names[what]

    return PLACEHOLDER.sub(called, message)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()
