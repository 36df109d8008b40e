"""What is agreed with one firm alone: a new version of the agreement contains what its mail says."""

import json
import re

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from models.audit import trail
from models.db import reading
from models.decision import Decision
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.people.manners import AddressForm, Language
from models.queries.casefile import case_detail
from models.subscription import DiscountInvalid, NoticeInvalid, PriceInvalid
from tasks.agreement import export, responses, viewing
from tasks.agreement.viewing import signer_of
from tasks.intake.decision_forms import form_of, take_answer
from tasks.mail.compose import write
from tasks.onboarding import invitations, stopping
from tests.factories import (
    advance,
    agreement,
    concluded,
    decide,
    everything,
    opened,
    registered,
    token,
    with_organiser,
)

ERIKA = "erika@freitag.example"
CLAUSE = "Im ersten Jahr ist die Schulung enthalten.\nDer Preis gilt bis Ende 2028."
SAID = {"price": "147,00", "discount": "12,5", "notice": "3 Monate", "clause": CLAUSE}


def declined(language="de"):
    case_id = opened(language=language)
    advance(case_id)
    registered(language=Language(language), address_form=AddressForm.SIE)
    advance(case_id)
    responses.decline(token(ERIKA, Purpose.AGREEMENT), "zu teuer")
    advance(case_id)
    return case_id


def new_version(case_id, **said):
    decide(case_id, "resend", **said)
    advance(case_id)


def mail():
    """The text of the newest mail with an agreement, in one line."""
    with reading() as session:
        row = session.scalars(select(Outgoing).where(Outgoing.kind == "agreement").order_by(Outgoing.id)).all()[-1]
        message = write(row, session.get_one(Link, row.link_id))
    return " ".join(re.sub("^> ", "", message.get_body(("plain",)).get_content(), flags=re.MULTILINE).split())


def part(key):
    shown = viewing.opened(token(ERIKA, Purpose.AGREEMENT)).parts
    html = next(one.html for one in shown if one.key == key)
    return " ".join(BeautifulSoup(str(html), "html.parser").get_text(" ").split())


def plain(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("language", "price", "discount", "notice", "in_terms"),
    [
        ("de", "128,63 €", "12,5 %", "3 Monate", "einer Frist von 3 Monaten"),
        ("en", "€128.63", "12.5%", "3 months", "with 3 months’ notice"),
        ("fr", "128,63 €", "12,5 %", "3 mois", "un préavis de 3 mois"),
    ],
)
def test_a_new_version_contains_what_its_mail_says(language, price, discount, notice, in_terms):
    case_id = declined(language)

    new_version(case_id, **SAID)

    told, cover = mail(), part("cover")
    for said in (price, discount, notice, plain(CLAUSE)):
        assert said in told
        assert said in cover
    assert in_terms in part("terms")


@pytest.mark.parametrize("name", SAID)
def test_the_mail_tells_what_has_changed_and_nothing_else(name):
    case_id = declined()

    new_version(case_id, **{name: SAID[name]})

    told = {
        "price": "Nettopreis je Abrechnungszeitraum 147,00 €",
        "discount": "Rabatt, im Preis enthalten 12,5 %",
        "notice": "Kündigungsfrist 3 Monate",
        "clause": plain(CLAUSE),
    }
    found = {one for one, text in told.items() if text in mail()}
    assert found == {name}


def test_what_is_only_a_note_is_called_one_and_stands_in_no_agreement():
    case_id = declined()

    new_version(case_id, note="Wie besprochen: zehn Prozent weniger.")

    assert "hier ist eine neue Fassung unseres Vertrags. Unsere Anmerkung dazu: Wie besprochen" in mail()
    assert not [key for key in ("cover", "terms") if "besprochen" in part(key)]


def test_what_was_agreed_stays_in_further_versions_until_it_is_agreed_otherwise():
    case_id = declined()
    new_version(case_id, **SAID)
    responses.decline(token(ERIKA, Purpose.AGREEMENT), "immer noch")
    advance(case_id)

    new_version(case_id, clause="-", discount="0")

    assert "Die Vereinbarung aus der vorigen Fassung entfällt." in mail()
    assert "Rabatt, im Preis enthalten kein Rabatt" in mail()
    assert "Kündigungsfrist 3 Monate zum Ende" in part("cover")
    assert "Schulung" not in part("cover")
    assert agreement(case_id).data["price_cents"] == 14700


@pytest.mark.parametrize(
    ("said", "refusal"),
    [({"price": "zehn"}, PriceInvalid), ({"discount": "200"}, DiscountInvalid), ({"notice": "bald"}, NoticeInvalid)],
)
def test_what_cannot_be_read_leaves_the_question_open_and_everything_as_it_was(said, refusal):
    case_id = declined()
    before = everything()

    with pytest.raises(refusal):
        decide(case_id, "resend", **SAID | said)

    assert everything() == before


def test_what_is_agreed_is_in_the_trail_on_the_case_and_in_what_is_handed_over(tmp_path):
    case_id = declined()
    decide(case_id, "resend", **SAID)
    concluded(case_id)

    with reading() as session:
        (entry,) = [one for one in trail(session, case_id) if one.action == "subscription.agreed"]
        line = case_detail(session, case_id).subscription
    assert entry.actor == "operator@convent-it.example"
    assert (entry.facts["before"]["price_cents"], entry.facts["after"]["price_cents"]) == (17700, 12863)
    assert entry.facts["after"]["clause"] == line.clause == CLAUSE
    assert (line.full_cents, line.discount, line.notice_count, line.notice_unit) == (14700, 1250, 3, "months")
    (exported,) = export.export(tmp_path)
    data = json.loads((exported.folder / "agreement.json").read_text())
    assert (data["price_cents"], data["notice_count"], data["clause"]) == (12863, 3, CLAUSE)


def test_the_form_in_prefect_asks_for_it_and_says_what_is_wrong():
    case_id = declined()
    with reading() as session:
        (question,) = Decision.pending(session, case_id)
    fields = form_of.fn(question.id).model.model_fields
    assert {"price", "discount", "notice", "clause"} <= fields.keys()

    said = {"verdict": "resend", "note": "", "plan": "unverändert", "interval": "unverändert"}
    assert "“bald”" in take_answer.fn(question.id, "run-1", said | {"notice": "bald"})
    assert take_answer.fn(question.id, "run-2", said | {"notice": "6 Wochen"}) == ""
    advance(case_id)

    assert (agreement(case_id).data["notice_count"], agreement(case_id).data["notice_unit"]) == (6, "weeks")


def test_a_clause_is_shown_as_it_was_written_and_never_as_markup():
    case_id = declined()

    new_version(case_id, clause="<b>fett</b> & {{ data.number }}")

    assert "<b>fett</b> & {{ data.number }}" in part("cover")
    assert "<b>fett</b> & {{ data.number }}" in mail()


def test_a_first_agreement_says_nothing_of_what_was_not_agreed():
    with_organiser()

    assert "Individuell vereinbart" not in part("cover")
    assert "mit einer Frist von einem Monat" in part("terms")


def test_a_new_version_that_is_mailed_again_says_the_same_terms(clock):
    case_id = declined()
    new_version(case_id, **SAID)
    terms = re.search(r"was wir neu vereinbart haben: (.+?) Bitte lesen", mail())[1]
    assert CLAUSE.split("\n", maxsplit=1)[0] in terms
    stopping.stop_case(case_id, "x", "operator@convent-it.example")

    stopping.take_up(case_id, "operator@convent-it.example")
    assert terms in mail()
    clock(hours=1)
    invitations.resend(signer_of(case_id), "operator@convent-it.example")
    assert terms in mail()
