"""What makes a password bad: too short, or made of what everybody knows or everybody takes."""

import re
from collections.abc import Iterable
from unicodedata import combining, normalize

from zxcvbn import zxcvbn

from models.errors import N_, ProvisionError

PASSWORD_MIN, PASSWORD_MAX = 15, 200
OWN_LETTERS = 6
"""So many letters at least must be neither a known name nor common."""
COMMON = """
    abc admin allerbeste arschloch baby backup bayern berlin blume borussia chef computer daniel datev demo dortmund
    dragon dresden engel familie ferrari ficken football frankfurt freiheit freunde fussball geheim geheimnis gast
    hallo hamburg hammer hannover herbst heute hund ichliebedich ichwillrein internet jahr januar februar maerz april
    juni juli august september oktober november dezember kanzlei katze kennwort killer koeln konto lassmichrein leben
    leipzig letmein liebe liebling login lol love mama master maus merkur merlin michael michelle mond montag dienstag
    mittwoch donnerstag freitag samstag sonntag monkey morgen muenchen mustermann nadine neu nicole niemand nutzer
    ostern papa passwd passwort password pferd pokemon prinzessin qwert qwerty qwertz qwertzuiop asdf asdfgh asdfghjkl
    yxcvbn yxcvbnm zxcvbn rechner schalke schatz schatzi scheisse schnecke schule sicher sicherheit sommer sonne
    sonnenschein spiel start steffi stern steuer steuerbuero steuerkanzlei stuttgart super superman tanja test tester
    thomas tiger urlaub user weihnachten welcome welt werder willkommen winter wochenende zugang zuhause azerty
    bonjour motdepasse soleil doudou chouchou loulou jetaime bienvenue secret
    fruehling rechtsanwalt anwalt steuerberater 1q2w3e 4r5t6z 7u8i9o q1w2e3 r4t5z6 1qay 2wsx 3edc 4rfv
"""
_FILLING = (
    "und der die das mein meine dein ist ein eine mit fuer the and for your mon ma le la gmbh mbh partg ohg kg ag"
)
_LEET = str.maketrans("013457@$!", "oieastasi")
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


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
    """Refuse a password that is too short, common, or built from *context* (names, address, firm)."""
    if len(password) < PASSWORD_MIN:
        raise PasswordTooShort(len(password))
    if len(password) > PASSWORD_MAX:
        raise PasswordTooLong(len(password))
    known = [word for text in context for word in (text, *re.split(r"[\W_]+", text)) if len(word) > 2]
    plain, common = _plain(password), {*COMMON.split(), *_FILLING.split()}
    whole, uncommon, unknown = (_own(plain, words) for words in ((), common, {*common, *map(_plain, known)}))
    if uncommon < min(whole, OWN_LETTERS):
        raise PasswordGuessable
    if unknown < min(whole, OWN_LETTERS):
        raise PasswordNamesYou
    if zxcvbn(password[:72], user_inputs=known)["score"] < 3:  # It reads 72 characters at most.
        raise PasswordGuessable


def _own(plain: str, words: Iterable[str]) -> int:
    """How many letters are left of a password without these words, as it is and with digits read as letters.

    Scripts whose words are not known here are left as they are.
    """
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
    return min(_letters(pattern.sub(" ", written)) for written in (plain, plain.translate(_LEET)))


def _letters(text: str) -> int:
    """Different letters count, and repeated words once: “abcabcabc” has three."""
    words = re.findall(r"[^\W\d_]+|[^\w\s]", re.sub(r"(.+?)\1+", r"\1", text))
    return sum(len(word) if word[0].isalpha() else ord(word[0]) > 0xFFFF for word in words)


def _plain(text: str) -> str:
    """Small letters without accents, umlauts written out, and nothing between them."""
    small = normalize("NFC", text).casefold().translate(_WRITTEN_OUT)
    bare = "".join(char for char in normalize("NFKD", small) if not combining(char))
    return "".join(bare.split())
