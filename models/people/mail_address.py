"""The one form in which a mail address is stored and compared, and whether it can be written to."""

import re
from typing import NamedTuple
from unicodedata import normalize

import idna
from email_validator import EmailNotValidError, validate_email

from models.errors import N_, ProvisionError
from models.mail.mail_server import offers_smtputf8
from models.text import one_line


class AddressInvalid(ProvisionError):
    status = 422
    says = N_("“%(address)s” is not an e-mail address that can receive mail: check it for typing errors.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class AddressMissing(AddressInvalid):
    says = N_("The e-mail address is missing: type it in.")

    def __init__(self, address: str = "") -> None:
        super().__init__(address)


class AddressUnwritable(AddressInvalid):
    """Right, and of no use as long as the mail server does not take it."""

    says = N_(
        "“%(address)s” has letters before the @ that our mail server cannot write to: give an address that has only "
        "a to z, digits and signs there."
    )


def email_address(written: str) -> str:
    """The address in the one form in which it is stored and compared; raises AddressMissing, AddressInvalid.

    However it was written: with capitals, with letters apart from their dots, with a domain of umlauts as people or as
    browsers write it (``xn--``), or as a link.
    """
    clean = one_line(written).removeprefix("mailto:")
    if not clean:
        raise AddressMissing
    try:
        address = validate_email(clean, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise AddressInvalid(_as_typed(clean)[:254]) from error
    return normalize("NFC", address.lower())


class Found(NamedTuple):
    """The addresses in one cell of a table."""

    addresses: list[str]
    """In the form in which they are kept, each once."""
    faulty: list[str]
    """What was meant to be one."""


def addresses_in(written: str) -> Found:
    """All addresses that stand in one cell, with names and signs around them: “Max <max@x.example>; m@x.example”.

    The name that a mail server has for somebody inside a company (X.500) is none.
    """
    addresses: list[str] = []
    faulty: list[str] = []
    for part in re.split(r"\s*(?::::|[;,|\n])\s*|\s+(?:oder|und|or|and|ou|et|/)\s+", one_line(written)):
        if X500.match(part) or not part:
            continue
        words = [word.strip("<>()[]\"'“”„‚‘’«».:") for word in part.split()] if "@" in part else [part]
        meant = [word for word in words if "@" in word.strip("@")] or [part]
        for word in meant:
            try:
                addresses.append(email_address(LINKED.sub(r"\1", word)))
            except AddressInvalid:
                faulty.append(word)
    return Found([*dict.fromkeys(addresses)], faulty)


LINKED = re.compile(r"^(?:mailto|e-?mail|smtp):|(@[^?#]*)[?#].*$", re.IGNORECASE)
"""What makes a link of an address: “mailto:a@b.example?subject=…”, “a@b.example#mailto:…#”."""
X500 = re.compile(r"/o=", re.IGNORECASE)


def _as_typed(address: str) -> str:
    """With a domain of umlauts as people write it, not as browsers send it (``xn--``)."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{idna.decode(domain)}" if "xn--" in domain else address
    except idna.IDNAError:
        return address


def writable_address(written: str) -> str:
    """The same of an address that is to be written to; raises AddressInvalid, and AddressUnwritable.

    Letters outside ASCII before the @ need a mail server that offers SMTPUTF8, by what it said last.
    """
    address = email_address(written)
    if not address.rpartition("@")[0].isascii() and not offers_smtputf8():
        raise AddressUnwritable(address)
    return address
