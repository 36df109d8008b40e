"""The grid of hours by mouse and keyboard."""

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


def test_hours_are_marked_by_mouse_and_keyboard(live, member):
    page = member
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
