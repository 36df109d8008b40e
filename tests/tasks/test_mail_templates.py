"""Every mail in every language and form: whole, safe, and saying what it must."""

import re
from datetime import timedelta
from email import message_from_bytes, policy
from functools import cache
from itertools import cycle, islice
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from models.code import Code
from models.db import reading
from models.document import Document
from models.link import Link, Purpose
from models.logo import public_logo
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Party
from models.people.manners import AddressForm, Language
from models.settings import settings
from models.time.clock import now
from tasks.mail import compose, form_letters
from tasks.mail.compose import write, write_out
from tests import factories
from tests.each import each
from tests.remembered import shared_settings

FIRM = "Anwaltskanzlei Freitag & Kollegen"
SIGN_UNTIL = {"sign_until_at": "2026-12-14T22:59:59+00:00"}
PAGE = {"path": "/firm/1/contract", "module": "Telefonservice"}
CONCERNED = [{"name": name, "path": "/firm/1/contract#tax"} for name in (FIRM, "Kanzlei Süd")]
BASE, SETUP = "Grundpreis", "Einrichtung"
CONTRACT = [
    *[
        (
            "module_ordered",
            PAGE
            | {"tariff": "Klein", "begins": "1. März 2027", "interval": "jährlich", "term": "12 Monate"}
            | {"extension": extension, "notice": "3 Monate zum Ende der Laufzeit"}
            | {"prices": [{"what": what, "amount": "120,00 €"} for what in prices]},
        )
        for extension, prices in (("12 Monate", [BASE, SETUP]), ("", [BASE]))
    ],
    *[
        (
            "change_declared",
            PAGE
            | {"what": what, "drops": drops, "tariff": "Groß" if what in {"tariff", "termination"} else ""}
            | {"tariff_from": "1. Mai 2027" if what == "termination" else ""}
            | {"received": "30. November 2027, 23:59", "ends": "29. Februar 2028", "begins": "1. März 2028"},
        )
        for what, drops in (("termination", True), ("tariff", False), ("extraordinary", False), ("switch", False))
    ],
    ("undo_asked", PAGE | {"ends": "29. Februar 2028", "by": "Erika Muster"}),
    ("takeout_ready", {"until": "31. März 2027", "path": "/firm/1/contract#data"}),
    *[
        ("vat_unconfirmed", {"firm": "", "invalid": a, "unanswered": b, "fault": "MS_UNAVAILABLE", "path": "/board"})
        for a, b in ((CONCERNED[:1], []), ([], CONCERNED[:1]), ([], CONCERNED * 15))
    ],
    *[
        ("change_undone", PAGE | {"what": what, "ends": "29. Februar 2028", "note": note})
        for what, note in (("termination", "Gern."), ("tariff", ""))
    ],
    *[("undo_refused", PAGE | {"ends": "29. Februar 2028", "note": note}) for note in ("Leider nein.", "")],
    ("tariff_begun", PAGE | {"tariff": "Groß", "begins": "1. März 2028"}),
    *[
        ("closing_asked", PAGE | {"day": "1. Januar 2027", "by": "Erika Muster", "is_asked": so})
        for so in (True, False)
    ],
    *[
        (
            "consent_asked",
            {"path": "/firm/1/contract/consent/1", "what": "Allgemeine Geschäftsbedingungen", "version": "2027-01"}
            | {"changes": "Die Haftung ist neu geregelt.", "begins": "1. Januar 2027", "times": count, "is_last": last},
        )
        for count, last in ((0, False), (1, False), (3, True))
    ],
    *[
        ("account_closed", {"closed": "1. Januar 2027, 0:00", "number": 861272, "by": by} | more)
        for by in ("Erika Muster", "")
        for more in ({"reason": ""}, {"reason": "Brief vom Inhaber", "path": "/firm/1/contract"})
    ],
    ("module_ended", PAGE | {"ends": "29. Februar 2028"}),
    *[
        (
            "notice_nears",
            PAGE
            | {"tariff": "Klein", "last_day": "30. November 2027", "days": days, "ends": "29. Februar 2028"}
            | {"goes_on_until": "28. Februar 2029"},
        )
        for days in (45, 1, 0)
    ],
    (
        "prices_change",
        PAGE
        | {"tariff": "Klein", "begins": "1. März 2028", "interval": "jährlich"}
        | {"prices": [{"what": BASE, "before": "120,00 €", "after": "150,00 €"}]},
    ),
]
CASES = [
    ("welcome", {}),
    *[("register", {"role": role, "count": count}) for role in ("organiser", "caseworker") for count in range(4)],
    *[("agreement", SIGN_UNTIL | {"count": count}) for count in range(4)],
    ("agreement", SIGN_UNTIL | {"count": 0, "note": "Der Preis ist jetzt monatlich."}),
    ("agreement", SIGN_UNTIL | {"count": 0, "delegated_by": "Erika Muster", "function": "Geschäftsführerin"}),
    ("agreement", SIGN_UNTIL | {"version": 2, "asked_before": {"name": "Konrad Zeichner", "function": "Chef"}}),
    *[
        (
            "agreement_withdrawn",
            {"by": by, "who": "Erika Muster", "reason": why, "sent_at": "2026-11-20T13:05:00+00:00"},
        )
        for by, why in (("organiser", ""), ("provider", "Ein Tippfehler im Preis."), ("provider", ""))
    ],
    (
        "agreement_withdrawn",
        SIGN_UNTIL | {"by": "time", "who": "", "reason": "", "sent_at": "2026-11-20T13:05:00+00:00"},
    ),
    ("sign_code", {"valid_until_at": "2026-11-20T13:05:00+00:00"}),
    (
        "agreement_done",
        {"signer": "Erika Muster", "countersigned_at": "2026-11-20T13:05:00+00:00", "sha256": "0123abcd" * 8},
    ),
    ("agreement_declined", {"signer": "Erika Muster", "reason": "Zu lang."}),
    ("agreement_declined", {"signer": "Erika Muster", "reason": ""}),
    *[
        ("your_turn", {"step": step, "missing": ["street", "land"], "count": count, "path": "/firm/1"})
        for step in ("details", "logo", "caseworkers", "clients")
        for count in range(4)
    ],
    *[
        (
            "your_turn",
            {
                "steps": steps,
                "paths": {step: f"/firm/1/{step}" for step in steps},
                "missing": ["street", "land"],
                "count": count,
                "path": "/firm/1",
            },
        )
        for count, steps in ((1, ["details", "logo"]), (3, ["caseworkers", "clients"]))
    ],
    *[
        (
            "firm_changed",
            {
                "who": "Erika Muster",
                "changes": [
                    {"what": what, "before": "", "after": {"line_of_business": "law", "land": "BY"}.get(what, "Weg 8")}
                    for what in whats
                ],
                "path": "/firm/1",
            },
        )
        for whats in (["street"], ["name", "line_of_business", "business", "postcode", "city", "land", "website"])
    ],
    ("company_id", {"granted": True, "preferred": 861272, "alternatives": [], "note": ""}),
    ("company_id", {"granted": False, "preferred": 123456, "alternatives": [123457, 123465], "note": "Vergeben."}),
    ("logo_found", {"website": "https://www.freitag.example/", "path": "/firm/1/logo"}),
    *[("invitation", {"message": "Guten Tag!", "invited_by": "e@freitag.example", "count": n}) for n in range(4)],
    *[
        (
            "granted",
            {"client": "Muster, Erika", "message": words, "invited_by": "Jan Fleiß", "reply_to": "jan@freitag.example"}
            | way,
        )
        for words, way in (("Guten Tag!", {}), ("", {"path": "/auth/login"}))
    ],
    *[
        (
            "preview",
            {"of": of, "client": "Muster, Erika", "message": "Guten Tag!", "count": 0, "path": "/auth/preview"}
            | {"contact": "Max Beispiel", "address": "max@beispiel.example", "invited_by": "Jan Fleiß"}
            | until,
        )
        for of, until in (
            ("invitation", {"good_until_at": "2026-12-14T22:59:59+00:00"}),
            ("granted", {"good_until_at": "2026-12-14T22:59:59+00:00"}),
            ("granted", {}),
        )
    ],
    ("confirm_address", {}),
    *[
        (
            "client_active",
            {
                "clients": [
                    {"id": number, "name": f"Max {number}", "path": f"/firm/1/accounts/{number}"}
                    for number in range(names)
                ],
                "more": more,
                "path": "/inbox",
            },
        )
        for names, more in ((1, 0), (2, 0), (20, 1), (20, 80))
    ],
    (
        "client_active",
        {"clients": [{"id": 1, "name": "Max"}], "more": 0, "path": "/firm/1/clients"},
    ),  # As older versions wrote it down.
    *[
        (
            "account_given",
            {
                "accounts": [
                    {"id": number, "name": f"Max {number}", "path": f"/firm/1/accounts/{number}"}
                    for number in range(names)
                ],
                "more": more,
                "by": "Erika Muster",
                "path": "/inbox",
            },
        )
        for names, more in ((1, 0), (2, 0), (20, 1), (20, 80))
    ],
    *[("sign_up_confirm", {"waits": waits}) for waits in (False, True)],
    *[
        (
            "sign_up_waits",
            {
                "sign_ups": [{"id": number, "name": f"Max {number}"} for number in range(names)],
                "more": more,
                "path": "/firm/1/sign-ups",
            },
        )
        for names, more in ((1, 0), (2, 0), (20, 1), (20, 80))
    ],
    ("sign_up_declined", {}),
    *[("already_client", {"client": client, "path": "/auth/login"}) for client in ("", "Beispiel & Co, Max")],
    ("case_taken_up", {"path": "/firm/1"}),
    ("access_changed", {"change": "ended"}),
    ("access_changed", {"change": "paused"}),
    ("access_changed", {"change": "resumed", "path": "/auth/login"}),
    *[
        (
            "people_silent",
            {
                "people": [
                    {"name": "Max Beispiel", "email": "max@beispiel.example", "reminders": n + 1, "step": step}
                    for n, step in enumerate(steps)
                ],
                "path": "/firm/1",
            },
        )
        for steps in (["clients"], ["clients"] * 3, ["caseworkers"], ["caseworkers"] * 2, ["caseworkers", "clients"])
    ],
    *[
        (
            "decisions_wait",
            {
                "firm": "",
                "path": "/board",
                "instead_of": absent,
                "questions": [
                    {"id": n, "kind": kind, "firm": FIRM, "days": n % 4, "path": "/board/cases/1", "why": why}
                    | {"last": n % 2 == 1, "reminders": 6 if why == "overdue" else 0}
                    for why, many in counts.items()
                    for n, kind in enumerate((["silent", "countersign", "advice"] * 20)[:many])
                ],
            },
        )
        for counts, absent in (
            ({"waiting": 1}, []),
            ({"new": 2}, ["b@convent-it.example"]),
            ({"overdue": 1}, ["b@convent-it.example"]),
            ({"overdue": 3, "new": 1, "waiting": 40}, []),
        )
    ],
    *CONTRACT,
    ("reset_password", {"firm": ""}),
    ("own_data", {"firm": ""}),
    *[
        ("operator_invited", {"firm": "", "manager": manager, "by": "a@convent-it.example"})
        for manager in (True, False)
    ],
    *[
        (
            "digest",
            {
                "firm": "",
                "path": "/board",
                "instead_of": [],
                "waiting": waiting,
                "wrong": wrong,
                "parties": {party.value: 3 for party in Party},
                "news": {"opened": 2, "finished": 1},
            },
        )
        for waiting, wrong in [
            (
                {"decisions": 3, "decisions_overdue": 1, "overdue": 4},
                {"bounced": 1, "mail_failed": 2, "stuck": 1, "events": 1},
            ),
            ({"decisions": 1}, {"bounced": 1}),
            ({}, {}),
        ]
    ],
]
LAPSES = {"what": "Vertrag", "why": "Er läuft noch.", "law": "§ 147 AO", "until": "1. Januar 2035"}
PRIVACY = [
    *[
        (
            "privacy_waits",
            {"who": "Max Beispiel", "wish": wish, "day": "28. Februar 2027", "days": days}
            | {"is_first": is_first, "left_by_firm": left, "path": "/firm/1/requests/1"},
        )
        for wish, days, is_first, left in (
            ("erasure", 30, True, False),
            ("correction", 7, False, False),
            ("erasure", -1, False, True),
        )
    ],
    (
        "privacy_stuck",
        {
            "who": "Max Beispiel",
            "why": "Eine Rechnung geht dorthin.",
            "day": "3. Mai 2027",
            "path": "/board/requests/1",
        },
    ),
    *[
        (
            "privacy_answered",
            {"outcome": outcome, "reason": "Zu viele.", "asked_on": "31. Januar 2027"}
            | {"day": "30. April 2027", "goes": ["Name und Adressen"], "stays": [LAPSES]},
        )
        for outcome in ("erasure", "correction", "refused", "later")
    ],
]
SUCCESSION = [
    *[
        (
            "succession_asked",
            {"owner": "Erika Muster", "stays": not instead, "by_provider": instead, "day": "15. März 2027"}
            | {"is_reminder": reminds},
        )
        for instead, reminds in ((False, False), (False, True), (True, False))
    ],
    *[
        (
            "succession_told",
            {"what": what, "owner": "Erika Muster", "successor": "Nina Neu", "stays": stays, "by_provider": instead}
            | {"to_owner": to == "owner", "to_successor": to == "successor", "day": "15. März 2027"}
            | {"reason": "Die Kanzlei wird anders geführt." if what == "begun" else ""},
        )
        for what, to, stays, instead in (
            *(("begun", "owner", True, False), ("begun", "owner", False, True)),
            *(("accepted", "owner", True, False), ("accepted", "owner", False, True)),
            *(("accepted", "successor", True, False), ("accepted", "", False, True)),
            *(("declined", "owner", True, False), ("run_out", "owner", True, False), ("moot", "owner", True, False)),
            *(("taken_back", "successor", True, False), ("taken_back", "owner", True, True)),
        )
    ],
]
CASES += PRIVACY + SUCCESSION
MUST = {
    **{kind: facts.keys() | {"firm"} for kind, facts in [*PRIVACY, *SUCCESSION]},
    **{kind: facts.keys() | {"firm"} for kind, facts in CONTRACT},
    "account_given": {"accounts", "by", "more", "path"},
    "confirm_address": {"firm"},
    "granted": {"client", "firm"},
    "preview": {"address", "client", "contact", "firm", "of", "path"},
    "access_changed": {"change", "path"},
    "agreement_declined": {"signer", "reason"},
    "agreement_done": {"signer", "countersigned_at"},
    "agreement_withdrawn": {"by", "reason", "sent_at", "sign_until_at", "who"},
    "client_active": {"clients", "more"},
    "company_id": {"alternatives", "granted", "preferred"},
    "decisions_wait": {"questions"},
    "digest": {"instead_of", "news", "parties", "waiting", "wrong"},
    "firm_changed": {"who", "changes", "path"},
    "invitation": {"firm"},
    "logo_found": {"website", "path"},
    "operator_invited": {"by", "manager"},
    "people_silent": {"people", "step", "path"},
    "register": {"role"},
    "sign_code": {"valid_until_at"},
    "sign_up_waits": {"sign_ups", "more", "path"},
    **{kind: {"firm"} for kind in ("sign_up_confirm", "sign_up_declined", "already_client")},
    "your_turn": {"missing", "step", "steps", "paths"},
}
"""What the product always writes down for a mail of a kind; whatever else it may say can be absent."""
NEVER_EMPTY = {"by", "step", "steps", "paths", "question", "role"}
"""Names out of a list, by which a mail takes its form. Moments (``…_at``) are moments."""
READERS = [("de", "sie"), ("de", "du"), ("fr", "sie"), ("en", "sie")]
TAKES_LINK = {
    *("operator_invited", "welcome", "register", "agreement", "invitation", "reset_password", "sign_up_confirm"),
    *("confirm_address", "own_data", "succession_asked"),
}
TO_STRANGERS = {"sign_up_confirm", "sign_up_declined"}
"""Mails to whoever registers with a firm, who is nobody there yet."""

