"""What makes a password bad: too short, or made of what everybody knows or everybody takes."""

import re
from collections.abc import Mapping
from math import factorial, log10
from threading import Lock
from typing import Any
from unicodedata import combining, normalize

from zxcvbn import zxcvbn

from models.errors import N_, ProvisionError

PASSWORD_MIN, PASSWORD_MAX = 15, 200
WHOLE, LETTERS = 8, 7
"""So many powers of ten guesses the password must take, and its letters alone: “2026!!!” makes no word a good one."""
COMMON = """
    abc admin allerbeste anwalt april arschloch august baby backup bayern berlin bienvenue blume bonjour borussia
    chef chouchou computer daniel datenschutz datev demo deutsch deutschland dezember dienstag donnerstag dortmund
    doudou dragon dresden engel familie februar ferrari ficken football frankfurt freiheit freitag freunde fruehling
    fussball gast geheim geheimnis hallo hamburg hammer hannover haupt herbst heute hund ichliebedich ichwillrein
    internet jahr januar jetaime juli juni kanzlei katze kennwort killer koeln konto lassmichrein leben leipzig
    letmein liebe liebling login lol loulou love maerz mama mandant mandanten master maus merkur merlin michael
    michelle mittwoch monkey montag morgen motdepasse muenchen mustermann nadine neu nicole niemand november nutzer
    oktober ostern papa passwd password passwort pferd pokemon portal prinzessin rechner rechtsanwaeltin
    rechtsanwalt samstag schalke schatz schatzi scheisse schmetterling schnecke schule secret september sicher
    sicherheit soleil sommer sonne sonnenschein sonntag spiel start steffi stern steuer steuerberater
    steuerberaterin steuerbuero steuerkanzlei strasse stuttgart super superman tanja test tester thomas tiger urlaub
    user verein weihnachten welcome welt werder willkommen winter wochenende zugang zuhause
"""
"""What people here take, in German, French and English, besides what zxcvbn knows."""
_FILLING = (
    "und der die das mein meine dein ist ein eine mit fuer the and for your mon ma le la gmbh mbh partg ohg kg ag"
)
_ROWS = "qwertzuiop asdfghjkl yxcvbnm qaywsxedcrfvtgbzhnujm azertyuiop qsdfghjklm wxcvbn aqwzsxedcrfvtgbyhnuj"
_KEYS = [row[at:end] for row in _ROWS.split() for at in range(len(row)) for end in range(at + 4, len(row) + 1)]
"""What stands side by side, or one below the other, on German and French keyboards; zxcvbn knows American ones."""
_EVERYBODYS = [*COMMON.split(), *_FILLING.split(), *_KEYS]
_AMONG = 100
"""So many tries at most it takes to find one of these words, or of those known of a person, wherever it is listed."""
_AGAIN = re.compile(r"(.{4,}?)\1+", re.DOTALL)
_LEET = str.maketrans("013457@$!", "oieastasi")
_SIGNS = str.maketrans("@({[<!|$+%", "accccilstx")
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_turn = Lock()
"""zxcvbn keeps the words that it is given in one place for everybody who asks."""


class PasswordMissing(ProvisionError):
    status = 422
    says = N_("The password is missing: type it in.")


class PasswordTooShort(ProvisionError):
    status = 422
    says = N_("The password has %(length)s characters: use at least %(least)s, a sentence is easiest to remember.")

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length
        self.least = PASSWORD_MIN


class PasswordTooLong(ProvisionError):
    status = 422
    says = N_("The password has %(length)s characters: use at most %(most)s.")

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length
        self.most = PASSWORD_MAX


class PasswordGuessable(ProvisionError):
    """Guessed soon by who tries what others take."""

    status = 422
    says = N_("This password is easy to guess, because many take it or one like it: choose words of your own.")


class PasswordNamesYou(PasswordGuessable):
    """Made of what everybody knows about the person or the firm."""

    says = N_(
        "This password is little more than a name that others know, yours, your firm’s or ours, even with digits "
        "behind it: choose words of your own."
    )


def check_password(password: str, *context: str) -> None:
    """Refuse a password that is missing, too short, common, or built from *context* (names, address, firm)."""
    if not password:
        raise PasswordMissing
    if len(password) < PASSWORD_MIN:
        raise PasswordTooShort(len(password))
    if len(password) > PASSWORD_MAX:
        raise PasswordTooLong(len(password))
    words = _known(context)
    plain = _plain(password)
    whole, *letters = plain.translate(_SIGNS), _letters(plain), _letters(plain.translate(_LEET))
    for text, least in ((whole, WHOLE), *((each, min(len(each), LETTERS)) for each in letters)):
        guesses = _guesses(text, [*words, *_EVERYBODYS])
        if guesses < least:
            raise PasswordNamesYou if guesses < _guesses(text, _EVERYBODYS) else PasswordGuessable


def _known(context: tuple[str, ...]) -> list[str]:
    """The words of what is known, each text as a whole as well; with umlauts written out, and without their dots."""
    words = [word for text in context for word in (text, *re.split(r"[\W_]+", text)) if len(word) > 2]
    return list(dict.fromkeys(way for word in words for way in (_plain(word), _bare(word.casefold()))))


def _guesses(text: str, words: list[str]) -> float:
    """How many guesses it takes, as a power of ten, for who tries these words first.

    As zxcvbn takes it apart, in any order of its parts; what is there again adds nothing. Of signs that stand for
    letters it must get none: it would try each for each, for half a minute.
    """
    if not text:
        return 0
    with _turn:
        parts = zxcvbn(_once(text)[:72], user_inputs=words)["sequence"]  # It reads 72 characters at most.
    tries = {part["token"]: _tries(part) for part in parts}
    return log10(factorial(len(tries))) + sum(tries.values())


def _tries(part: Mapping[str, Any]) -> float:
    """As a power of ten: zxcvbn's numbers themselves are of kinds that cannot be multiplied with each other."""
    if part["pattern"] != "dictionary":
        return float(part["guesses_log10"])
    return log10(min(part["rank"], _AMONG) if part["dictionary_name"] == "user_inputs" else part["rank"])


def _once(text: str) -> str:
    """Without what is only the same again right behind it: zxcvbn weighs that by words of its own alone."""
    once = _AGAIN.sub(r"\1", text)
    return text if once == text else _once(once)


def _letters(text: str) -> str:
    """The letters alone, and pictures, which are as hard to guess."""
    return "".join(char for char in text if char.isalpha() or ord(char) > 0xFFFF)


def _plain(text: str) -> str:
    """Small letters without accents, umlauts written out, and nothing between them."""
    return _bare(normalize("NFC", text).casefold().translate(_WRITTEN_OUT))


def _bare(text: str) -> str:
    bare = "".join(char for char in normalize("NFKD", text) if not combining(char))
    return "".join(bare.split())
