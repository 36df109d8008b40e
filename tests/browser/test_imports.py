"""A client list by hand: brought, looked at, asked about, imported, corrected and brought again on a phone."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, sound, tab_to
from tests.browser.test_clients import enter, firm, signed_in

__all__ = ["firm"]

LIST = (
    "Mandant;Kundennummer;Vorname;Nachname;E-Mail;PLZ;Ort\n"
    "Alpha {tag} GmbH;10001;Anna;Arndt;anna.{tag}@alpha.example;1067;Dresden\n"
    "Beta {tag} GmbH;10002;Bernd;Berg;bernd[at]beta;50667;Köln\n"
    "Gamma {tag} GmbH;10003;Gerd;Groß;gerd[at]gamma;53111;Bonn\n"
    "Delta {tag} GmbH;10004;;;;89073;Ulm\n"
)


def bring(page: Page, name: str, content: bytes) -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": content})
    enter(page, "Datei lesen")


def click(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def test_a_list_is_imported_by_keyboard_and_its_errors_are_corrected_on_a_phone(person, firm):
    erika = signed_in(person, firm, "erika")
    erika.goto(f"{firm.at}/accounts")
    enter(erika, "Importieren")
    sound(erika)
    bring(erika, "Mandanten.csv", LIST.format(tag=firm.tag).encode("cp1252"))
    if erika.url.endswith("/columns"):
        sound(erika)
        enter(erika, "Weiter zur Vorschau")
    expect(erika.get_by_role("heading", name="Was geschehen wird")).to_be_visible()
    sound(erika)

    # One question alone, taken back, and then all alike.
    click(erika, f"ohne den Wert importieren – Beta {firm.tag} GmbH")
    expect(erika.get_by_role("button", name="Antwort zurücknehmen – Beta")).to_have_count(1)
    sound(erika)
    click(erika, f"Antwort zurücknehmen – Beta {firm.tag} GmbH")
    click(erika, "ohne den Wert importieren – Keine E-Mail-Adresse")
    expect(erika.get_by_role("button", name="Jetzt importieren: 3 Konten, 3 Kontakte")).to_be_visible()
    enter(erika, "Jetzt importieren")
    expect(erika.get_by_role("heading", name="Der Import ist fertig")).to_be_visible()
    sound(erika)

    # What was left out is downloaded, corrected, and brought again.
    tab_to(erika, "1 Zeile zum Korrigieren")
    with erika.expect_download() as rows:
        erika.keyboard.press("Enter")
    left_out = rows.value.path().read_text(encoding="utf-8-sig")
    corrected = left_out.replace(";10004;;;;", f";10004;Dora;Dorn;dora.{firm.tag}@delta.example;")
    assert corrected != left_out
    jan = signed_in(person, firm, "jan", viewport=PHONE)
    jan.goto(f"{firm.at}/accounts/import")
    sound(jan)
    bring(jan, "korrigiert.csv", corrected.encode())
    sound(jan)
    enter(jan, "Jetzt importieren: 1 Konto, 1 Kontakt")
    sound(jan)
    jan.get_by_role("link", name="Einige auswählen").click()
    expect(jan.get_by_role("link", name=f"Delta {firm.tag} GmbH")).to_be_visible()
    sound(jan)

    # The first import goes back as a whole; what came of the second one stays.
    enter(erika, "Import zurücknehmen")
    sound(erika)
    enter(erika, "Jetzt zurücknehmen")
    expect(erika.get_by_text("Dieser Import wurde zurückgenommen")).to_be_visible()
    sound(erika)
    erika.goto(f"{firm.at}/accounts/import")
    sound(erika)
    erika.goto(f"{firm.at}/accounts?search={firm.tag}")
    expect(erika.get_by_role("link", name=f"Delta {firm.tag} GmbH")).to_be_visible()
    expect(erika.get_by_role("link", name=f"Alpha {firm.tag} GmbH")).to_have_count(0)
