"""The page of one case: all that happened, mails as they were sent, and what an operator can do."""

import re

import pytest
from sqlalchemy import select

from deployments.web.pages import case as pages
from models.audit import Value, erase, trail
from models.db import reading, transaction
from models.decision import Decision
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import STUCK_AFTER, Onboarding
from models.people.person import Person, Role
from models.queries import casefile
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.mail.address_holds import bounced
from tasks.people import sessions
from tasks.retention import tidy
from tests import factories
from tests.deployments.test_board import Browser, text
from tests.remembered import remembered
from tests.tasks.test_firm_page import many_clients
from tests.tasks.test_past_evidence import roundabout

pytestmark = pytest.mark.usefixtures("no_runs")

OPERATOR = "operator@convent-it.example"


@pytest.fixture
def operator():
    return Browser(factories.operator)


@remembered
def invited():
    case_id = factories.opened()
    factories.advance(case_id)
    with reading() as session:
        return case_id, Person.one(session, factories.firm_of(case_id), Role.ORGANISER).id


def acts(case_id):
    with reading() as session:
        return [(one.action, one.actor, one.facts) for one in trail(session, case_id)]


def test_an_operator_pauses_the_access_of_an_active_caseworker_gives_it_back_and_ends_it(operator):
    case_id = factories.countersigned(caseworkers=[{"name": "Jan Klein", "email": "jan@freitag.example"}])
    session = factories.registered("jan@freitag.example")
    with reading() as opened:
        (jan,) = Person.of(opened, factories.firm_of(case_id), Role.CASEWORKER)
    page = f"/board/cases/{case_id}"

    operator.send(page, f"{page}/people/{jan.id}/pause")
    paused = operator.get(page).text
    without = Browser(session).get(f"/firm/{jan.firm_id}").status_code
    operator.send(page, f"{page}/people/{jan.id}/resume")
    operator.send(page, f"{page}/people/{jan.id}/withdraw")
    ended = operator.get(page).text

    assert "ruht seit" in paused
    assert without == 303  # To sign in.
    assert all(told in ended for told in ("Zugang ruht", "Zugang wieder freigegeben", "Zugang beendet"))
    assert [(action, by) for action, by, _ in acts(case_id)[-3:]] == [
        ("person.paused", OPERATOR),
        ("person.resumed", OPERATOR),
        ("person.removed", OPERATOR),
    ]


def test_everything_that_happened_is_one_story_the_newest_first(operator):
    case_id = factories.with_organiser()
    factories.advance(case_id)
    page = f"/board/cases/{case_id}"

    story = re.findall(r"<li>\s*<p><strong>(?:<a[^>]*>)?([^<]+)", operator.get(page).text)
    only_mails = re.findall(r"<li>\s*<p><strong>(?:<a[^>]*>)?([^<]+)", operator.get(f"{page}?show=mails").text)

    assert story[-1] == "Vorgang eröffnet"
    assert "E-Mail: Bitte um Registrierung" in story
    assert story.index("E-Mail: Vertrag zur Unterschrift") < story.index("Registriert")
    assert set(only_mails) == {"E-Mail: Bitte um Registrierung", "E-Mail: Vertrag zur Unterschrift"}
    assert operator.get(f"{page}?show=acts").text.count("E-Mail: ") == 0


def test_a_long_story_is_cut_and_shown_whole_on_demand(operator, monkeypatch):
    monkeypatch.setattr(pages, "STORY_SHOWN", 2)
    case_id, _ = invited()

    cut, whole = operator.get(f"/board/cases/{case_id}"), operator.get(f"/board/cases/{case_id}?all=yes")

    assert f'href="/board/cases/{case_id}?all=yes#story"' in cut.text
    assert "Vorgang eröffnet" not in text(cut)
    assert "Vorgang eröffnet" in text(whole)


