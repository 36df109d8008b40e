"""The pages for everyone: by keyboard alone, without JavaScript, in three languages, on every page."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, PHONE, register, sign, sound
from tests.deployments.browser import Browser


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name or label has the focus, and see that the focus shows."""
    for _ in range(80):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => { const it = document.activeElement, label = it.labels && it.labels[0];
            const style = getComputedStyle(it);
            return {name: (label || it).innerText || "", ring: style.outlineStyle + style.outlineWidth}; }"""
        )
        if here["name"].strip().startswith(name):
            assert here["ring"] not in {"none0px", "auto0px"}, f"the focus on {name} cannot be seen"
            return
    pytest.fail(f"“{name}” is not reached by keyboard on {page.url}")


def test_an_organiser_registers_and_signs_by_keyboard_alone(live, person, follow):
    email = "tasta@tastatur.example"
    page = person()
    page.goto(live.invite("Kanzlei Tastatur", email))
    page.keyboard.press("Tab")
    assert "#main" in page.evaluate("document.activeElement.href || ''")
    tab_to(page, "Passwort wählen")
    page.keyboard.type(PASSWORD)
    tab_to(page, "Konto erstellen")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/firm/"))

    agreement = follow(page, email, "/agreement/")
    tab_to(agreement, "Vertrag lesen")
    agreement.keyboard.press("Enter")
    agreement.wait_for_url(re.compile("/part/"))
    while "/part/" in agreement.url:
        before = agreement.url
        tab_to(agreement, "Gelesen, weiter")
        agreement.keyboard.press("Enter")
        agreement.wait_for_url(lambda url, before=before: url != before)
    tab_to(agreement, "Code anfordern")
    agreement.keyboard.press("Enter")
    expect(agreement.get_by_label("Ihr vollständiger Name")).to_be_visible()
    tab_to(agreement, "Ihr vollständiger Name")
    agreement.keyboard.type("Tasta Tür")
    tab_to(agreement, "Ich habe den Vertrag")
    agreement.keyboard.press("Space")
    tab_to(agreement, "Code aus der E-Mail")
    agreement.keyboard.type(live.code(agreement, email))
    tab_to(agreement, "Vertrag unterzeichnen")
    agreement.keyboard.press("Enter")
    expect(agreement.get_by_text("Unterzeichnet von Tasta Tür")).to_be_visible()


def test_an_organiser_registers_and_signs_on_a_phone_without_javascript(live, person):
    email = "olga@ohne.example"
    live.ask_for("Kanzlei Ohne", email)
    page = person(java_script_enabled=False, viewport=PHONE)

    def go(path: str) -> None:
        # The mail's frame opens links in a new page, which is what a mail program does as well.
        page.goto(live.mail(page, email, path))
        page.goto(page.frame_locator("iframe").locator(f"a[href*='{path}']").first.get_attribute("href"))

    go("/auth/register")
    register(page)
    expect(page).to_have_url(re.compile("/firm/"))
    go("/agreement/")
    sign(page, live, email, "Olga Ohne")


@pytest.mark.parametrize(
    ("language", "locale", "word"),
    [("fr", "fr-FR", "Créer votre compte"), ("en", "en-GB", "Create your account"), ("de", "de-DE", "Konto erstellen")],
)
def test_each_language_has_its_pages(live, person, follow, language, locale, word):
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
    for path in ("/", "/mail", "/docs", "/imprint", "/privacy", "/auth/register", "/auth/login", "/auth/forgot"):
        page.goto(live.at.web + path)
        sound(page)
    for path in ("/board", "/board?search=nichts", "/board/start", "/board/countersign", "/profile"):
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
