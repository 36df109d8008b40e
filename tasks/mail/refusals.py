"""Whose fault it is that a mail was refused: read from what a mail server said, at once or in a report afterwards.

Servers agree on little. The status code (RFC 3463) is what they should speak in, but many give a general one, or that
of another fault, and say the rest in words. So each reply is evidence, weighed in this order: words about us and our
sending; words that nobody is there; words about a full mailbox; a code that tells one fault alone; words that may be
about the recipient, if nothing else in the reply contradicts them; then the rest. Somebody is asked for another address
only where the reply leaves no doubt, since a fault of ours that is taken for theirs is asked of everybody we write to.
"""

import re
from enum import StrEnum

from models.settings import settings


class Blame(StrEnum):
    """What has to be mended before this mail, or another one, can arrive."""

    ADDRESS = "address"  # Nobody is there: surely so, since somebody is asked for another address.
    MAILBOX = "mailbox"  # It is full or busy; its owner mends that.
    MAIL = "mail"  # This mail: its size, its content; or nothing was said that tells anything else.
    OURS = "ours"  # Our server, its settings or its good name: it concerns every mail.


MOST_JUDGED = 2000
"""Characters of an answer that are looked at: strangers wrote it, and some patterns take long over long lines."""
CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
ADDRESSES = re.compile(r"[^\s<>()\[\]:;,\"]+@[^\s<>()\[\]:;,\"]+[^\s<>()\[\]:;,\".]")
NAMED = re.compile(r"(?i:<[^>]*>|\bhttps?://\S+|\S+@\S+)|\b[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{2,}|[A-Z]{2,})\b(?!\.?[\w-])")
"""Addresses, links and names of hosts: what is in them is no statement."""
JOINED = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Between the words of an error's name: “RecipientNotFound”."""


def _words(*patterns: str) -> re.Pattern[str]:
    """Any of these, without regard to case; a letter with an accent arrives in many ways: “ü”, “u”, “ue”, “?”, “Ã¼”."""
    return re.compile(re.sub(r"[^\x00-\x7f]", r"(?:\\S{1,3})", "|".join(patterns)), re.IGNORECASE)