def test_a_mail_is_shown_as_it_was_sent_with_dots_for_every_link_and_code(operator):
    case_id = factories.with_client()
    with transaction() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.onboarding_id == case_id)).all()
        tokens = [link.token for link in session.scalars(select(Link))]
        mails[0].facts = {**mails[0].facts, "count": 2}
    assert {mail.kind for mail in mails} >= {MailKind.REGISTER, MailKind.AGREEMENT, MailKind.INVITATION}

    for mail in mails:
        page = operator.get(f"/board/cases/{case_id}/mails/{mail.id}")
        html = operator.get(f"/board/cases/{case_id}/mails/{mail.id}/html")
        assert page.status_code == html.status_code == 200
        assert mail.to_address in page.text
        assert "default-src 'none'" in html.headers["content-security-policy"]
        for shown in (page.text, html.text):
            assert not any(token in shown for token in tokens)
            assert not re.search(r"/(later|sign|agreement|auth/activate|auth/reset)/[\w.-]{20,}", shown)
            assert not re.search(r"business_member=\w", shown)
        if mail.link_id:
            assert "/•••" in html.text


def test_a_mail_is_shown_with_its_own_case_and_to_operators_only(operator):
    case_id, _ = invited()
    other = factories.opened("test:2", organiser={"name": "Olga Anders", "email": "olga@anders.example"})
    path = f"/board/cases/{case_id}/mails/1"

    assert operator.get(path).status_code == 200
    assert operator.get(f"/board/cases/{other}/mails/1").status_code == 404
    assert operator.get(f"/board/cases/{case_id}/mails/999").status_code == 404
    assert Browser().get(path).status_code == 303


def test_an_operator_ends_the_invitation_of_whoever_was_named_wrongly(operator):
    case_id = factories.opened(caseworkers=[{"name": "Kim Falsch", "email": "kim@freitag.example"}])
    factories.advance(case_id)
    with reading() as session:
        kim, organiser = (
            Person.one(session, factories.firm_of(case_id), role) for role in (Role.CASEWORKER, Role.ORGANISER)
        )
    page = f"/board/cases/{case_id}"

    ended = operator.send(page, f"{page}/people/{kim.id}/withdraw")

    assert ended.headers["location"] == f"{page}?said=person_withdrawn"
    assert "ist nicht mehr eingeladen" in operator.get(f"{page}?said=person_withdrawn").text
    assert [fact["person"] for action, _, fact in acts(case_id) if action == "person.withdrawn"] == [kim.id]
    assert f"/people/{organiser.id}/withdraw" not in operator.get(page).text


def test_an_operator_sends_a_new_link_without_seeing_it(operator, clock):
    case_id, person = invited()
    page, path = f"/board/cases/{case_id}", f"/board/cases/{case_id}/people/{person}/resend"

    too_soon = operator.send(page, path)
    clock(minutes=11)
    before = factories.token("erika@freitag.example", Purpose.REGISTER)
    sent = operator.send(page, path)

    assert (too_soon.status_code, "Das hat noch nicht geklappt" in too_soon.text) == (429, True)
    assert sent.headers["location"] == f"{page}?said=person_resent"
    assert factories.token("erika@freitag.example", Purpose.REGISTER) != before
    action, actor, facts = acts(case_id)[-1]
    assert (action, actor, facts["person"], facts["ip"] != "") == ("link.resent", OPERATOR, person, True)


def test_an_operator_corrects_an_address_before_and_after_mail_comes_back(operator):
    case_id, person = invited()
    page, path, field = (
        f"/board/cases/{case_id}",
        f"/board/cases/{case_id}/people/{person}/address",
        f"p{person}-address",
    )

    wrong = operator.send(page, path, **{field: "erika@"})
    operator.send(page, path, **{field: "e.muster@freitag.example"})
    with transaction() as session:
        bounced(session, session.scalars(select(Outgoing).order_by(Outgoing.id)).first(), "550 <unknown>", now())
    operator.send(page, path, **{field: "erika.muster@freitag.example"})

    assert (wrong.status_code, f'href="#{field}"' in wrong.text) == (422, True)
    with reading() as session:
        assert Decision.pending(session, case_id) == []
        found = session.get_one(Person, person)
        to = session.scalars(select(Outgoing.to_address).where(Outgoing.person_id == person)).all()
    assert (found.email, found.bounced_at) == ("erika.muster@freitag.example", None)
    assert set(to) == {"erika.muster@freitag.example"}
    assert [action for action, *_ in acts(case_id)].count("address.corrected") == 2