TO_OPERATORS = {
    *("agreement_declined", "decisions_wait", "undo_asked", "vat_unconfirmed", "privacy_stuck"),
    *("operator_invited", "digest"),
}


def link(purpose: Purpose = Purpose.REGISTER) -> Link:
    return Link(id=1, purpose=purpose, generation=1, expires_at=now() + timedelta(days=14))


def row(kind: str, facts: dict, language: str = "de", form: str = "sie", **changes) -> Outgoing:
    columns = {
        "message_id": "<1234@convent-it.example>",
        "kind": MailKind(kind),
        "person_id": None if kind in TO_OPERATORS | TO_STRANGERS else 1,
        "to_name": "Erika Muster",
        "to_address": "erika@freitag.example",
        "language": Language(language),
        "address_form": AddressForm(form),
        "facts": {"firm": FIRM, "company_id": 861272, "logo": True, **facts},
    }
    return Outgoing(**columns | changes)


def mail(kind: str, facts: dict, language: str = "de", form: str = "sie", **changes) -> SimpleNamespace:
    """The mail as it arrives; the same one for all who ask for it on a day."""
    asked = repr((kind, facts, language, form, changes, now().date(), shared_settings()))
    if asked not in _arrived:
        _arrived[asked] = arrived(kind, facts, language, form, **changes)
    return _arrived[asked]


