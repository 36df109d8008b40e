"""Whose fault it is that a mail was refused: read from what a mail server said, at once or in a report afterwards.

Servers agree on little. The status code (RFC 3463) is what they should speak in, but many give a general one, or that
of another fault, and say the rest in words. So words that leave no doubt come first, then the code, then other words.
"""

import re
from enum import StrEnum


class Blame(StrEnum):
    """What has to be mended before this mail, or another one, can arrive."""

    ADDRESS = "address"  # Nobody is there: surely so, since somebody is asked for another address.
    MAILBOX = "mailbox"  # It is full or busy; its owner mends that.
    MAIL = "mail"  # This mail: its size, its content; or nothing was said that tells anything else.
    OURS = "ours"  # Our server, its settings or its good name: it concerns every mail.


CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
NAMED = re.compile(r"<[^>]*>|\bhttps?://\S+|\S+@\S+|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b", re.IGNORECASE)
"""Addresses, links and names of hosts: what is in them is no statement."""


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


SURELY_OURS = _words(
    # Our address.
    r"sender address",
    r"sender (?:is |was |domain )*(?:blocked|denied|rejected|refused|unknown|invalid|not )",
    r"(?:bad|unauthenticated|unauthori[sz]ed|invalid|unknown|banned|blocked) (?:outbound )?sender",
    r"(?:domain of|could not verify|verify) sender|sender verif",
    r"(?:return|reverse|envelope)[ -]?path|mail from\b|from address|from header",
    r"absender",
    # Our server is not ours to it.
    r"relay(?:ing)?(?: access)?(?: is)? (?:denied|not|prohibited|refused)|(?:un|not |n't )(?:able to )?relay|rcpthosts",
    r"relaying|weiterleiten (?:verweigert|nicht)",
    r"auth(?:entication|ori[sz]ation)? (?:is )?(?:required|failed|credentials|unsuccessful)|authenticate",
    r"not (?:authenticated|authori[sz]ed)|unauthori[sz]ed|starttls|anmeldung",
    # Our proofs of who we are.
    r"\bspf\b|\bdkim\b|\bdmarc\b|\bptr\b|reverse dns|\brdns\b|\bhelo\b|\behlo\b",
    # Our good name, our share.
    r"client host|your (?:ip|server|host|network|domain)|(?:sending|source|connecting) (?:ip|mta|host|server)",
    r"spamhaus|spamcop|barracuda|\bdnsbl\b|\brbls?\b|(?:black|block|deny)[ -]?list",
    r"reputation|sending limit|sending quota|send(?:ing)? (?:too many|rate)|daily .*limit|hourly .*limit|rate limit",
    r"too many (?:messages|mails|connections|concurrent)|unusual rate|limit (?:for|of) outgoing|versandlimit",
)
SURELY_ADDRESS = _words(
    r"(?:user|account|recipient|mailbox|address|addressee)(?: \S+)? (?:is |was )?(?:unknown|not found|invalid)",
    r"(?:unknown|invalid|no such|non-?existent|bad) (?:local |remote |virtual |destination )*"
    r"(?:user|account|recipient|mail ?box|address|person|domain|local part)",
    r"(?:user|account|recipient|mailbox|address|domain)[^.;:]{0,60} (?:does not|doesn'?t|do not|did not) exist",
    r"(?:user|account|recipient|mailbox|inbox|address)[^.;:]{0,40} "
    r"(?:is |has been |was )?(?:disabled|deactivated|inactive|closed|discontinued|deleted|expired|unroute?able)",
    r"no mailbox|not a (?:valid|known) (?:user|mailbox|recipient|address)|user[^.;]{0,20} unknown|user not local",
    r"unroute?able address|addressee unknown|not our customer|not listed in|does not like recipient\b.*unknown",
    r"host or domain name not found|domain (?:name )?not found|no such domain|nxdomain|null mx|dns domain",
    r"(?:benutzer|empf(?:ä|ae)nger|adresse|postfach|konto|mailbox)[^.;]{0,40}"
    r"(?:unbekannt|existiert nicht|nicht gefunden|nicht vorhanden|ung(?:ü|ue)ltig|deaktiviert|gel(?:ö|oe)scht)",
    r"(?:unbekannte|ung(?:ü|ue)ltige|kein)[rsn]? (?:benutzer|empf(?:ä|ae)nger|adresse|postfach|konto|teilnehmer)",
)
MAILBOX = _words(
    r"(?:mail ?box|inbox|account|user|recipient|storage|disk)[^.;]{0,50}(?:full|quota|exceed|over ?limit)",
    r"over ?quota|quota (?:is )?exceeded|exceed(?:s|ed)? (?:the |its |allowed |disk )*(?:quota|storage)",
    r"insufficient.*storage|out of (?:disk )?space|receiving mail (?:at a rate|too)",
    r"(?:postfach|mailbox|speicher)[^.;]{0,30}(?:voll|erschöpft)",
    r"kontingent|speicherplatz",
)
MAIL = _words(
    r"(?:message|mail|nachricht)[^.;]{0,30}(?:too (?:large|big|long)|size|zu gro(?:ß|ss))|size limit|maximum.*size",
    r"attachment|anhang|virus|malware|infected|message content|content (?:rejected|not accepted)|\butf-?8\b|8bitmime",
)
OURS = _words(
    r"block|spam|\bsuspicious|unsolicited|polic|prohibit|denied|reject(?:ed)? by|not allowed|not permitted|banned",
    r"gesperrt|abgelehnt|verweigert|local problem|configuration|try (?:again )?later|temporar|too many|limit",
)
CODES = {
    # Destinations that are wrong, have moved, take no mail at all (RFC 7505), belong to others now (RFC 7293).
    **dict.fromkeys(("1.1", "1.2", "1.3", "1.4", "1.6", "1.10", "2.1", "7.17"), Blame.ADDRESS),
    # Only with letters that the way to it cannot carry (RFC 6531).
    "6.7": Blame.ADDRESS,
    **dict.fromkeys(("2.2", "2.0"), Blame.MAILBOX),
    **dict.fromkeys(("2.3", "3.4", "2.4"), Blame.MAIL),
    **dict.fromkeys(("1.7", "1.8", "1.9"), Blame.OURS),
}
SUBJECTS = {"3": Blame.OURS, "4": Blame.OURS, "5": Blame.OURS, "6": Blame.MAIL, "7": Blame.OURS}
"""By the subject of a code that is not told by itself: system, network, protocol, content, policy."""
GENERAL = {"3.0", "5.0"}
"""Codes that say no more than that it was refused."""