def test_who_has_an_account_keeps_its_address(operator):
    case_id = factories.with_organiser()
    with reading() as session:
        person = Person.one(session, factories.firm_of(case_id), Role.ORGANISER)
    token = {"form_token": re.search(r'name="form_token" value="([^"]+)"', operator.get("/board").text)[1]}
    path = f"/board/cases/{case_id}/people/{person.id}/address"

    answer = operator.ask("POST", path, data=token | {f"p{person.id}-address": "x@freitag.example"})

    assert answer.status_code == 409
    assert path not in operator.get(f"/board/cases/{case_id}").text


def test_an_operator_ends_a_case_with_a_reason_once(operator):
    case_id, _ = invited()
    factories.advance(case_id)
    page, path = f"/board/cases/{case_id}", f"/board/cases/{case_id}/stop"
    token = {"form_token": re.search(r'name="form_token" value="([^"]+)"', operator.get(page).text)[1]}

    without = operator.send(page, path)
    operator.send(page, path, stop_reason="Die Kanzlei schließt.")
    again = operator.ask("POST", path, data=token | {"stop_reason": "x"})

    assert (without.status_code, 'href="#stop_reason"' in without.text) == (422, True)
    assert again.status_code == 409
    assert ("case.stopped", OPERATOR) in [(action, actor) for action, actor, _ in acts(case_id)]
    assert "Vorgang beendet : Die Kanzlei schließt." in text(operator.get(page))
    with reading() as session:
        assert session.scalars(select(Reminder).where(Reminder.due_at.is_not(None))).all() == []
        assert Decision.pending(session, case_id) == []
    assert path not in operator.get(page).text


def test_an_operator_has_a_stuck_case_looked_at_again(operator):
    case_id, _ = invited()
    with transaction() as session:
        for _ in range(STUCK_AFTER):
            Onboarding.get(session, case_id).begin_pass(now())

    answer = operator.send(f"/board/cases/{case_id}", f"/board/cases/{case_id}/pass")

    assert "Ein Durchgang für diesen Vorgang ist angefordert." in text(operator.get(answer.headers["location"]))
    case = factories.case(case_id)
    assert case.attempts == 0
    assert case.pass_due_at <= now()
    assert acts(case_id)[-1][:2] == ("pass.restarted", OPERATOR)


def test_a_case_that_was_stopped_says_so_at_every_step_and_can_be_taken_up_again(operator):
    case_id, _ = invited()
    page = f"/board/cases/{case_id}"
    operator.send(page, f"{page}/stop", stop_reason="Die Kanzlei wird verkauft.")

    stopped = text(operator.get(page))
    answer = operator.send(page, f"{page}/take-up")

    assert "in Arbeit" not in stopped
    assert stopped.count("beendet") >= 6
    assert answer.headers["location"] == f"{page}?said=taken_up"
    again = text(operator.get(f"{page}?said=taken_up"))
    assert "Der Vorgang geht weiter." in again
    assert "Vorgang wieder aufgenommen" in again
    assert operator.ask("POST", f"{page}/take-up").status_code == 403  # Without the form, whose token is missing.


def test_the_firm_reads_that_a_stopped_case_has_ended_and_is_asked_for_nothing(operator):
    case_id = factories.with_organiser()
    page = f"/board/cases/{case_id}"
    operator.send(page, f"{page}/stop", stop_reason="x")
    organiser = Browser(factories.sessions.sign_in("erika@freitag.example", factories.PASSWORD))

    shown = text(organiser.get(f"/firm/{factories.firm_of(case_id)}"))

    assert "Die Einrichtung wurde beendet" in shown
    assert shown.count("beendet") == 5  # The headline, and four steps that are not done.
    assert "Sie sind an der Reihe" not in shown
    assert "in Arbeit" not in shown