_arrived: dict[str, SimpleNamespace] = {}


def arrived(kind: str, facts: dict, language: str, form: str, **changes) -> SimpleNamespace:
    """Sent through bytes and read again."""
    code = Code(id=1, generation=1) if kind == "sign_code" else None
    written = write(row(kind, facts, language, form, **changes), link() if kind in TAKES_LINK else None, None, code)
    message = message_from_bytes(written.as_bytes(), policy=policy.default)
    return SimpleNamespace(
        message=message,
        subject=message["Subject"],
        text=message.get_body(("plain",)).get_content().replace("\r\n", "\n"),
        html=BeautifulSoup(message.get_body(("html",)).get_content(), "html.parser"),
    )


def test_every_kind_of_mail_is_tried_here():
    assert {kind for kind, _ in CASES} == set(MailKind)


@each("language, form", READERS)
@each("kind, facts", CASES)
def test_every_mail_is_whole(kind, facts, language, form):
    sent = mail(kind, facts, language, form)

    assert 10 < len(sent.subject) <= 200
    assert " ".join(sent.html.title.get_text().split()) == sent.subject
    assert sent.html.html["lang"] == language
    assert settings().provider_name in sent.text
    assert "erika@freitag.example" in sent.text  # Why it came, and whom to tell if it was not meant.
    assert "%(" not in sent.text
    assert "{{" not in sent.text
    assert not re.search(r"\bNone\b|Undefined|&amp;|<", sent.text)
    if kind in TAKES_LINK and not facts.get("waits"):
        assert link().url in sent.text
        assert sent.html.select_one("a.button")["href"] == link().url


