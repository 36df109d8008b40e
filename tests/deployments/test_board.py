import asyncio
import html
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from httpx import ASGITransport, AsyncClient
from PIL import Image
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from sqlalchemy import select

from deployments.web import labels
from deployments.web.app import app
from deployments.web.pages import operators
from models.audit import Entry, record
from models.contracts.plans import plan_prices
from models.db import reading, transaction
from models.decision import VERDICTS, AnsweredAlready, Decision, DecisionKind, Verdict
from models.document import Document
from models.inbox import MOST_ATTEMPTS, Incoming
from models.link import Link, Purpose
from models.logo import Logo, LogoPermission, LogoReport
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.person import Role
from models.queries.board import CaseState, board
from models.queries.casefile import MailState, case_detail
from models.settings import settings
from models.subscription import Change, Subscription
from models.time.clock import now
from tasks.agreement import responses
from tasks.intake import decision_effects
from tasks.intake.events import handle_events
from tasks.mail.address_holds import bounced, given_up
from tasks.onboarding import stopping
from tests import factories
from tests.deployments.browser import entries
from tests.remembered import remembered
from tests.signing import digitally_signed, scanned, trust_roots

pytestmark = pytest.mark.usefixtures("no_runs")

BASE = settings().base_url


class Browser:
    """Keeps cookies, fills in forms, runs no scripts.

    Signed in with *session*, if one is given; if that is a function, not before the first page is asked for.
    """

    def __init__(self, session=None):
        self.session, self.cookies = session, {}

    def ask(self, method, path, **what):
        if self.session:
            self.cookies["session"] = self.session() if callable(self.session) else self.session
            self.session = None

        async def asked():
            async with AsyncClient(transport=ASGITransport(app), base_url=BASE, cookies=self.cookies) as http:
                answer = await http.request(method, path, **what)
                self.cookies = {one.name: one.value for one in http.cookies.jar}
                return answer

        return asyncio.run(asked())

    def get(self, path):
        return self.ask("GET", path)

    def send(self, page, path, **fields):
        """Send the form with this address that *page* shows, filled in."""
        shown = self.get(page).text
        form = re.search(rf'<form method="post" action="{re.escape(path)}".*?</form>', shown, re.DOTALL)[0]
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        return self.ask("POST", path, data=hidden | fields)


