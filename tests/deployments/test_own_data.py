"""What is stored about somebody, as they see it on their page and take it along."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from deployments.web import security
from models.audit import Value, record
from models.clients.client import Client
from models.db import reading, transaction
from models.firm import Firm
from models.link import Purpose
from models.mail.outbox import MailKind, Outgoing
from models.mail.proof import Proof
from models.people.login import Login
from models.people.person import Person, Role
from models.request import Named
from models.retention.request import PrivacyRequest
from models.settings import settings
from models.time.clock import now
from tasks.onboarding.stopping import stop_case
from tasks.people.naming import add_people
from tasks.people.sessions import sign_in
from tasks.retention import own_data, requests
from tasks.retention.erasure import forget
from tests import factories
from tests.contacts import ERIKA, MAX, account
from tests.deployments.browser import Browser
from tests.factories import PASSWORD
from tests.tasks.test_erasure import share

pytestmark = pytest.mark.usefixtures("quiet")


def page_of(email: str, **how) -> Browser:
    return Browser(sign_in(email, PASSWORD), **how)


def test_a_client_sees_and_takes_along_what_is_stored_and_nothing_of_others():
    factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    client = page_of(MAX)
    assert client.read("/portal").select_one('a[href="/my-data"]')

    page = client.read("/my-data").main.get_text(" ")
    file = client.get("/my-data/file")

    assert MAX in page
    assert "Max" in page
    assert "im Auftrag (Art. 28 DSGVO)" in page
    assert ERIKA not in page + file.text
    assert file.headers["content-disposition"] == 'attachment; filename="own-data.json"'
    told = json.loads(file.text)
    assert (told["format"], told["version"], told["made_at"][-1]) == ("provision-own-data", 1, "Z")
    (entry,) = [e for part in told["parts"] for e in part["entries"] if e["record"] == "persons"]
    assert entry["values"]["email"] == MAX
    assert entry["values"]["added_at"].endswith("Z")
    (account,) = [e for part in told["parts"] for e in part["entries"] if e["record"] == "accounts"]
    assert account["withheld"] == {"password_hash": "secret"}
    assert "$argon2" not in file.text


def test_nobody_sees_it_who_is_not_signed_in():
    for path in ("/my-data", "/my-data/file"):
        assert Browser().get(path).url.path == "/auth/login"


def asked(email: str) -> tuple[str, list]:
    """What the page says to who enters this address, and the mails that have come of it."""
    security._limiter.cache_clear()
    client = Browser(follow=True)
    answer = client.send_form("/privacy/data", email=email)
    with reading() as session:
        mails = select(Outgoing).where(Outgoing.kind == MailKind.OWN_DATA, Outgoing.to_address == email)
        return " ".join(answer.text.split("<main")[1].split("</main")[0].split()), session.scalars(mails).all()


def test_who_has_no_account_is_shown_it_by_a_link_and_the_page_tells_nobody_who_is_known():
    factories.with_client()
    said, (mail,) = asked(MAX)
    assert asked("nobody@nowhere.example") == (said, [])
    assert MAX not in mail.key.replace(MAX, "", 1)
    assert mail.to_name == ""
    path = Proof.in_mail(mail).url.removeprefix(settings().base_url)

    page, file = Browser().get(path), Browser().get(f"{path}/file")

    assert page.headers["cache-control"] == "no-store"
    assert MAX in page.text
    assert ERIKA not in page.text + file.text
    assert {part["answers"] for part in json.loads(file.text)["parts"]} == {"firm"}
    for wrong in (path[:-1], f"{path[:-3]}AAA", "/privacy/data/1", "/privacy/data/x-y", "/privacy/data/999999-é"):
        assert Browser().get(wrong).status_code == 410, wrong
    with transaction() as session:
        session.execute(update(Outgoing).values(addressed_at=now() - timedelta(minutes=61)))
    assert Browser().get(path).status_code == 410


def test_one_address_is_sent_few_links_a_day_and_what_is_no_address_is_said():
    factories.with_client()

    for _ in range(own_data.MOST_A_DAY + 1):
        _, mails = asked(MAX)

    assert len(mails) == own_data.MOST_A_DAY
    for wrong in ("", "max", "max@"):
        answer = Browser().send_form("/privacy/data", email=wrong)
        assert answer.status_code == 422


def test_a_link_shows_what_hangs_on_its_address_and_of_no_other_account():
    """At one firm somebody signs in by another address than that by which the firm writes to them."""
    factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    with transaction() as session:
        session.execute(update(Login).where(Login.email == MAX).values(email="private@max.example"))
    _, (mail,) = asked(MAX)

    file = Browser().get(f"/privacy/data/{Proof.in_mail(mail).token}/file").text

    assert "private@max.example" not in file
    assert "accounts" not in {entry["record"] for part in json.loads(file)["parts"] for entry in part["entries"]}
    assert "private@max.example" in "".join(own_data.written(MAX))


def test_a_stopped_case_still_tells_and_who_was_erased_gets_no_link():
    case_id = factories.with_client()
    stop_case(case_id, "x", "otto@provider.example")
    _, mails = asked(MAX)
    assert len(mails) == 1

    forget(share(MAX), ERIKA)

    assert asked(MAX)[1] == []
    assert Browser().get(f"/privacy/data/{Proof.in_mail(mails[0]).token}").status_code == 410


def test_who_typed_a_name_or_got_a_mail_meant_for_another_learns_and_erases_nothing_of_them():
    """Whoever registers with a firm may say that they are called like a client of it."""
    case_id = factories.with_client()
    account(factories.firm_of(case_id), "Paul Geheim")
    stranger = "wrong@mail.example"
    with transaction() as session:
        record(session, case_id, now(), "client.added", ERIKA, reason="für Max Beispiel und Paul Geheim")
        for name in ("Max Beispiel", "Paul Geheim"):
            mail = Outgoing.draft(MailKind.WELCOME, name, None, now(), case_id=case_id)
            mail.to_name, mail.to_address = name, stranger
            session.add(mail)
    _, (mail,) = asked(stranger)

    file = Browser().get(f"/privacy/data/{Proof.in_mail(mail).token}/file").text
    forget(share(stranger), ERIKA)

    assert {entry["record"] for part in json.loads(file)["parts"] for entry in part["entries"]} == {"outbox"}
    with reading() as session:
        assert "Paul Geheim" in session.scalars(select(Client.name)).all()
        assert any("Max Beispiel und Paul Geheim" in str(value) for value in session.scalars(select(Value.value)))


def test_none_is_sent_to_where_one_came_back_today():
    factories.with_client()
    _, (mail,) = asked(MAX)
    with transaction() as session:
        session.get_one(Outgoing, mail.id).bounce("no such mailbox", now())

    assert len(asked(MAX)[1]) == 1


def test_who_has_no_account_asks_by_the_link_for_erasure_and_is_answered_though_mail_came_back_before():
    case_id = factories.with_client()
    firm_id = factories.firm_of(case_id)
    with transaction() as session:
        session.execute(update(Person).where(Person.email == MAX).values(bounced_at=now()))
    _, (mail,) = asked(MAX)
    client, place = Browser(), f"/privacy/data/{Proof.in_mail(mail).token}/requests"
    form = {"form_token": client.form_token(place), "firm": str(firm_id), "kind": "erasure"}

    assert client.post(place, data=form | {"kind": "correction"}).status_code == 422
    said = client.post(place, data=form)
    assert "Ihre Anfrage ist angekommen" in said.text
    client.post(place, data=form)
    with reading() as session:
        (request,) = session.scalars(select(PrivacyRequest))
        assert session.get_one(Person, request.person_id).bounced_at is None
    wrong = f"{place[:-20]}{'A' if place[-20] != 'A' else 'B'}{place[-19:]}"
    for path in (wrong, f"{wrong}/{request.id}/withdraw"):
        assert client.post(path, data=form).status_code == 410
    assert "Ihre Anfrage ist zurück" in client.post(f"{place}/{request.id}/withdraw", data=form).text
    client.post(place, data=form)
    requests.grant(firm_id, request.id + 1, ERIKA)

    with reading() as session:
        (answer,) = session.scalars(select(Outgoing).where(Outgoing.kind == MailKind.PRIVACY_ANSWERED))
        assert answer.to_address == MAX


@pytest.mark.parametrize("invited", [False, True])
def test_who_signs_in_by_another_address_does_not_ask_by_this_one(invited):
    """Nor where the firm has invited this address in another role as well: both would be erased together."""
    case_id = factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    with transaction() as session:
        session.execute(update(Login).where(Login.email == MAX).values(email="private@max.example"))
        (max_,) = session.scalars(select(Person).where(Person.email == MAX))
        if invited:
            firm, named = session.get_one(Firm, max_.firm_id), Named(name=max_.name, email=MAX)
            add_people(session, firm, Role.CASEWORKER, [named], max_)
    _, (mail,) = asked(MAX)
    client, place = Browser(), f"/privacy/data/{Proof.in_mail(mail).token}/requests"

    page = client.read(place)
    form = {"form_token": client.form_token(place), "firm": str(factories.firm_of(case_id)), "kind": "erasure"}

    assert "private@max.example" not in page.main.text
    assert client.post(place, data=form).status_code == 404
    with reading() as session:
        assert session.scalars(select(PrivacyRequest)).all() == []