def lacking(kind, facts):
    """The facts without each that may be absent, with each empty that may be empty, and without all of them."""
    whole = {"firm": FIRM, "company_id": 861272, "logo": True, **facts}
    optional = sorted(whole.keys() - MUST.get(kind, set()))
    for name in optional:
        yield {other: value for other, value in whole.items() if other != name}
    yield {name: value for name, value in whole.items() if name not in optional}
    for name, value in whole.items():
        if name not in NEVER_EMPTY and not name.endswith("_at"):
            yield whole | {name: type(value)()}
    yield {
        name: value if name in NEVER_EMPTY or name.endswith("_at") else type(value)() for name, value in whole.items()
    }


@pytest.fixture
def read_once(monkeypatch):
    """Most mails that lack something are the same page as one before: it is parsed, told as text and styled once."""

    def once(function):
        kept = {}
        return lambda page: kept[id(page)] if id(page) in kept else kept.setdefault(id(page), function(page))

    monkeypatch.setattr(form_letters, "BeautifulSoup", cache(BeautifulSoup))
    monkeypatch.setattr(form_letters, "as_text", once(form_letters.as_text))
    monkeypatch.setattr(form_letters, "_styled", once(form_letters._styled))


@pytest.mark.parametrize(("place", "kind", "facts"), [(place, *case) for place, case in enumerate(CASES)])
def test_every_mail_can_be_written_whatever_it_lacks(read_once, place, kind, facts):
    """What is read by all is one template: the cases of a kind take turns in who lacks what."""
    for few, (language, form) in zip(lacking(kind, facts), islice(cycle(READERS), place, None), strict=False):
        outgoing = row(kind, {}, language, form)
        outgoing.facts = few
        code = Code(id=1, generation=1) if kind == "sign_code" else None
        message = write(outgoing, link() if kind in TAKES_LINK else None, None, code)

        assert "None" not in message.get_body(("plain",)).get_content()


