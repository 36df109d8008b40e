"""The firm's logo by hand: dropped or chosen, seen on light and dark ground, and replaced."""

import base64

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import png, sound
from tests.tasks.logos.artwork import ARTWORK, WHITE, on, white_writing

DRAWING = (
    b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 20'><rect width='40' height='20' fill='#06c'/></svg>"
)


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
    page.wait_for_url("**/logo")  # Loaded: what is dropped before its script has run is nobody's.


def test_a_file_is_seen_on_both_grounds_before_it_is_sent_and_one_that_misses_the_form_does_nothing(member):
    open_logo(member)
    preview, field = member.locator("[data-preview]"), member.get_by_label("Logodatei")
    expect(preview).to_be_hidden()

    drop(member.locator("h1"), "a.png", png(ARTWORK["wordmark"]))
    expect(member.get_by_role("heading", name="Ihr Logo")).to_be_visible()
    assert field.evaluate("field => field.files.length") == 0

    for kind, content in (("image/svg+xml", DRAWING), ("image/png", png(ARTWORK["wordmark"]))):
        field.set_input_files({"name": "logo", "mimeType": kind, "buffer": content})
        expect(preview).to_be_visible()
        for ground in (".on-light", ".on-dark"):
            shown(preview.locator(f"{ground} img"))
    sound(member)

    field.set_input_files({"name": "a.tif", "mimeType": "image/tiff", "buffer": b"II*\0"})
    expect(preview).to_be_hidden()
    expect(member.get_by_role("status")).to_contain_text("a.tif")
    field.set_input_files([])
    expect(member.locator("[data-chosen]")).to_be_empty()


def test_a_logo_is_dropped_shown_in_the_version_for_each_scheme_and_replaced_by_keyboard(member):
    open_logo(member)

    drop(member.locator("form[data-drop] .hint").first, "wortmarke.png", png(on(WHITE, ARTWORK["wordmark"])))
    expect(member.get_by_role("status")).to_have_text("„wortmarke.png“ ist ausgewählt: Senden Sie die Datei jetzt ab.")
    expect(member.get_by_role("button", name="Datei senden")).to_be_focused()
    member.keyboard.press("Enter")

    expect(member.get_by_text("Es erfüllt 3 von 4 Kriterien.")).to_be_visible()
    light, dark = member.locator(".plates img").all()
    assert (shown(light), shown(dark)) == ("logo.png", "logo-dark.png")
    sound(member)

    member.get_by_role("link", name="Fortschritt").click()
    assert shown(member.locator(".plate img")) == "logo.png"
    member.emulate_media(color_scheme="dark")
    member.reload()
    assert shown(member.locator(".plate img")) == "logo-dark.png"

    open_logo(member)
    member.get_by_label("Logodatei").set_input_files(
        {"name": "weiss.png", "mimeType": "image/png", "buffer": png(white_writing())}
    )
    member.get_by_label("Logodatei").press("Tab")
    member.keyboard.press("Enter")
    expect(member.get_by_text("Es ist weiß:")).to_be_visible()
    sound(member)
