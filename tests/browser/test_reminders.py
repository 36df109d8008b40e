"""The grid of hours by mouse and keyboard; reminders paused and gone on with."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import sound


def cell(page: Page, day: int, hour: int):
    return page.locator(f"input[name=hour][value='{day}-{hour}']")


def drag(page: Page, first, last) -> None:
    """From the middle of one cell to the middle of another."""
    places = [one.bounding_box() for one in (first, last)]
    (x, y), (to_x, to_y) = ((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in places)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=6)
    page.mouse.up()


def test_hours_are_marked_by_mouse_and_keyboard(live, organiser):
    page, _ = organiser
    page.goto(f"{live.at.web}/profile")
    page.set_viewport_size({"width": 1280, "height": 1400})
    line = page.get_by_label("Ihre Zeiten")
    expect(line).to_have_value("Mo–Fr 8–18")

    drag(page, cell(page, 5, 9), cell(page, 6, 11))
    expect(line).to_have_value("Mo–Fr 8–18; Sa–So 9–12")
    cell(page, 6, 11).click()
    expect(line).to_have_value("Mo–Fr 8–18; Sa 9–12; So 9–11")

    cell(page, 6, 11).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(line).to_have_value("Mo–Fr 8–18; Sa 9–12; So 9–13")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") != "hour"  # The grid is one stop.

    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_text("Gespeichert.")).to_be_visible()
    expect(line).to_have_value("Mo–Fr 8–18; Sa 9–12; So 9–13")
    sound(page)


def test_reminders_are_paused_and_go_on(live, organiser, operator):
    _, email = organiser
    operator.locator("#search").fill(email.partition("@")[0])
    operator.keyboard.press("Enter")
    operator.locator("table a[href*='/board/cases/']").first.click()
    operator.get_by_role("main").get_by_role("link", name="Erinnerungen").click()
    expect(operator.get_by_role("heading", name="Auf wen gewartet wird")).to_be_visible()
    sound(operator)

    operator.get_by_role("button", name=re.compile("Anhalten.*Vorgang")).click()
    expect(operator.get_by_text("Dort wird niemand erinnert")).to_be_visible()
    expect(operator.locator("table").get_by_text("angehalten").first).to_be_visible()
    sound(operator)

    operator.get_by_role("button", name=re.compile("^Fortsetzen *: *Vorgang")).click()
    expect(operator.get_by_text("Es wird wieder erinnert")).to_be_visible()
    expect(operator.locator("table").get_by_text("angehalten")).to_have_count(0)