@each("language, form", READERS)
@each("kind, facts", CASES)
def test_no_mail_tells_on_its_reader_or_loads_from_elsewhere(kind, facts, language, form):
    sent = mail(kind, facts, language, form)

    pictures = [image["src"] for image in sent.html.find_all("img")]
    logo = [f"{settings().base_url}{public_logo(861272)}.png"] if kind in compose.FROM_FIRM else []
    assert pictures == logo
    for_dark = [source["srcset"] for source in sent.html.find_all("source")]
    assert for_dark == [address.replace(".png", "-dark.png") for address in logo]
    assert sent.html.find_all(["script", "link", "iframe", "form"]) == []
    assert "url(" not in str(sent.html)


@each("kind, facts", CASES)
def test_sie_and_du_are_never_mixed(kind, facts):
    formal, informal = mail(kind, facts, "de", "sie"), mail(kind, facts, "de", "du")

    words = r"\b(du|dir|dich|dein\w*|Du|Dein\w*)\b"
    assert not re.search(words, formal.text + formal.subject)
    assert not re.search(r"\b(Ihnen|Ihr\w*|können Sie|Sie)\b", informal.text.replace("Sie bleibt", ""))


CAPITALS = {"Sie", "Ihr", "Ihre", "Ihnen", "Unternehmen", "Entscheidungen", "Mandanten", "Sachbearbeiter", "Dateien"}