COURTESY = _words(
    r"(?:inform|notif|contact|tell|ask)\w* (?:the )?sender",
    r"(?:return\w*|bounc\w*|sent|back)(?: \w+){0,3} to (?:the |its )?sender",
    r"(?:zurück )?an (?:den |seinen )?absender(?: zurück\w*)?|retourn\S* à (?:l')?expéditeur",
    r"your (?:\w+ ){0,2}(?:admin|support|provider|postmaster|address book)\w*",
)
"""What is said to whoever reads it, and states nothing."""
SURELY_OURS = _words(
    # Our address, our account, and that it may not send.
    r"\bsenders?\b|mail from\b|from (?:address|header)|(?:return|reverse|envelope)[ -]?path|\bsend (?:as|on)\b",
    r"absender|expéditeur",
    r"\byour (?:\w+ ){0,2}(?:account|mailbox|domain|ips?|server|host|network|subscription"
    r"|tenant|organi[sz]ation|plan|trial|licen[cs]e|contract|quota)\b",
    r"\bihr(?:e|en|em|er)? (?:\w+ )?(?:\S*konto|\S*postfach|\S*server|domain|ip|vertrag|tarif|kontingent)\b",
    r"\bvotre (?:compte|boîte|serveur|domaine|ip|abonnement|quota|forfait)\b|adresse ip\b",
    r"(?<!try )(?<!before )(?<!when )\bsending\b(?! (?:to|again|it|this|the|your)\b)|outgoing|outbound",
    r"(?:allowed|permit\w*|authori[sz]ed|permissions?|rights?|privileges?|quota|limits?)\b[^.;]{0,20} to send\b",
    r"(?<!recipient )\btenant|subscription|compromised|smtp (?:user|account)",
    r"\bversand|\bausgehend|zum senden|(?:kein|nicht)\S*[^.;]{0,30} (?:senden|versenden)",
    r"\benvois?\b[^.;]{0,20} (?:interdit|bloqué|refusé|limit|suspend|désactivé)|(?:quota|limite) d'envoi|sortant",
    # Our server is not ours to it.
    r"relay(?:ing)?(?: access)?(?: is)? (?:denied|not|prohibited|refused)|(?:un|not |n't )(?:able to )?relay|rcpthosts",
    r"relaying|weiterleiten (?:verweigert|nicht)|\brelais\b|relayage",
    r"authenti|auth(?:ori[sz]ation)? (?:is )?(?:required|failed|unsuccessful)|not authori[sz]ed|unauthori[sz]ed",
    r"credentials|password|passwort|mot de passe|\blogin\b|starttls|anmeldung",
    # Our proofs of who we are.
    r"\bspf\b|\bdkim\b|\bdmarc\b|\bptr\b|reverse dns|\brdns\b|\bhelo\b|\behlo\b",
    # Our good name, our share.
    r"client host|(?:source|connecting) (?:ip|mta|host|server)",
    r"spamhaus|spamcop|barracuda|\bdnsbl\b|\brbls?\b|(?:black|block|deny)[ -]?list|liste noire",
    r"reputation|réputation|(?:daily|hourly|per (?:day|hour))\b[^.;]{0,30}(?:limit|quota)|rate limit",
    r"too many (?:messages|mails|connections|concurrent)|unusual rate|limit (?:for|of) outgoing",
)
"""About us, or about sending at all: also where it says besides that a user, an account or a domain is unknown."""
YOUR_ADDRESS = _words(
    r"\byour (?:(?!recipient|destination)\w+ ){0,2}address\b(?! list)",
    r"\bihr(?:e|en|em|er)? (?:(?!empfänger)\w+ )?(?!empfänger)\S*adresse\b",
    r"\bvotre adresse\b(?! (?:du|de) destinataire)",
)
"""About ours too, as a rule; but also the one that we wrote to: “check your address”."""
SURELY_ADDRESS = _words(
    r"(?:user|account|recipient|mailbox|address|addressee)(?: \S+)? (?:is |was )?(?:unknown|not found|invalid)",
    r"(?:unknown|invalid|no such|no valid|non-?existent|bad) (?:local |remote |virtual |destination )*"
    r"(?:user|account|recipient|mail ?box|address|person|domain|local[ -]?part)",
    r"(?:user|account|recipient|mailbox|address|domain)[^.;:]{0,60} (?:does not|doesn't|do not|did not) exist",
    r"(?:user|account|recipient|mailbox|address)[^.;:]{0,40} no longer (?:exist|valid|known|with|work|employed|here)",
    r"(?:user|recipient|person)[^.;:]{0,40} (?:doesn't|does not) have an?\b[^.;:]{0,40} (?:account|mailbox)",
    r"(?:user|account|recipient|mailbox|address)[^.;:]{0,40} (?:is not|isn't|not) (?:hosted|local|known|listed)",
    r"(?:user|account|recipient|mailbox|address)[^.;:]{0,60} (?:could not be|couldn't be|cannot be|wasn't) found",
    r"no mailbox|no (?:user|account|recipient|person) (?:by|with|named|here|at)\b|unroute?able",
    r"not a (?:valid|known) (?:user|mailbox|recipient|address)|user[^.;]{0,20} unknown",
    r"addressee unknown|not our customer|not listed in|does not like recipient\b.*unknown|left the (?:company|firm)",
    r"host or domain name not found|domain (?:name )?not found|no such domain|nxdomain|null ?mx|dns domain",
    r"domain[^.;:]{0,40} (?:does not|doesn't) accept (?:any )?e?-?mail",
    r"(?:benutzer|empfänger|adresse|postfach|konto|mailbox|teilnehmer)[^.;]{0,40}"
    r"(?:unbekannt|existiert nicht|nicht gefunden|nicht vorhanden|nicht (?:mehr )?bekannt|ungültig)",
    r"(?:unbekannte|ungültige|kein)[rsn]? (?:benutzer|empfänger|adresse|postfach|konto|teilnehmer)",
    r"nicht mehr (?:im unternehmen|bei uns|für uns)|unternehmen verlassen",
    r"(?:utilisateur|destinataire|correspondant|adresse|boîte|compte|domaine)[^.;]{0,40}"
    r"(?:inconnu|inexistant|introuvable|n'existe|invalide|non valide|non trouvé)",
    r"(?:aucune?|pas de|pas d') ?(?:utilisateur|destinataire|boîte|compte)|plus dans (?:l'entreprise|la société)",
)
"""That nobody is there."""
SHUT = _words(
    r"(?:user|account|recipient|mailbox|inbox|address|domain)[^.;:]{0,40} "
    r"(?:disabled|deactivated|inactive|closed|discontinued|deleted|expired|unavailable|not (?:available|active))",
    r"(?:disabled|deactivated|inactive|closed|expired) (?:user|account|recipient|mailbox|inbox|address)",
    r"(?:user|account|recipient|mailbox|inbox|address)[^.;:]{0,40} no longer (?:active|available|in use|accept)",
    r"(?:benutzer|empfänger|adresse|postfach|konto|mailbox)[^.;]{0,40}(?:deaktiviert|gelöscht|geschlossen|abgelaufen)",
    r"(?:utilisateur|destinataire|adresse|boîte|compte)[^.;]{0,40}(?:désactivé|fermé|supprimé|clôturé|expiré|résilié)",
)
"""That an account is closed: theirs, as long as nothing else in the reply points elsewhere."""
ADDRESS_REFUSED = _words(
    r"(?:recipient|address|adresse|destinataire|empfänger)[^.;:]{0,20} (?:rejected|refusé|abgelehnt)"
)
"""Of the address only where the code says so, since all kinds of reasons follow."""
MAILBOX = _words(
    r"(?:mail ?box|inbox|account|user|recipient|storage|disk)[^.;]{0,50}(?:full|quota|exceed|over ?limit)",
    r"over ?quota|quota (?:is )?exceeded|exceed(?:s|ed)? (?:the |its |allowed |disk )*(?:quota|storage)",
    r"insufficient.*storage|out of (?:disk |storage )?space|receiving mail (?:at a rate|too)",
    r"(?:mailbox|account|user|recipient|benutzer|postfach|konto|boîte|compte)[^.;]{0,30} "
    r"(?:temporai?r|vorübergehend|momentan)",
    r"(?:postfach|mailbox|speicher)[^.;]{0,30}(?:voll|erschöpft)|kontingent|speicherplatz",
    r"boîte[^.;]{0,40}(?:plein|saturé)|quota[^.;]{0,20} (?:dépassé|atteint)|espace[^.;]{0,20} insuffisant",
)
MAIL = _words(
    r"(?:message|mail|nachricht)[^.;]{0,30}(?:too (?:large|big|long)|size|zu groß)|size limit|maximum.*size",
    r"message[^.;]{0,20} trop (?:gros|volumineux|grand|long)|taille|pièce jointe",
    r"attachment|anhang|virus|malware|infected|message content|content (?:rejected|not accepted)|\butf-?8\b|8bitmime",
)
OURS = _words(
    r"block|spam|\bsuspicious|unsolicited|polic|prohibit|denied|reject(?:ed)? by|not allowed|not permitted|banned",
    r"gesperrt|abgelehnt|verweigert|local problem|configuration|try (?:again )?later|temporar|too many|limit",
    r"bloqué|refusé|interdit|indésirable|non autorisé|trop de",
)
GREYLISTED = _words(r"gr[ae]y[ -]?list|triplet")
"""That the mail came for the first time: whoever sends it is asked to come again."""
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
OF_ADDRESSES = {"1.0", "4.1"}
"""Codes of an address, or of the way to it: how Exchange Online says that it knows nobody of this name."""