@pytest.mark.parametrize("of", ["person:%", "account:%", "firm:%", "decision:%", "case:%", "%"])
def test_a_case_is_shown_whatever_was_erased_of_its_trail(operator, of):
    case_id = factories.countersigned()
    with transaction() as session:
        erase(session, now(), "operator", Value.about.like(of))

    page = operator.get(f"/board/cases/{case_id}?all=yes")

    assert page.status_code == 200
    assert "Personenbezogene Daten gelöscht" in text(page)
    assert "teilweise gelöscht" in text(page)
    assert ("jemand, dessen Name gelöscht wurde" in text(page)) == (of in {"person:%", "account:%", "case:%", "%"})
    assert operator.get("/board/operators").status_code == 200


def test_of_very_many_clients_the_newest_are_shown_and_the_rest_counted_and_within_reach(operator, monkeypatch):
    monkeypatch.setattr(casefile, "CLIENTS_SHOWN", 2)
    case_id = factories.with_client()
    many_clients(case_id, 3)
    with reading() as session:
        first = session.scalars(select(Person.id).where(Person.email == "max@beispiel.example")).one()

    path = f"/board/cases/{case_id}"
    people = text(operator.get(path)).partition("Personen")[2].partition("Mandanten, die früher")[0]

    assert "Müller 0002" in people
    assert "Max Beispiel" not in people
    assert people.endswith("und 2 ")
    firm = f"/firm/{factories.firm_of(case_id)}/clients"
    assert f'href="{firm}"' in operator.get(path).text
    assert "Max Beispiel" in text(operator.get(firm))
    fields = {"level": "person", "owner": str(first), "act": "pause"}
    fields["form_token"] = re.search(r'name="form_token" value="([^"]*)"', operator.get(f"{path}/reminders").text)[1]
    assert operator.ask("POST", f"{path}/reminders/pause", data=fields).status_code == 303
    for owner in ("0", "abc", str(10**9 - 1), "9" * 30):
        assert operator.ask("POST", f"{path}/reminders/pause", data=fields | {"owner": owner}).status_code == 404
    token = {"form_token": re.search(r'name="form_token" value="([^"]*)"', operator.get(path).text)[1]}
    for person_id, answer in ((first, "said=person_withdrawn"), (10**9 - 1, "nicht gefunden")):
        told = operator.ask("POST", f"{path}/people/{person_id}/withdraw", data=token)
        assert answer in (told.headers.get("location") or text(told))


def test_what_is_past_its_time_is_named_as_removed_on_the_page_and_behind_old_links(operator, clock):
    case_id = roundabout()
    detail = case_of(case_id)
    first, page = detail.agreements[-1], f"/board/cases/{case_id}"
    (asked,) = [one for one in detail.decisions if one.kind == "signed_copy"]
    links = [f"{page}/documents/{number}" for number in (first.document_id, asked.facts["document_id"])]
    assert [operator.get(link).status_code for link in links] == [200, 200]
    clock(days=500)
    tidy.remove_past.fn()
    operator = Browser(lambda: sessions.sign_in(OPERATOR, factories.PASSWORD))

    shown = text(operator.get(page))

    assert "Datei und Namen wurden am" in shown
    assert "None" not in shown
    assert links[0] not in operator.get(page).text
    for link in [*links, f"{links[0]}/pages/1.png"]:
        answer = operator.get(link)
        assert answer.status_code == 410
        assert "Die Aufbewahrungsfrist ist abgelaufen" in text(answer)
    assert operator.get(f"{page}/documents/{detail.agreements[0].final_id}").content.startswith(b"%PDF")
    assert operator.get(f"/firm/{detail.firm_id}/contract").status_code == 200


def case_of(case_id):
    with reading() as session:
        return casefile.case_detail(session, case_id)
