from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select

from models.db import reading
from models.decision import Decision
from models.errors import NotFound
from models.logo import Logo, LogoChoiceMissing, LogoChosen, LogoPermission, LogoRefused
from models.onboarding import Party
from models.request import WebsiteMissing
from models.settings import settings
from models.time.clock import now
from tasks.intake.decision_effects import answer_decision
from tasks.logos.fetch import Faltered
from tasks.logos.publish import (
    choose_offered,
    offered_picture,
    permit_logo,
    publish_logo,
    restore_logo,
    supply_logo,
)
from tests.factories import advance, at_once, case, everything, firm_of, opened, outbox, standing, with_organiser

ERIKA = "erika@freitag.example"


def drawn(side=400):
    picture, file = Image.new("RGBA", (side, side // 2)), BytesIO()
    ImageDraw.Draw(picture).rounded_rectangle((20, 20, side - 20, side // 2 - 20), 30, fill=(120, 20, 60, 255))
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def website(monkeypatch):
    """The firm's website, on this machine; counts its visitors."""
    monkeypatch.setenv("PROVISION_FETCH_PRIVATE", "true")
    settings.cache_clear()
    pages = {
        "/": ("text/html", b'<header><a href="/"><img class="logo" alt="Logo Freitag" src="/logo.png"></a></header>'),
        "/logo.png": ("image/png", drawn()),
    }

    class Site(BaseHTTPRequestHandler):
        visits = 0

        def do_GET(self):
            kind, content = pages.get(self.path, (None, b""))
            type(self).visits += self.path == "/"
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    Site.pages, Site.address = pages, f"http://127.0.0.1:{server.server_port}/"
    yield Site
    server.shutdown()
    server.server_close()
    thread.join()


def logos():
    with reading() as session:
        return session.scalars(select(Logo).order_by(Logo.id)).all()


def outcome():
    with reading() as session:
        return session.scalars(select(LogoPermission)).one().outcome


def test_a_logo_is_taken_by_permission_once_however_often_we_try(website):
    case_id = opened(website=website.address, logo_permission_by="Erika Muster")
    publish_logo.fn(case_id)
    before = everything()

    for _ in range(3):
        assert publish_logo.fn(case_id).state == "done"

    assert everything() == before
    (logo,) = logos()
    assert (logo.source, logo.source_url) == ("website", f"{website.address}logo.png")
    assert website.visits == 1


def test_two_passes_at_the_same_moment_take_one_logo(website):
    case_id = opened(website=website.address, logo_permission_by="Erika Muster")

    at_once(*[lambda: publish_logo.fn(case_id)] * 2)

    assert len(logos()) == 1


def test_without_permission_nobody_visits_the_website(website):
    case_id = opened(website=website.address)

    publish_logo.fn(case_id)

    assert website.visits == 0
    assert standing(case_id)["logo"] == "waiting:organiser"


def test_a_website_without_a_logo_is_searched_once_and_the_organiser_asked(website):
    website.pages["/"] = ("text/html", b"<p>Willkommen</p>")
    case_id = opened(website=website.address, logo_permission_by="Erika Muster")

    for _ in range(3):
        publish_logo.fn(case_id)

    assert website.visits == 1
    assert outcome() == "No usable logo was found."
    assert standing(case_id)["logo"] == "waiting:organiser"


def test_a_website_that_is_down_holds_nothing_up_and_is_tried_again_later(monkeypatch, clock):
    case_id = opened(website="http://freitag.example", logo_permission_by="Erika Muster")

    def down(*_):
        raise Faltered("connection refused")

    monkeypatch.setattr("tasks.logos.publish.find", down)
    assert publish_logo.fn(case_id).waiting_for is Party.PROVISION
    assert timedelta(minutes=4) < case(case_id).pass_due_at - now() <= timedelta(minutes=5)

    clock(hours=3)
    assert publish_logo.fn(case_id).waiting_for is Party.ORGANISER


def test_a_permission_given_later_is_used(website):
    case_id = opened()
    publish_logo.fn(case_id)

    permit_logo(firm_of(case_id), ERIKA, "Erika Muster", website.address)

    assert publish_logo.fn(case_id).state == "done"


def test_a_permission_names_a_website():
    case_id = opened()
    before = everything()

    with pytest.raises(WebsiteMissing):
        permit_logo(firm_of(case_id), ERIKA, "Erika Muster", " ")

    assert everything() == before


def test_a_supplied_file_is_the_logo_and_a_later_one_replaces_it():
    case_id = opened()
    supply_logo(firm_of(case_id), ERIKA, drawn())
    advance(case_id)
    assert standing(case_id)["logo"] == "done"

    supply_logo(firm_of(case_id), ERIKA, drawn(600))

    with reading() as session:
        assert Logo.of(session, firm_of(case_id)).id == max(logo.id for logo in logos())
    assert len(logos()) == 2


def test_a_file_that_is_no_picture_changes_nothing():
    case_id = opened()
    before = everything()

    with pytest.raises(LogoRefused):
        supply_logo(firm_of(case_id), ERIKA, b"no picture")

    assert everything() == before


UNSURE = b'<img src="/bild1.png"><img src="/bild2.png" alt="Freitag">'


def questions():
    with reading() as session:
        return Decision.pending(session)


@pytest.fixture
def unsure(website):
    """A website on which nothing is the logo beyond doubt, already searched; the case."""
    website.pages["/"] = ("text/html", UNSURE)
    website.pages["/bild1.png"] = ("image/png", drawn(420))
    website.pages["/bild2.png"] = ("image/png", drawn(400))
    case_id = opened(website=website.address, logo_permission_by="Erika Muster")
    for _ in range(3):
        publish_logo.fn(case_id)
    return case_id


def test_what_is_not_beyond_doubt_is_put_before_an_operator_once(unsure, website):
    (question,) = questions()

    assert question.kind == "logo"
    assert [one["address"] for one in question.facts["candidates"]] == [
        f"{website.address}bild2.png",
        f"{website.address}bild1.png",
    ]
    assert logos() == []
    assert standing(unsure)["logo"] == "waiting:operator"


def test_the_picture_that_an_operator_chooses_is_the_logo(unsure, website):
    answer_decision(questions()[0].id, "accept", "op@provider.example", choice="2")

    assert publish_logo.fn(unsure).state == "done"
    (logo,) = logos()
    assert (logo.source, logo.source_url, logo.width) == ("website", f"{website.address}bild1.png", 381)


def test_which_picture_must_be_said(unsure):
    for said in ({}, {"choice": "9"}):
        with pytest.raises(LogoChoiceMissing):
            answer_decision(questions()[0].id, "accept", "op@provider.example", **said)

    assert len(questions()) == 1


def test_if_no_picture_is_the_logo_the_organiser_is_asked(unsure):
    answer_decision(questions()[0].id, "refuse", "op@provider.example")

    publish_logo.fn(unsure)

    assert logos() == []
    assert standing(unsure)["logo"] == "waiting:organiser"


def test_a_file_that_the_firm_sends_meanwhile_settles_the_question(unsure):
    supply_logo(firm_of(unsure), ERIKA, drawn())

    assert questions() == []
    assert [logo.source for logo in logos()] == ["supplied"]


def current():
    with reading() as session:
        logo = session.scalars(select(Logo).order_by(Logo.id.desc())).first()
        return logo.source, logo.png


def offers():
    with reading() as session:
        return LogoPermission.of(session, 1).offers


@pytest.fixture
def offered(website):
    """A firm with a logo of its own, on whose website another one was found."""
    case_id = with_organiser()
    firm_id = firm_of(case_id)
    supply_logo(firm_id, ERIKA, drawn(600))
    permit_logo(firm_id, ERIKA, "Erika Muster", website.address)
    publish_logo.fn(case_id)
    return case_id


def test_permission_means_a_search_also_where_there_is_a_logo_which_stays_until_the_firm_chooses(website, offered):
    before = everything()

    publish_logo.fn(offered)

    assert everything() == before
    assert website.visits == 1
    assert current()[0] == "supplied"
    assert [one["address"] for one in offers()] == [f"{website.address}logo.png"]
    assert len(outbox("logo_found")) == 1


def test_the_firm_takes_what_was_found_once_however_often_it_says_so(offered):
    found = offered_picture(1, 1)

    at_once(*[lambda: choose_offered(1, ERIKA, "1")] * 2)

    assert current() == ("website", found)
    assert len(logos()) == 2
    assert (offers(), offered_picture(1, 1)) == ([], None)


def test_the_firm_keeps_its_logo(offered):
    before = current()

    choose_offered(1, ERIKA, "keep")
    choose_offered(1, ERIKA, "keep")
    with pytest.raises(LogoChosen):  # In another tab, where the question still stands.
        choose_offered(1, ERIKA, "1")

    assert (current(), offers(), len(logos())) == (before, [], 1)


def test_a_choice_that_says_nothing_is_refused_and_stays_open(offered):
    with pytest.raises(LogoChoiceMissing):
        choose_offered(1, ERIKA, "7")

    assert len(offers()) == 1


def test_whoever_sends_a_file_is_asked_no_more(offered):
    supply_logo(1, ERIKA, drawn(500))

    assert offers() == []


def test_what_the_website_shows_too_is_no_question(website):
    case_id = with_organiser()
    supply_logo(firm_of(case_id), ERIKA, website.pages["/logo.png"][1])
    permit_logo(firm_of(case_id), ERIKA, "Erika Muster", website.address)

    publish_logo.fn(case_id)

    assert (website.visits, offers(), outbox("logo_found")) == (1, [], [])
    assert "there already" in outcome()


def test_a_logo_that_was_replaced_is_taken_back_once_however_often_it_is_asked_for():
    case_id = opened()
    supply_logo(firm_of(case_id), ERIKA, drawn(600))
    first = current()
    supply_logo(firm_of(case_id), ERIKA, drawn(500))
    second = current()
    earlier = logos()[0].id

    for _ in range(2):
        restore_logo(firm_of(case_id), ERIKA, earlier)

    assert (current(), len(logos())) == (first, 3)
    with reading() as session:  # And the other way round.
        restore_logo(firm_of(case_id), ERIKA, Logo.before(session, firm_of(case_id)).id)
    assert current() == second


def test_the_logo_of_another_firm_is_nobodys_earlier_one():
    mine, theirs = opened(), opened("test:2", firm_name="Andere Kanzlei")
    supply_logo(firm_of(mine), ERIKA, drawn(600))
    supply_logo(firm_of(theirs), ERIKA, drawn(500))

    with pytest.raises(NotFound):
        restore_logo(firm_of(mine), ERIKA, logos()[1].id)