def text(answer):
    """What a person reads on the page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.fixture
def operator():
    return Browser(factories.operator)


@remembered
def advised():
    case_id = factories.opened(plan=None, interval=None, question="Reicht „Basic“ für <vier> Personen?")
    factories.advance(case_id)
    return case_id


def open_decision(case_id):
    with reading() as session:
        (decision,) = Decision.pending(session, case_id)
        return decision.id


@pytest.mark.parametrize(
    "path", ["/board", "/board/start", "/board/countersign", "/board/cases/1", "/board/cases/1/documents/1"]
)
def test_the_board_is_for_operators_only(path):
    factories.with_organiser()
    stranger, organiser = Browser(), Browser(factories.sessions.sign_in("erika@freitag.example", factories.PASSWORD))

    assert stranger.get(path).headers["location"] == f"/auth/login?next={path}"
    assert organiser.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/board/start",
        "/board/decisions/1",
        "/board/countersign",
        "/board/cases/1/agreement/withdraw",
        "/board/cases/1/agreement/resend",
    ],
)
def test_nothing_is_sent_to_the_board_by_others_or_from_elsewhere(path, operator):
    case_id = advised()
    token = {"form_token": re.search(r'name="form_token" value="([^"]+)"', operator.get("/board/start").text)[1]}

    assert operator.ask("POST", path, data={}).status_code == 403
    assert Browser().ask("POST", path, data=token).status_code == 403
    assert open_decision(case_id)


def test_the_board_shows_what_is_to_be_decided_and_where_each_case_stands(operator):
    case_id = advised()

    told = text(operator.get("/board"))

    assert "Offene Entscheidungen 1" in told
    assert "Beratung zum Abonnement Anwaltskanzlei Freitag & Kollegen" in told
    assert "1 Das passende Abonnement – Anbieter, seit" in told
    assert f"/board/cases/{case_id}#decision-{open_decision(case_id)}" in operator.get("/board").text


def test_an_empty_board_says_so(operator):
    assert "Nichts wartet auf Ihre Entscheidung." in text(operator.get("/board"))
    assert "Es gibt noch keinen Vorgang." in text(operator.get("/board"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=FREITAG", True),
        ("search=nobody", False),
        ("line_of_business=law", True),
        ("line_of_business=tax", False),
        ("waiting_for=operator", True),
        ("waiting_for=client", False),
        ("step=subscription&search=freitag", True),
        ("step=agreement", False),
        ("state=open&page=99", True),
        ("state=stopped", False),
        ("state=nonsense&step=%00&page=-1&line_of_business=", True),
        ("page=" + "9" * 30, True),
        ("page=%C2%B2", True),
    ],
)
def test_what_is_looked_for_stands_in_the_address(operator, query, found):
    advised()

    answer = operator.get(f"/board?{query}")

    assert answer.status_code == 200
    assert ("1 Vorgang" in text(answer)) is found


def test_a_case_shows_people_documents_mails_and_what_happened_but_nobodys_link(operator):
    case_id = factories.with_client(website="www.freitag.example", logo_permission_by="Erika Muster")

    answer = operator.get(f"/board/cases/{case_id}")

    told = text(answer)
    for words in (
        *("Max Beispiel", "Erika Muster", "Unterzeichnet von Erika Muster", "Einladung eines Mandanten", "wartet"),
        *("Vertrag vom Unternehmen unterzeichnet", "Mandanten benannt: Max Beispiel", "https://www.freitag.example"),
        "Vertrag gegenzeichnen – ",
    ):
        assert words.replace(" :", ":") in told.replace(" :", ":"), words
    with transaction() as session:
        for link in session.scalars(select(Link)):
            assert link.token not in answer.text


def test_the_agreement_of_a_case_can_be_read(operator):
    case_id = factories.signed()

    (path,) = set(re.findall(r'href="(/board/cases/\d+/documents/\d+)"', operator.get(f"/board/cases/{case_id}").text))
    answer = operator.get(path)

    assert answer.content.startswith(b"%PDF")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=utf-8''")
    assert operator.get(f"/board/cases/{case_id}/documents/999").status_code == 404
    assert operator.get("/board/cases/999").status_code == 404


def test_advice_is_written_down_and_confirms_the_plan_once(operator):
    case_id = advised()
    page, path, field = (
        f"/board/cases/{case_id}",
        f"/board/decisions/{open_decision(case_id)}",
        f"d{open_decision(case_id)}-",
    )
    shown = operator.get(page)
    said = {f"{field}plan": "premium", f"{field}interval": "yearly", f"{field}note": "Für vier genügt Premium."}
    token = {"form_token": re.search(r'name="form_token" value="([^"]+)"', shown.text)[1]}

    incomplete = operator.send(page, path, verdict="agreed", **{f"{field}note": "Noch offen"})
    answered = operator.send(page, path, verdict="agreed", **said)
    again = operator.ask("POST", path, data=token | said | {"verdict": "agreed", f"{field}plan": "basic"})

    assert "Reicht „Basic“ für <vier> Personen?" in text(shown)
    assert (incomplete.status_code, "Noch offen" in incomplete.text) == (422, True)
    assert f'href="#{field}plan"' in incomplete.text
    assert (answered.status_code, answered.headers["location"]) == (303, f"{page}?said=answered")
    assert again.status_code == 409
    assert "bereits entschieden" in text(again)
    with reading() as session:
        told = case_detail(session, case_id)
    assert (told.subscription.plan, told.subscription.advice) == ("premium", "Für vier genügt Premium.")
    assert [one.answered_by for one in told.decisions] == ["operator@convent-it.example"]
    assert "Ihre Entscheidung ist festgehalten." in text(operator.get(answered.headers["location"]))


def test_an_answer_that_does_not_fit_the_question_changes_nothing(operator):
    case_id = advised()
    page = f"/board/cases/{case_id}"

    for verdict in ("grant", "", "x" * 5000):
        answer = operator.send(page, f"/board/decisions/{open_decision(case_id)}", verdict=verdict)
        assert answer.status_code == 422


def test_a_preferred_number_is_shown_with_alternatives_and_granted(operator):
    case_id = factories.opened(preferred_number="861272")
    factories.advance(case_id)
    page = f"/board/cases/{case_id}"

    told = text(operator.get(page))
    operator.send(page, f"/board/decisions/{open_decision(case_id)}", verdict="grant")

    assert "wünscht sich 861272 ." in told
    assert "861271" in told
    with reading() as session:
        assert case_detail(session, case_id).case.company_id == 861272


def test_a_bad_address_is_corrected_and_a_wrong_one_told_at_its_field(operator):
    case_id = factories.opened()
    factories.advance(case_id)
    with transaction() as session:
        bounced(session, session.scalars(select(Outgoing)).first(), "550 <unknown>", now())
    page, path, field = (
        f"/board/cases/{case_id}",
        f"/board/decisions/{open_decision(case_id)}",
        f"d{open_decision(case_id)}-",
    )

    told = text(operator.get(page))
    wrong = operator.send(page, path, verdict="correct", **{f"{field}address": "erika@"})
    operator.send(page, path, verdict="correct", **{f"{field}address": "erika.muster@freitag.example"})

    assert "Der Mailserver meldet: 550 <unknown>" in told
    assert (wrong.status_code, f'href="#{field}address"' in wrong.text) == (422, True)
    with reading() as session:
        people = case_detail(session, case_id).people
    assert [one.email for one in people if one.role is Role.ORGANISER] == ["erika.muster@freitag.example"]


WHOLE = {
    "firm_name": "Steuerbüro „Über“ & Söhne",
    "line_of_business": "tax",
    "website": "www.ueber.example",
    "postcode": "80331",
    "land": "BY",
    "plan": "plus",
    "interval": "quarterly",
    "organiser_name": "Erika Muster",
    "organiser_email": "erika@ueber.example",
    "contact_name": "Otto Sommer",
    "contact_email": "otto@ueber.example",
    "caseworkers": "Mira Kowalski; mira@ueber.example\nJan Vogel <jan@ueber.example>",
    "logo_permission_by": "Erika Muster",
    "language": "fr",
    "address_form": "du",
}


def test_a_firm_that_has_a_case_is_opened_again_only_on_purpose(operator):
    known = operator.send("/board/start", "/board/start", **WHOLE).headers["location"]

    warned = operator.send("/board/start", "/board/start", **WHOLE)
    page = BeautifulSoup(warned.text, "lxml")
    assert warned.status_code == 409
    assert page.select_one(f"main a[href='{known}']")
    assert page.select_one("[name=firm_name]")["value"] == WHOLE["firm_name"]

    form = entries(page.select_one("main form"))
    second = operator.ask("POST", "/board/start", data=form | {"again": "yes"})
    assert second.status_code == 303
    assert second.headers["location"] != known


def test_an_operator_opens_a_case_with_all_there_is_to_say(operator):
    answer = operator.send("/board/start", "/board/start", **WHOLE)

    assert answer.status_code == 303
    with reading() as session:
        case_id = int(answer.headers["location"].rpartition("/")[2])
        told = case_detail(session, case_id)
        opened = select(Entry).where(Entry.action == "case.opened", Entry.case_id == case_id)
        actor = session.scalars(opened).one().actor
    assert (told.case.firm, told.website, told.land) == ("Steuerbüro „Über“ & Söhne", "https://www.ueber.example", "BY")
    assert [(one.role.value, one.name, one.language.value) for one in told.people] == [
        ("organiser", "Erika Muster", "fr"),
        ("contact", "Otto Sommer", "fr"),
        ("caseworker", "Mira Kowalski", "fr"),
        ("caseworker", "Jan Vogel", "fr"),
    ]
    assert told.logo_permission.granted_by == "Erika Muster"
    assert actor == "operator@convent-it.example"


def test_a_double_click_opens_one_case(operator):
    shown = operator.get("/board/start").text
    hidden = dict(re.findall(r'<input type="hidden" name="(form_token|request_key)" value="([^"]*)"', shown))

    told = [operator.ask("POST", "/board/start", data=hidden | WHOLE) for _ in range(3)]

    assert len({answer.headers["location"] for answer in told}) == 1
    with reading() as session:
        assert len(session.scalars(select(Onboarding)).all()) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"firm_name": " "}, "firm_name"),
        ({"firm_name": "x" * 201}, "firm_name"),
        ({"line_of_business": ""}, "line_of_business"),
        ({"line_of_business": "fishing"}, "line_of_business"),
        ({"line_of_business": "other"}, "business"),
        ({"website": "htp:/x"}, "website"),
        ({"website": ""}, "website"),
        ({"postcode": "8033"}, "postcode"),
        ({"land": "XX"}, "land"),
        ({"preferred_number": "12"}, "preferred_number"),
        ({"interval": ""}, "interval"),
        ({"organiser_name": ""}, "organiser_name"),
        ({"organiser_email": "erika"}, "organiser_email"),
        ({"contact_name": ""}, "contact_name"),
        ({"contact_email": ""}, "contact_email"),
        ({"caseworkers": "Mira Kowalski"}, "caseworkers"),
        ({"caseworkers": "mira@ueber.example"}, "caseworkers"),
        ({"question": "x" * 2001}, "question"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(operator, changes, field):
    answer = operator.send("/board/start", "/board/start", **(WHOLE | changes))

    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert "otto@ueber.example" in answer.text or "contact_email" in changes
    assert "Bitte prüfen" in answer.text
    with reading() as session:
        assert session.scalars(select(Onboarding)).all() == []


def test_every_kind_of_thing_has_words():
    assert set(labels.MAILS) == set(MailKind)
    assert set(labels.STATES) == set(CaseState)
    assert set(labels.MAIL_STATES) == set(MailState)
    assert set(labels.ANSWERS) == {(kind, verdict) for kind, verdicts in VERDICTS.items() for verdict in verdicts}
    recorded = {
        action
        for file in Path(__file__).parents[2].glob("tasks/**/*.py")
        for action in re.findall(r'record\([^")]*(?:\([^)]*\))?[^")]*"([a-z_]+\.[a-z_]+)"', file.read_text())
    }
    assert len(recorded) > 15
    assert recorded <= set(labels.ACTIONS) | set(operators.ACTIONS)


def test_an_operator_has_a_given_up_event_tried_again():
    with transaction() as session:
        Incoming.store(session, "webhook", "evt_given_up", "agreement.signed", {}, now())
        Incoming.by_external_id(session, "webhook", "evt_given_up").attempts = MOST_ATTEMPTS
    operator = Browser(factories.operator())
    assert "Nicht verarbeitet 1" in text(operator.get("/board"))

    operator.send("/board", "/board/events/1")

    assert "Nicht verarbeitet" not in text(operator.get("/board"))


def test_what_a_rule_refused_of_another_system_is_told_and_settled():
    with transaction() as session:
        told = {"company_id": 999999, "version": 1, "signer": "Erika"}
        Incoming.store(session, "webhook", "evt_refused", "agreement.signed", told, now())
    handle_events.fn()
    operator = Browser(factories.operator())
    assert "999999" in text(operator.get("/board"))

    operator.send("/board", "/board/events/1")  # Nothing was mended: it is refused again.
    handle_events.fn()
    assert "999999" in text(operator.get("/board"))

    token = re.search(r'name="form_token" value="([^"]*)"', operator.get("/board").text)[1]
    operator.ask("POST", "/board/events/1/dismiss", data={"form_token": token})
    assert "999999" not in text(operator.get("/board"))


def test_a_mail_that_cannot_be_delivered_is_shown_with_what_the_server_said(operator):
    case_id = factories.opened()
    factories.advance(case_id)
    with transaction() as session:
        mail = session.scalars(select(Outgoing)).first()
        mail.failed_at, mail.fault = now(), "552 5.3.4 too large"
        given_up(session, mail, now())

    shown = operator.get(f"/board/cases/{case_id}")

    assert "552 5.3.4 too large" in text(shown)
    assert "Noch einmal senden" in text(shown)


# ---- a signed copy beside the original


def copy_came_back(content):
    case_id = factories.with_organiser()
    link = factories.token("erika@freitag.example", Purpose.AGREEMENT)
    responses.upload(link, content, "Scan <1>.pdf", ip="127.0.0.1", agent="x")
    factories.advance(case_id)
    return case_id


def test_a_scan_is_shown_page_by_page_beside_the_original(operator):
    case_id = copy_came_back(scanned(2))

    shown = operator.get(f"/board/cases/{case_id}")

    assert "Sie trägt keine digitale Signatur" in text(shown)
    assert "Sie hat weniger Seiten" in text(shown)
    assert "Eine Seite 3 kam nicht zurück." in text(shown)
    pictures = re.findall(r'<img src="([^"]+/pages/[^"]+)" alt="([^"]+)" width="640"', shown.text)
    assert [alt for _, alt in pictures][:3] == [
        "Zurückgekommen: Seite 1 von 2",
        "Original: Seite 1 von 4",
        "Zurückgekommen: Seite 2 von 2",
    ]
    assert shown.text.count('loading="lazy"') == len(pictures) == 6
    picture = operator.get(pictures[0][0])
    assert picture.headers["content-type"] == "image/png"
    assert "immutable" in picture.headers["cache-control"]
    assert Image.open(BytesIO(picture.content)).width == 640
    assert Image.open(BytesIO(operator.get(f"{pictures[1][0]}?width=99999").content)).width == 1600


def test_a_digital_signature_in_doubt_is_shown_with_what_its_certificate_says(operator):
    case_id = factories.with_organiser()
    with reading() as session:
        content = session.get_one(Document, factories.agreement(case_id).document_id).content
    link = factories.token("erika@freitag.example", Purpose.AGREEMENT)
    copy = digitally_signed(content, "Karl <Anders>")
    responses.upload(link, copy, "Vertrag.pdf", ip="127.0.0.1", agent="x")

    told = text(operator.get(f"/board/cases/{case_id}"))

    assert "Kein Zertifikat darin nennt eine der Personen" in told
    assert "Karl <Anders>" in told
    assert "Musterzertifikate CA" in told
    assert "Aussteller nicht geprüft" in told
    assert "Zeit vom Rechner" in told


def test_what_is_said_beside_the_pages_or_with_a_signature_is_read_by_an_operator(operator):
    case_id = factories.with_organiser()
    with reading() as session:
        content = session.get_one(Document, factories.agreement(case_id).document_id).content
    link = factories.token("erika@freitag.example", Purpose.AGREEMENT)
    writer = IncrementalPdfFileWriter(BytesIO(content))
    writer.root[pdf_name("/PageLabels")] = DictionaryObject({pdf_name("/P"): pdf_string("Preis <1> Euro")})
    writer.root[pdf_name("/PageMode")] = pdf_name("/UseOutlines")
    writer.root[pdf_name("/Beiblatt")] = pdf_string("Mehr dazu")
    writer.update_root()
    changed = BytesIO()
    writer.write(changed)
    copy = digitally_signed(changed.getvalue(), reason="Nur <mit> Vorbehalt")
    responses.upload(link, copy, "Vertrag.pdf", ip="127.0.0.1", agent="x")

    told = text(operator.get(f"/board/cases/{case_id}"))

    assert "Neben ihren Seiten zeigt, sagt oder tut die Datei etwas" in told
    assert "Bezeichnungen der Seiten Preis <1> Euro" in " ".join(told.split())
    assert "Wie sich die Datei öffnet ohne eigenen Text" in " ".join(told.split())
    assert "/Beiblatt Mehr dazu" in " ".join(told.split())
    assert "Mit einer Signatur ist etwas gesagt" in told
    assert "Nur <mit> Vorbehalt" in told


def test_who_countersigns_sees_the_digitally_signed_copy_and_what_was_verified(operator, monkeypatch, tmp_path):
    monkeypatch.setenv("PROVISION_TRUST_ROOTS", str(trust_roots(tmp_path / "roots")))
    settings.cache_clear()
    case_id = factories.with_organiser()
    with reading() as session:
        content = session.get_one(Document, factories.agreement(case_id).document_id).content
    link = factories.token("erika@freitag.example", Purpose.AGREEMENT)
    copy = digitally_signed(content)
    responses.upload(link, copy, "Vertrag.pdf", ip="127.0.0.1", agent="x")
    factories.advance(case_id)

    shown = operator.get(f"/board/cases/{case_id}")

    assert "Die Signatur ist gültig, sie umfasst die ganze Datei" in text(shown)
    assert "Aussteller vertrauenswürdig" in text(shown)
    assert f"/documents/{factories.agreement(case_id).uploaded_id}/pages/4.png" in shown.text


def test_pictures_of_pages_are_for_operators_and_for_documents_of_the_case_only(operator):
    case_id = copy_came_back(scanned(1))
    document = factories.agreement(case_id).uploaded_id
    path = f"/board/cases/{case_id}/documents/{document}/pages/1.png"
    organiser = Browser(factories.sessions.sign_in("erika@freitag.example", factories.PASSWORD))

    assert operator.get(path).status_code == 200
    assert Browser().get(path).status_code == 303
    assert organiser.get(path).status_code == 404
    assert operator.get(path.replace("pages/1", "pages/2")).status_code == 404
    assert operator.get(path.replace("pages/1", "pages/x")).status_code == 404
    assert operator.get(path.replace(f"documents/{document}", "documents/99")).status_code == 404


@pytest.mark.parametrize("verdict", ["accept", "refuse"])
def test_a_copy_is_accepted_or_refused_with_a_note(verdict, operator):
    case_id = copy_came_back(scanned(1))
    number = open_decision(case_id)

    path = f"/board/decisions/{number}"
    operator.send(f"/board/cases/{case_id}", path, verdict=verdict, **{f"d{number}-note": "Seite 3 fehlt."})

    with reading() as session:
        assert session.get_one(Decision, number).answer == {"note": "Seite 3 fehlt."}
    assert (factories.agreement(case_id).signed_at is not None) == (verdict == "accept")


def test_an_operator_chooses_the_logo_from_pictures(operator):
    case_id = factories.opened(website="http://freitag.example/", logo_permission_by="Erika Muster")
    picture = factories.picture()
    with transaction() as session:
        permission = LogoPermission.of(session, Onboarding.get(session, case_id).firm_id)
        png = Document.keep(session, picture, "logo-1.png", "image/png")
        reasons = [{"sign": "trap", "points": -60, "detail": "a portrait"}]
        report = LogoReport(0.5, 300, 0.5, vector=False, given_width=300, given_opaque=False).to_json()
        one = {"number": 1, "address": "http://freitag.example/1.png", "confidence": 0.424, "reasons": reasons}
        one |= {"width": 300, "height": 100, "report": report, "documents": {"png": png.id}}
        facts = {"permission_id": permission.id, "website": permission.website, "candidates": [one]}
        Decision.ask(session, Decision.draft(case_id, DecisionKind.LOGO, "logo:1", now(), **facts))
        picture = f"/board/cases/{case_id}/documents/{png.id}"
    decision_id = open_decision(case_id)
    page = operator.get(f"/board/cases/{case_id}")

    assert "Bild 1, zu 42 % wahrscheinlich" in text(page)
    assert "Es heißt nach etwas anderem: ein Porträt." in text(page)
    assert operator.get(picture).headers["Content-Type"] == "image/png"

    refused = operator.send(
        f"/board/cases/{case_id}",
        f"/board/decisions/{decision_id}",
        verdict="accept",
        **{f"d{decision_id}-choice": "7"},
    )
    assert "Es ist nicht gesagt, welches Bild das Logo ist" in text(refused)

    operator.send(
        f"/board/cases/{case_id}",
        f"/board/decisions/{decision_id}",
        verdict="accept",
        **{f"d{decision_id}-choice": "1"},
    )
    with reading() as session:
        assert Logo.of(session, permission.firm_id).source_url == "http://freitag.example/1.png"


def signed(number):
    """One of several firms has signed."""
    email = f"organiser{number}@ueber.example"
    case_id = factories.opened(f"test:{number}", organiser={"name": "Otto Ohm", "email": email})
    factories.advance(case_id)
    factories.registered(email)
    factories.advance(case_id)
    factories.sign(email, "Otto Ohm")
    factories.advance(case_id)
    return case_id


def test_many_agreements_are_countersigned_at_once_and_what_is_refused_is_told(operator, monkeypatch):
    made = [signed(number) for number in range(3)]
    page = "/board/countersign"
    numbers = re.findall(r'name="decision" value="(\d+)"', operator.get(page).text)
    assert all(str(factories.case(one).firm.company_id) in operator.get(page).text for one in made)
    judge = decision_effects.answer_decision

    def refused_once(decision_id, *rest, **more):
        if decision_id == int(numbers[1]):
            raise AnsweredAlready(Verdict.REFUSE, "somebody@convent-it.example")
        return judge(decision_id, *rest, **more)

    monkeypatch.setattr(decision_effects, "answer_decision", refused_once)
    answer = operator.send(page, page, decision=[numbers[0], numbers[1], "999999", "x"])

    assert len(numbers) == 3
    assert "1 Vertrag ist gegengezeichnet" in text(answer)
    assert "somebody@convent-it.example" in text(answer)
    assert [factories.agreement(one).countersigned_at is not None for one in made] == [True, False, False]
    assert factories.agreement(made[0]).countersigned_by == "Olga Otter"
    assert "Verträge zusammen gegenzeichnen" in text(operator.get("/board"))


def test_who_countersigns_nothing_is_told_why(operator):
    signed(1)
    signed(2)
    page = "/board/countersign"
    number, _ = re.findall(r'name="decision" value="(\d+)"', operator.get(page).text)

    nothing = operator.send(page, page)
    operator.send(page, page, decision=[number])
    late = operator.send(page, page, decision=[number])

    assert "Nichts ist angekreuzt" in text(nothing)
    assert "1 Vertrag ist gegengezeichnet" in text(late)  # By whoever was faster.


def test_new_terms_are_told_by_name_and_as_people_read_them(operator):
    case_id = factories.with_organiser()
    with transaction() as session:
        subscription = Subscription.of(session, factories.firm_of(case_id))
        before = subscription.agreed
        terms = {"price": "147", "discount": "12,5", "notice": "3 Monate", "clause": "Probe"}
        subscription.agree(Change.parse(terms), plan_prices(session, now()))
        record(session, case_id, now(), "subscription.agreed", "x", before=before, after=subscription.agreed)

    story = text(operator.get(f"/board/cases/{case_id}"))

    assert (
        "Nettopreis je Abrechnungszeitraum 177,00 € → 147,00 €; Rabatt in Prozent 0 % → 12,5 %; "
        "Kündigungsfrist wie in den AGB → 3 Monate; Vereinbarung – → Probe"
    ) in story


def test_the_board_says_that_the_new_password_is_set(operator):
    assert "Ihr neues Passwort gilt" in text(operator.get("/board?said=reset"))


def test_an_open_agreement_is_sent_again_and_withdrawn_with_a_reason(operator, clock):
    case_id = factories.with_organiser()
    page = f"/board/cases/{case_id}"
    resend, withdraw = f"{page}/agreement/resend", f"{page}/agreement/withdraw"

    early = operator.send(page, resend)
    clock(minutes=11)
    link = factories.token("erika@freitag.example", Purpose.AGREEMENT)
    late = operator.send(page, resend)
    silent = operator.send(page, withdraw, withdraw_reason=" ")
    done = operator.send(page, withdraw, withdraw_reason="Falscher Preis.")

    assert early.status_code == 429
    assert (late.status_code, late.headers["location"]) == (303, f"{page}?said=resent")
    assert factories.token("erika@freitag.example", Purpose.AGREEMENT) != link
    assert 'href="#withdraw_reason"' in silent.text
    assert done.status_code == 303
    shown = operator.get(page)
    assert "Falscher Preis." in text(shown)
    assert withdraw not in shown.text
    assert factories.token("erika@freitag.example", Purpose.AGREEMENT) not in shown.text


def test_an_operator_puts_right_what_was_said_wrongly_at_the_start(operator):
    case_id = factories.opened()
    factories.advance(case_id)
    page = f"/board/cases/{case_id}"

    wrong = operator.send(page, f"{page}/correct/organiser", organiser_name="Paula Berg", organiser_email="paula")
    operator.send(
        page, f"{page}/correct/organiser", organiser_name="Paula Berg", organiser_email="paula@freitag.example"
    )
    operator.send(page, f"{page}/correct/contact", contact_name="Otto Neu", contact_email="otto@freitag.example")
    operator.send(page, f"{page}/correct/name", firm_name="Freitag & Töchter", line_of_business="tax", business="")

    assert wrong.status_code == 422
    shown = text(operator.get(page))
    for said in ("Freitag & Töchter", "Paula Berg", "Otto Neu", "Anderer Organisator benannt"):
        assert said in shown
    factories.registered("paula@freitag.example")
    assert f"{page}/correct/organiser" not in operator.get(page).text


def test_board_and_case_are_shown_while_somebody_else_is_asked_to_sign(operator):
    case_id = factories.handed_over()

    assert "zeichnungsberechtigte Person" in text(operator.get("/board"))
    assert "Konrad Zeichner" in text(operator.get(f"/board/cases/{case_id}"))


def test_a_line_of_the_board_says_in_signs_and_in_words_where_all_seven_steps_stand(operator, clock):
    case_id = factories.with_organiser(plan=None, interval=None)
    clock(days=9)

    told = BeautifulSoup(operator.get("/board").text, "lxml").select_one("table.cases tbody tr")
    marks = [(mark.select_one("[aria-hidden]").text, mark.select_one(".hidden").text) for mark in told.select("li")]
    stopping.stop_case(case_id, "Doppelt angelegt.", "olga@convent-it.example")
    ended = BeautifulSoup(operator.get("/board").text, "lxml").select_one("table.cases tbody tr")

    assert [sign for sign, _ in marks] == ["An", "✓", "Or", "✓", "5", "6", "7"]
    assert re.fullmatch(r"1 Das passende Abonnement – Anbieter, seit .+, überfällig", marks[0][1])
    assert marks[1][1] == "2 Ihre Angaben – erledigt"
    assert marks[4][1] == "5 Unser Übereinkommen – noch nicht an der Reihe"
    assert "2/7" in told.text
    assert [mark.select_one(".hidden").text.partition(" – ")[2] for mark in ended.select("li")] == [
        *("beendet", "erledigt", "beendet", "erledigt", "beendet", "beendet", "beendet")
    ]


def test_cases_are_sorted_paged_by_number_and_read_in_as_many_statements_however_many_there_are(operator, statements):
    for number, name in enumerate(["Östermann", "Zander", "Albrecht"]):
        factories.advance(factories.opened(f"test:{number}", firm_name=name))

    def names(query):
        shown = BeautifulSoup(operator.get(f"/board?{query}").text, "lxml")
        return [row.get_text(strip=True) for row in shown.select("table.cases tbody strong")]

    with reading() as session, statements() as few:
        pages = board(session, size=1, page=2)
    with reading() as session, statements() as many:
        board(session)

    assert names("order=firm") == ["Albrecht", "Östermann", "Zander"]
    assert names("order=oldest") == names("order=waiting") == ["Östermann", "Zander", "Albrecht"]
    assert names("order=nonsense") == ["Albrecht", "Zander", "Östermann"]
    assert (pages.numbers, len(few)) == ([1, 2, 3], len(many))
    assert replace(pages, page=10, pages=30).numbers == [1, None, 8, 9, 10, 11, 12, None, 30]