def blame(reply: str, status: str = "") -> Blame:
    """Whose fault it is, by the *reply* of a mail server, and the *status* that a report gives besides."""
    reply = reply[:MOST_JUDGED]
    words = _statement(reply)
    codes = _codes(f"{reply} {status}")
    vague = _told_by_subject(codes)
    by_code = _told_alone(codes)
    by_subject = next(iter(sorted(vague)), None)
    contradicted = vague or OURS.search(words)
    verdicts = (
        (Blame.OURS, _is_about_us(reply, words, codes) or by_code is Blame.OURS),
        (Blame.ADDRESS, SURELY_ADDRESS.search(words)),
        (Blame.MAILBOX, MAILBOX.search(words)),
        (by_code, by_code),
        (Blame.ADDRESS, SHUT.search(words) and not contradicted),
        (Blame.ADDRESS, ADDRESS_REFUSED.search(words) and codes & OF_ADDRESSES),
        (Blame.MAIL, MAIL.search(words)),
        (by_subject, by_subject),
        (Blame.OURS, OURS.search(words)),
    )
    return next((whose for whose, is_so in verdicts if whose and is_so), Blame.MAIL)


def is_ours_for_sure(reply: str) -> bool:
    """Whether the words alone tell that it concerns every mail: also of a refusal for the time being."""
    reply = reply[:MOST_JUDGED]
    words = _statement(reply)
    return _is_about_us(reply, words, _codes(reply)) and not GREYLISTED.search(words)


def _statement(reply: str) -> str:
    """The words that state something."""
    return COURTESY.sub(" ", JOINED.sub(" ", NAMED.sub(" ", reply)).replace("’", "'"))


def _codes(reply: str) -> set[str]:
    return {f"{subject}.{detail}" for _, subject, detail in CODE.findall(reply)} - GENERAL


def _told_by_subject(codes: set[str]) -> set[Blame]:
    return {SUBJECTS[code[0]] for code in codes - CODES.keys() if code[0] in SUBJECTS}


def _told_alone(codes: set[str]) -> Blame | None:
    """What codes tell without words; where they contradict each other, the address is not surely wrong."""
    exact = {CODES[code] for code in codes & CODES.keys()}
    is_address = exact and not _told_by_subject(codes)
    return next(iter(sorted(exact - {Blame.ADDRESS})), Blame.ADDRESS if is_address else None)


def _is_about_us(reply: str, words: str, codes: set[str]) -> bool:
    """By the words, or since no address is named but our own."""
    named = {address.casefold() for address in ADDRESSES.findall(reply)}
    if SURELY_OURS.search(words) or named == {settings().sender.casefold()}:
        return True
    if not YOUR_ADDRESS.search(words):
        return False
    # Where the code and the words beside it say that nobody is there, the address is the one that we wrote to.
    beside = YOUR_ADDRESS.sub(" ", words)
    return not (_told_alone(codes) is Blame.ADDRESS and SURELY_ADDRESS.search(beside))