@each("form", ["sie", "du"])
@each("kind, facts", [case for case in CASES if case[0] != "digest"])  # It begins with a title.
def test_what_follows_a_german_greeting_goes_on_in_its_sentence(kind, facts, form):
    greeting, _, rest = mail(kind, facts, "de", form).text.partition("\n\n")
    first = re.match(r"\W*(\w+)", rest)[1]

    assert greeting.endswith(",")
    assert not first[0].isupper() or first in CAPITALS or f" {first}" in f" {facts} {FIRM}".replace("'", " ")


@pytest.mark.parametrize(("kind", "facts"), [case for case in CASES if case[1].get("count", 0) > 0])
def test_a_reminder_says_what_is_missing_why_how_long_and_whom_to_ask(kind, facts):
    sent = mail(kind, facts)

    assert sent.subject.startswith("Erinnerung:")
    ask = settings().provider_email if kind == "invitation" else settings().provider_phone[-7:]
    for part in ("Was fehlt:", "Wozu es gebraucht wird:", "Wie lange es dauert:", ask, "/later/"):
        assert part in sent.text


@pytest.mark.parametrize(
    ("kind", "facts"), [("agreement", SIGN_UNTIL), ("invitation", {"message": "", "invited_by": "e@freitag.example"})]
)
def test_reminders_change_their_tone(kind, facts):
    tones = {mail(kind, facts | {"count": count}).text.split("\n")[2] for count in (1, 2, 3)}

    assert len(tones) == 3


def test_the_welcome_names_provider_product_and_the_seven_steps():
    text = mail("welcome", {"company_id": None}).text

    assert settings().provider_name in text
    assert settings().product_name in text
    assert re.findall(r"^(\d)\. ", text, re.MULTILINE) == list("1234567")


def test_the_organiser_is_asked_to_wait_with_other_accounts_and_the_caseworker_is_not():
    assert "noch keine weiteren Accounts" in mail("register", {"role": "organiser", "count": 0}).text
    assert "keine weiteren" not in mail("register", {"role": "caseworker", "count": 0}).text


def test_an_invitation_comes_from_the_firm_and_answers_go_to_who_invites():
    sent = mail("invitation", {"message": "", "invited_by": "erika@freitag.example", "count": 0})

    (sender,) = sent.message["From"].addresses
    assert sender.display_name == f"{FIRM} über Provision"
    assert sender.addr_spec == settings().provider_email
    (answer,) = sent.message["Reply-To"].addresses
    assert answer.addr_spec == "erika@freitag.example"


@pytest.mark.parametrize("kind", ["already_client", "sign_up_confirm", "sign_up_declined"])
def test_what_comes_of_registering_with_a_firm_is_signed_by_the_firm(kind):
    sent = mail(kind, {"client": "", "waits": False})

    (sender,) = sent.message["From"].addresses
    assert sender.display_name == f"{FIRM} über Provision"
    assert f"Mit freundlichen Grüßen\n{FIRM}" in sent.text
    assert "Betreiber" not in sent.text.replace("wird von", "")


def test_whoever_registers_is_sent_to_confirm_it_and_whoever_has_done_so_nowhere():
    asked = mail("sign_up_confirm", {"waits": False})
    done = mail("sign_up_confirm", {"waits": True})

    assert asked.html.select_one("a.button")["href"] == link().url
    assert done.html.select("a.button") == []


def test_the_personal_message_is_plain_text():
    message = "Zeile eins\nhttp://böse.example <a href='http://x.example'>klick</a> <img src=x>"
    sent = mail("invitation", {"message": message, "invited_by": "Erika Muster", "count": 0})

    quote = sent.html.blockquote
    assert quote.find_all(["a", "img"]) == []
    assert "<a href='http://x.example'>klick</a>" in quote.get_text()
    assert "> Zeile eins\n> http://böse.example" in sent.text


@pytest.mark.parametrize(
    ("name", "form", "greeting"),
    [
        ("Erika Muster", "sie", "Guten Tag Erika Muster,"),
        ("Erika Muster", "du", "Hallo Erika,"),
        ("Muster", "sie", "Guten Tag Muster,"),
        ("Muster", "du", "Hallo,"),
        ("", "sie", "Guten Tag,"),
        ("", "du", "Hallo,"),
    ],
)
def test_people_are_greeted_by_the_name_that_is_known(name, form, greeting):
    sent = mail("client_active", {"clients": [{"id": 1, "name": "Max"}], "more": 0}, "de", form, to_name=name)

    assert sent.text.startswith(greeting)