def blame(said: str, status: str = "") -> Blame:
    """Whose fault it is, by what a mail server *said*, and the *status* that a report gives besides."""
    words = NAMED.sub(" ", said)
    codes = {f"{subject}.{detail}" for _, subject, detail in CODE.findall(f"{said} {status}")} - GENERAL
    exact = {CODES[code] for code in codes & CODES.keys()}
    vague = {SUBJECTS[code[0]] for code in codes - CODES.keys() if code[0] in SUBJECTS}
    # Where codes contradict each other, the address is not surely wrong.
    by_code = next(iter(sorted(exact - {Blame.ADDRESS})), Blame.ADDRESS if exact and not vague else None)
    by_subject = next(iter(sorted(vague)), None)
    verdicts = (
        (Blame.OURS, SURELY_OURS.search(words) or by_code is Blame.OURS),
        (Blame.ADDRESS, SURELY_ADDRESS.search(words)),
        (Blame.MAILBOX, MAILBOX.search(words)),
        (by_code, by_code),
        # How Exchange Online says that it knows nobody of this name.
        (Blame.ADDRESS, "4.1" in codes and "recipient address rejected" in words.lower()),
        (Blame.MAIL, MAIL.search(words)),
        (by_subject, by_subject),
        (Blame.OURS, OURS.search(words)),
    )
    return next((whose for whose, is_so in verdicts if whose and is_so), Blame.MAIL)


def is_ours_for_sure(said: str) -> bool:
    """Whether the words alone tell that it concerns every mail: also of a refusal for the time being."""
    return SURELY_OURS.search(NAMED.sub(" ", said)) is not None
