"""The pages for everyone: without JavaScript, in three languages, on every page."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, PHONE, png, register, sign, sound
from tests.deployments.browser import Browser
from tests.tasks.logos.artwork import ARTWORK

HOSTILE = b"<svg><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]></svg>"


def test_an_organiser_registers_sends_a_logo_and_signs_on_a_phone_without_javascript(live, person):
    email = "olga@ohne.example"
    page = person(java_script_enabled=False, viewport=PHONE)
    page.goto(live.invite("Kanzlei Ohne", email))
    register(page)
    expect(page).to_have_url(re.compile("/firm/"))

    page.get_by_role("link", name="Logo", exact=True).click()
    page.get_by_label("Logodatei").set_input_files({"name": "a.svg", "mimeType": "image/svg+xml", "buffer": HOSTILE})
    page.get_by_role("button", name="Datei senden").click()
    expect(page.get_by_role("alert")).to_contain_text("Die SVG-Datei enthält Entitäten")
    page.get_by_label("Logodatei").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": png(ARTWORK["wordmark"])}
    )
    page.get_by_role("button", name="Datei senden").click()
    expect(page.get_by_text("Es erfüllt 3 von 4 Kriterien.")).to_be_visible()

    # The mail's frame opens links in a new page, which is what a mail program does as well.
    page.goto(live.mail(page, email, "/agreement/"))
    page.goto(page.frame_locator("iframe").locator("a[href*='/agreement/']").first.get_attribute("href"))
    sign(page, live, email, "Olga Ohne")


@pytest.mark.parametrize(
    ("language", "locale", "word"),
    [("fr", "fr-FR", "Créer votre compte"), ("en", "en-GB", "Create your account")],
)
def test_each_other_language_has_its_pages(live, person, follow, language, locale, word):
    email = f"lara@{language}.example"
    page = person(locale=locale)
    page.goto(live.invite(f"Kanzlei {language}", email, language=language))
    expect(page.get_by_role("heading", level=1)).to_have_text(word)
    expect(page.locator("html")).to_have_attribute("lang", language)
    sound(page)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name=word).click()
    page.wait_for_url(re.compile("/firm/"))
    sound(page)
    sound(follow(page, email, "/agreement/"))
    sound(page)


def test_the_pages_of_the_house_are_sound(live, person, operator):
    page = person()
    for path in (
        "/",
        "/mail",
        "/docs",
        "/docs/api",
        "/imprint",
        "/privacy",
        "/auth/register",
        "/auth/login",
        "/auth/forgot",
    ):
        page.goto(live.at.web + path)
        sound(page)
    for path in ("/board?search=nichts", "/board/start", "/board/countersign", "/profile"):
        operator.goto(live.at.web + path)
        sound(operator)
    operator.goto(f"{live.at.web}/board/start")
    operator.get_by_role("main").get_by_role("button").last.click()
    expect(operator.get_by_role("alert")).to_be_visible()
    sound(operator)


def test_the_page_that_says_sorry_is_sound(live, person, monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("deployments.web.pages.account.registration.opened", broken)
    with ThreadPoolExecutor(1) as apart:  # Playwright's event loop runs in this thread.
        sorry = apart.submit(lambda: Browser(raises=False).get("/auth/activate/x").text).result()
    page = person()
    page.route("**/sorry", lambda route: route.fulfill(body=sorry, content_type="text/html; charset=utf-8"))

    page.goto(f"{live.at.web}/sorry")

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    sound(page)


def test_nobody_else_on_this_machine_may_read_what_the_product_keeps(live):
    kept = [live.folder, *live.folder.rglob("*")]

    assert {"provision.db", "prefect.db", "web.log", "mails"} <= {one.name for one in kept}
    assert [str(one) for one in kept if one.lstat().st_mode & 0o077] == []