def test_the_digest_names_every_party_that_is_waited_for():
    facts = next(facts for kind, facts in CASES if kind == "digest")

    links = {a["href"].rpartition("waiting_for=")[2] for a in mail("digest", facts).html.select("a[href*=waiting_for]")}
    assert links == set(Party)


def test_headers_mark_the_mail_as_sent_by_a_program():
    message = mail("client_active", {"clients": [{"id": 1, "name": "Max"}], "more": 0}).message

    assert message["Message-ID"] == "<1234@convent-it.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Date"].datetime is not None
    assert message["List-Unsubscribe"] is None


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=200)


def test_each_button_of_a_mail_about_several_things_leads_to_its_own_page():
    steps = ["details", "logo"]
    turns = mail(
        "your_turn",
        {
            "steps": steps,
            "paths": {one: f"/firm/1/{one}" for one in steps},
            "missing": ["land"],
            "count": 1,
            "path": "/firm/1",
        },
    )
    people = [
        {"name": "M", "email": "m@b.example", "reminders": 1, "step": step} for step in ("caseworkers", "clients")
    ]
    silent = mail("people_silent", {"people": people, "path": "/firm/1"})

    leads = [
        [one["href"].rpartition("/firm/")[2] for one in written.html.select("a.button")] for written in (turns, silent)
    ]
    assert leads == [["1/details", "1/logo"], ["1/clients", "1/caseworkers"]]


@given(name=NAMES, firm=NAMES)
def test_no_name_can_break_out_of_a_header(name, firm):
    outgoing = row("invitation", {"firm": firm, "message": name, "invited_by": name, "count": 0}, to_name=name)
    message = message_from_bytes(write(outgoing, link()).as_bytes(), policy=policy.default)

    assert message["Bcc"] is None
    assert [address.addr_spec for address in message["To"].addresses] == ["erika@freitag.example"]
    assert [address.addr_spec for address in message["From"].addresses] == [settings().provider_email]
    assert len(message["Subject"]) <= 200
    assert message.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize("name", ['Müller & "Söhne", GmbH', "Evil\r\nBcc: all@elsewhere.example", "日本 <x@y.example>"])
def test_strange_names_arrive_as_they_are_on_one_line(name):
    message = mail("client_active", {"clients": [{"id": 1, "name": "Max"}], "more": 0}, to_name=name).message

    (to,) = message["To"].addresses
    assert to.display_name == " ".join(name.split())
    assert message["Bcc"] is None


def test_an_encoded_word_that_somebody_types_is_text_in_every_header():
    typed = "Zed =?utf-8?b?4oCu?= =?utf-8?q?x=0D=0ABcc:_all=40elsewhere.example?= ==?y"
    facts = {"firm": typed, "message": "", "invited_by": typed, "reply_to": "jan@freitag.example", "count": 0}
    written = write(row("invitation", facts, to_name=typed), link()).as_bytes()
    message = message_from_bytes(written, policy=policy.default)

    said = typed.replace("=?", "= ?")
    assert [one.display_name for one in message["To"].addresses] == [said]
    for header in ("Subject", "From"):  # Where a long one is folded, readers may see a blank.
        assert "".join(said.split()) in "".join(str(message[header]).split())
    assert all(str(value).isprintable() for value in message.values())
    assert message["Bcc"] is None


def test_an_address_with_umlauts_in_its_domain_is_written_as_mail_servers_take_it():
    message = mail(
        "client_active", {"clients": [{"id": 1, "name": "Max"}], "more": 0}, to_address="info@müller.example"
    ).message

    (to,) = message["To"].addresses
    assert to.addr_spec == "info@xn--mller-kva.example"


@pytest.mark.parametrize("name", ["Vertrag Müller & Söhne „neu“.pdf", 'a"b\r\nX: y.pdf', "../../etc/passwd"])
def test_the_attachment_keeps_its_name_and_content(name):
    document = Document(name=name, media_type="application/pdf", content=b"%PDF-1.7")
    written = write(row("agreement", SIGN_UNTIL), link(), document)
    (attachment,) = message_from_bytes(written.as_bytes(), policy=policy.default).iter_attachments()

    assert attachment.get_content() == b"%PDF-1.7"
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_filename() == " ".join(name.split()).replace("/", "-")


