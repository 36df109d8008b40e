"""The firm's logo by hand: dropped or chosen, seen on light and dark ground, and replaced."""

import base64
from io import BytesIO

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Running, register, sound
from tests.tasks.logos.artwork import ARTWORK, WHITE, on, white_writing

DRAWING = (
    b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 20'><rect width='40' height='20' fill='#06c'/></svg>"
)
HOSTILE = b"<svg><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]></svg>"


def png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def drop(target: Locator, name: str, content: bytes) -> None:
    """Let a file fall on *target*, as a person does with a mouse."""
    files = target.page.evaluate_handle(
        """([name, content]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const files = new DataTransfer();
            files.items.add(new File([bytes], name, {type: "image/png"}));
            return files;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    for kind in ("dragenter", "dragover", "drop"):
        target.dispatch_event(kind, {"dataTransfer": files})


def shown(picture: Locator) -> str:
    """The end of the address from which the picture was loaded."""
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("picture => picture.naturalWidth") > 0
    return picture.evaluate("picture => picture.currentSrc").rpartition("/")[2]


def open_logo(page: Page) -> None:
    page.get_by_role("link", name="Logo", exact=True).click()


def test_a_logo_is_dropped_seen_on_both_grounds_and_replaced_by_keyboard(organiser):
    page, _ = organiser
    open_logo(page)

    drop(page.locator("form[data-drop] .hint").first, "wortmarke.png", png(on(WHITE, ARTWORK["wordmark"])))
    expect(page.get_by_role("status")).to_have_text("„wortmarke.png“ ist ausgewählt: Senden Sie die Datei jetzt ab.")
    expect(page.get_by_role("button", name="Datei senden")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Es erfüllt 3 von 4 Kriterien.")).to_be_visible()
    light, dark = page.locator(".plates img").all()
    assert (shown(light), shown(dark)) == ("logo.png", "logo-dark.png")
    sound(page)

    page.get_by_label("Logodatei").set_input_files(
        {"name": "weiss.png", "mimeType": "image/png", "buffer": png(white_writing())}
    )
    page.get_by_label("Logodatei").press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Es ist weiß:")).to_be_visible()
    sound(page)


def test_a_file_is_seen_on_both_grounds_before_it_is_sent(organiser):
    page, _ = organiser
    open_logo(page)
    preview, field = page.locator("[data-preview]"), page.get_by_label("Logodatei")
    expect(preview).to_be_hidden()

    for kind, content in (("image/svg+xml", DRAWING), ("image/png", png(ARTWORK["wordmark"]))):
        field.set_input_files({"name": "logo", "mimeType": kind, "buffer": content})
        expect(preview).to_be_visible()
        for ground in (".on-light", ".on-dark"):
            shown(preview.locator(f"{ground} img"))
        sound(page)

    field.set_input_files({"name": "a.tif", "mimeType": "image/tiff", "buffer": b"II*\0"})
    expect(preview).to_be_hidden()
    expect(page.get_by_role("status")).to_contain_text("a.tif")
    field.set_input_files([])
    expect(page.locator("[data-chosen]")).to_be_empty()


def test_a_page_shows_the_version_for_its_scheme(organiser):
    page, _ = organiser
    open_logo(page)
    page.get_by_label("Logodatei").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": png(ARTWORK["wordmark"])}
    )
    page.get_by_role("button", name="Datei senden").click()
    page.get_by_role("link", name="Fortschritt").click()

    assert shown(page.locator(".plate img")) == "logo.png"
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert shown(page.locator(".plate img")) == "logo-dark.png"


def test_a_file_that_misses_the_form_does_not_replace_the_page(organiser):
    page, _ = organiser
    open_logo(page)

    drop(page.locator("h1"), "a.png", png(ARTWORK["wordmark"]))

    expect(page.get_by_role("heading", name="Ihr Logo")).to_be_visible()
    assert page.get_by_label("Logodatei").evaluate("field => field.files.length") == 0


def test_without_scripts_it_works_as_well_and_says_what_is_wrong(live: Running, person):
    page = person(java_script_enabled=False)
    email = "anna.ohne@muster.example"
    page.goto(live.invite("Kanzlei Anna", email))
    register(page)
    open_logo(page)

    page.get_by_label("Logodatei").set_input_files({"name": "a.svg", "mimeType": "image/svg+xml", "buffer": HOSTILE})
    page.get_by_role("button", name="Datei senden").click()
    expect(page.get_by_role("alert")).to_contain_text("Die SVG-Datei enthält Entitäten")
    page.get_by_label("Logodatei").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": png(ARTWORK["wordmark"])}
    )
    page.get_by_role("button", name="Datei senden").click()
    expect(page.get_by_text("Es erfüllt 3 von 4 Kriterien.")).to_be_visible()