def test_a_mail_that_asks_or_tells_something_of_a_page_leads_there():
    """Without a link of its own it needs the page's path, or its button is not drawn."""
    case_id = factories.with_client()
    factories.registered("max@beispiel.example", Purpose.ACTIVATE)
    wish = factories.opened("test:2", preferred_number="861272")
    factories.advance(wish)
    factories.decide(wish, "refuse")
    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.link_id.is_(None), Outgoing.person_id.is_not(None)))
        pages = {mail.kind: write(mail).get_body(("html",)).get_content() for mail in mails}

    firm, wisher = (f'href="{settings().base_url}/firm/{factories.firm_of(one)}' for one in (case_id, wish))
    assert f'{firm}"' in pages[MailKind.AGREEMENT_DONE]
    assert f'{firm}/accounts/1"' in pages[MailKind.CLIENT_ACTIVE]
    assert f'{wisher}/details"' in pages[MailKind.COMPANY_ID]


ODD = {
    "to_name": '=?utf-8?q?x?= Jörg "Ö" <b>Groß</b> & Söhne \\1 %(name)s {{ name }}, Straße ' + "lang " * 20,
    "to_address": "joerg.gross+x@kunde.example",
}
WORDS = {
    "message": ".\n..zwei Punkte\n\n  Größe: 5 = 2 + 3  \n" + "x" * 300 + "\n– Ende\t mit   Blanks ",
    "invited_by": "Erika <Muster>",
    "reply_to": "erika@freitag.example",
    "count": 1,
    "client": "A &\r.\rB",
}


@each("kind, facts", [*CASES, ("invitation", WORDS), ("granted", WORDS)])
def test_what_goes_over_the_line_is_the_mail_that_is_written(kind, facts):
    code = Code(id=1, generation=1) if kind == "sign_code" else None
    mail = row(kind, facts, "de", "sie", **ODD)

    message = message_from_bytes(write(mail, link(), None, code).as_bytes(), policy=policy.default)
    line = write_out(mail, link(), code)
    sent = message_from_bytes(line, policy=policy.default)

    lines = [one for one in line.split(b"\r\n") if not one.startswith(b"List-Unsubscribe: ")]  # Cannot be folded.
    assert max(map(len, lines)) <= 78
    assert line.isascii()
    assert not {*b"\r\n"} & {*line.replace(b"\r\n", b"")}
    assert sent.defects == []
    assert {name: sent[name] for name in message if name not in {"Content-Type", "Date"}} == {
        name: value for name, value in message.items() if name not in {"Content-Type", "Date"}
    }
    for part in ("plain", "html"):
        ours, theirs = sent.get_body((part,)), message.get_body((part,))
        assert ours.get_content().splitlines() == theirs.get_content().splitlines()


@each("kind, facts", CASES)
def test_a_form_letter_says_to_each_reader_what_a_mail_of_their_own_would(kind, facts):
    """The second is filled in where the first was rendered."""
    compose._form.cache_clear()
    first = row(kind, facts, "de", "du", to_name="Max Beispiel", to_address="max@kunde.example")
    second = row(kind, facts, "de", "du", **ODD)
    code, to = Code(id=1, generation=1) if kind == "sign_code" else None, link()
    compose._letter(first, to, code, redacted=False)

    filled = compose._letter(second, to, code, redacted=False)

    assert compose._form.cache_info().hits == 1
    compose._form.cache_clear()
    assert filled == compose._letter(second, to, code, redacted=False)
    assert "max@kunde.example" not in str(filled)


def test_whoever_writes_a_gap_gets_it_as_it_is_written():
    gaps = {"message": "\ue000link\ue001 " + form_letters.gap("link")[:-1], "invited_by": "x"}
    sent = mail("invitation", gaps)

    assert sent.text.count(link().url) == 1


def test_one_click_ends_reminders_and_nothing_else_offers_it():
    """RFC 8058; an invitation answers to what the firm has asked, and comes once."""
    words = {"message": "", "invited_by": "erika@freitag.example"}
    reminder = mail("invitation", words | {"count": 1}).message
    offering = [kind for kind, facts in CASES if mail(kind, facts).message["List-Unsubscribe"]]

    assert re.fullmatch(r"<http\S+/unsubscribe/1-[\w-]{43}>", reminder["List-Unsubscribe"])
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail("invitation", words | {"count": 0}).message["List-Unsubscribe"] is None
    assert set(offering) <= {"invitation"}
