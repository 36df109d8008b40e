"""What goes wrong on the way, by hand: everybody is told what to do, and the case goes on."""

import re
from io import BytesIO

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    PHONE,
    Running,
    decide,
    form,
    read_all,
    register,
    runs,
    sign,
    signed_in_to_prefect,
    sound,
    until,
)
from tests.pdfs import pdf
from tests.signing import digitally_signed

NEW = "noch ein Satz mit Füchsen"


def scan() -> bytes:
    """One page of paper as a scanner makes it."""
    file = BytesIO()
    Image.new("RGB", (620, 877), "#f4f2ec").save(file, "PDF")
    return file.getvalue()


def open_question(operator: Page, live: Running, email: str, button: str):
    """On the board, search the firm of this organiser as soon as something is asked there that has this answer."""
    until(operator, f"a question about the firm of {email}", lambda: live.rows(ASKED, email))
    operator.goto(f"{live.at.web}/board")
    operator.get_by_role("searchbox").fill(email.partition("@")[0])
    operator.get_by_role("searchbox").press("Enter")
    operator.get_by_role("main").get_by_role("link", name=re.compile(email.partition("@")[0])).first.click()
    expect(operator.get_by_role("button", name=button)).to_be_visible()


ASKED = (
    "SELECT 1 FROM decisions JOIN onboardings ON onboardings.id = onboarding_id JOIN persons USING (firm_id)"
    " WHERE email = ? AND answered_at IS NULL"
)


def newest_link(live: Running, email: str) -> str:
    """To the agreement, of those in the mails to this address."""
    return [link for mail in live.mails_to(email) for link in mail.links if "/agreement/" in link][-1]


def test_a_number_refused_in_prefect_is_gone_from_the_board_and_replaced_by_one_near_to_it(
    live, person, operator, follow
):
    email, prefect = "nora@nummer.example", signed_in_to_prefect(person, live)
    live.ask_for("Kanzlei nora", email, preferred_number="555555")
    run = form(prefect, live, email)
    open_question(operator, live, email, "Kennung vergeben")

    decide(prefect, live, run, "refuse", Anmerkung="Diese Nummer ist versprochen.")
    until(prefect, "the answer", lambda: run in {one["id"] for one in runs(live, "decide", "COMPLETED")})
    operator.get_by_role("button", name="Kennung vergeben").click()
    expect(operator.get_by_role("alert")).to_contain_text(
        "Darüber wurde bereits entschieden (ablehnen, durch Prefect): Es wurde nichts geändert."
    )
    expect(operator.get_by_role("button", name="Kennung vergeben")).to_have_count(0)
    expect(operator.get_by_role("heading", level=1)).to_contain_text("Kanzlei nora")
    sound(operator)

    page = follow(person(), email, "/auth/register")
    register(page)
    told = follow(page, email, "/details", "versprochen")
    sound(told)
    told.get_by_label("555556").check()
    told.get_by_role("button", name="Diese Kennung nehmen").click()

    expect(told.get_by_text("555556").first).to_be_visible()
    live.mail(page, email, word="555556")
    operator.reload()
    expect(operator.get_by_text("555556").first).to_be_visible()


def test_a_wrong_password_tells_nothing_a_forgotten_one_is_replaced_and_signed_out_means_signed_out(
    live, person, follow, organiser
):
    _, email = organiser
    page = person()
    page.goto(f"{live.at.web}/auth/login")
    page.get_by_label("E-Mail-Adresse").fill(email)
    page.get_by_label("Passwort").fill("das war es nicht, leider")
    page.get_by_role("button", name="Anmelden").click()
    refused = page.get_by_role("alert").inner_text()
    page.get_by_label("E-Mail-Adresse").fill("niemand@muster.example")
    page.get_by_label("Passwort").fill("das war es nicht, leider")
    page.get_by_role("button", name="Anmelden").click()
    assert page.get_by_role("alert").inner_text() == refused
    sound(page)

    page.goto(f"{live.at.web}/auth/forgot")
    page.get_by_label("E-Mail-Adresse").fill(email)
    page.get_by_role("main").get_by_role("button").click()
    sound(page)
    new = follow(page, email, "/auth/reset/")
    sound(new)
    new.get_by_label("Neues Passwort").fill(NEW)
    new.get_by_role("button", name="Passwort speichern").click()
    page = person()
    page.goto(f"{live.at.web}/auth/login")
    page.get_by_label("E-Mail-Adresse").fill(email)
    page.get_by_label("Passwort").fill(NEW)
    page.get_by_role("button", name="Anmelden").click()
    expect(page).to_have_url(re.compile("/firm/"))

    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
    page.wait_for_load_state()  # Chromium cannot go back while it is still arriving.
    page.go_back()
    page.reload()
    expect(page).to_have_url(re.compile("/auth/login"))
    assert NEW not in page.content()


def test_an_agreement_that_ran_out_or_was_declined_is_sent_again_and_the_old_links_say_so(
    live, operator, follow, organiser
):
    page, email = organiser
    agreement = follow(page, email, "/agreement/")
    sent = newest_link(live, email)
    live.rows(
        "UPDATE agreements SET expires_at = '2026-01-31 12:00:00.000000' WHERE onboarding_id ="
        " (SELECT onboardings.id FROM onboardings JOIN persons USING (firm_id) WHERE email = ?)",
        email,
    )
    agreement.reload()
    expect(agreement.get_by_text("Dieser Vertrag konnte bis")).to_be_visible()
    expect(agreement.get_by_role("button", name="Vertrag lesen")).to_have_count(0)
    sound(agreement)
    agreement.get_by_role("button", name="Neue Fassung zusenden").click()
    expect(agreement.get_by_text("Eine neue Fassung ist unterwegs")).to_be_visible()
    sound(agreement)

    until(page, "the next version", lambda: newest_link(live, email) != sent)
    agreement, sent = follow(page, email, "/agreement/"), newest_link(live, email)
    old = agreement.url
    agreement.get_by_text("Vertrag ablehnen").click()
    agreement.get_by_label("Was sagt Ihnen nicht zu?").fill("Der Preis stimmt nicht.")
    agreement.get_by_role("button", name="Ablehnen").click()
    expect(agreement.get_by_text(re.compile("^Am .* abgelehnt"))).to_be_visible()
    sound(agreement)

    open_question(operator, live, email, "Neue Fassung senden")
    expect(operator.get_by_role("main")).to_contain_text("Der Preis stimmt nicht.")
    operator.get_by_role("button", name="Neue Fassung senden").click()

    until(page, "the version after that", lambda: newest_link(live, email) != sent)
    agreement.goto(old)
    sound(agreement)
    sign(follow(page, email, "/agreement/"), live, email, "Erika Muster")


def test_a_signed_copy_comes_back_as_a_file_and_an_operator_looks_at_it(live, person, operator, follow, organiser):
    page, email = organiser
    agreement = follow(page, email, "/agreement/")
    agreement.get_by_text(re.compile("Lieber auf Papier")).click()
    agreement.get_by_label("Unterzeichnetes Exemplar").set_input_files(
        {"name": "brief.pdf", "mimeType": "application/pdf", "buffer": b"Das ist kein PDF."}
    )
    agreement.get_by_role("button", name="Unterzeichnetes Exemplar senden").click()
    expect(agreement.get_by_role("alert")).to_contain_text("„brief.pdf“")
    sound(agreement)
    agreement.get_by_label("Unterzeichnetes Exemplar").set_input_files(
        {"name": "vertrag.pdf", "mimeType": "application/pdf", "buffer": scan()}
    )
    agreement.get_by_role("button", name="Unterzeichnetes Exemplar senden").click()
    expect(agreement.get_by_text(re.compile("^Ihr unterzeichnetes Exemplar"))).to_be_visible()

    open_question(operator, live, email, "Annehmen und gegenzeichnen")
    expect(operator.get_by_text("Sie trägt keine digitale Signatur")).to_be_visible()
    for name in ("Zurückgekommen: Seite 1 von 1", "Original: Seite 1 von 9"):
        shown = operator.get_by_role("img", name=re.compile(name.replace("9", r"\d+")))
        shown.scroll_into_view_if_needed()
        until(operator, name, lambda shown=shown: shown.evaluate("picture => picture.complete && picture.naturalWidth"))
    sound(operator)
    operator.get_by_role("button", name="Annehmen und gegenzeichnen").click()
    live.mail(page, email, word="Beiderseits")


def test_a_digitally_signed_copy_counts_at_once_and_another_text_does_not(live, operator, follow, organiser):
    page, email = organiser
    agreement = follow(page, email, "/agreement/")
    ours = agreement.request.get(f"{agreement.url.partition('?')[0]}/pdf").body()
    agreement.get_by_text(re.compile("Lieber auf Papier")).click()
    for copy in (digitally_signed(pdf()), digitally_signed(ours, box=(320, 60, 520, 110))):
        agreement.get_by_label("Unterzeichnetes Exemplar").set_input_files(
            {"name": "vertrag.pdf", "mimeType": "application/pdf", "buffer": copy}
        )
        agreement.get_by_role("button", name="Unterzeichnetes Exemplar senden").click()
        said = agreement.get_by_role("alert").or_(agreement.get_by_text(re.compile("^Unterzeichnet von Erika Muster")))
        expect(said.first).to_be_visible()
    expect(agreement.get_by_text(re.compile("^Unterzeichnet von Erika Muster"))).to_be_visible()
    sound(agreement)

    open_question(operator, live, email, "Gegenzeichnen")
    expect(operator.get_by_text("Die Signatur ist gültig")).to_be_visible()
    expect(operator.get_by_text("Aussteller vertrauenswürdig")).to_be_visible()
    operator.get_by_role("button", name="Gegenzeichnen").click()
    live.mail(page, email, word="Beiderseits")


def test_what_is_not_there_or_not_yours_is_a_page_that_helps(live, person, member):
    progress = member.url
    for path in ("/nirgends", "/firm/999999", "/board", "/agreement/nichts", "/auth/register?business_member=nichts"):
        member.goto(live.at.web + path)
        sound(member)
    stranger = person()
    stranger.goto(progress)
    expect(stranger.get_by_role("heading", level=1)).to_be_visible()


def test_the_signature_is_handed_over_and_drawn_on_a_phone_by_who_may_sign(live, person, follow, organiser):
    page, email = organiser
    partner = email.replace("erika", "gesa")
    agreement = follow(page, email, "/agreement/")
    agreement.get_by_text("Jemand anders unterzeichnet für uns").click()
    agreement.get_by_label("Vor- und Nachname").fill("Gesa Graf")
    agreement.get_by_label("Funktion").fill("Partnerin")
    agreement.get_by_label("E-Mail-Adresse").fill(partner)
    sound(agreement)
    agreement.get_by_role("button", name="Um Unterschrift bitten").click()
    expect(agreement.get_by_text("Gesa Graf (Partnerin)")).to_be_visible()
    sound(agreement)

    phone = follow(person(viewport=PHONE), partner, "/agreement/")
    read_all(phone)
    sound(phone)
    phone.get_by_role("button", name="Code anfordern").click()
    phone.get_by_label("Ihr vollständiger Name").fill("Gesa Graf")
    field = phone.locator("canvas")
    field.scroll_into_view_if_needed()
    place = field.bounding_box()
    phone.mouse.move(place["x"] + 40, place["y"] + 40)
    phone.mouse.down()
    phone.mouse.move(place["x"] + 200, place["y"] + 60, steps=9)
    phone.mouse.up()
    assert phone.locator("input[name=drawing]").input_value().count(",") > 4
    phone.get_by_label(re.compile("Ich habe den Vertrag")).check()
    sound(phone)
    phone.get_by_label("Code aus der E-Mail").fill(live.code(phone, partner))
    phone.get_by_role("button", name="Vertrag unterzeichnen").click()
    expect(phone.get_by_text("Unterzeichnet von Gesa Graf")).to_be_visible()

    agreement.reload()
    expect(agreement.get_by_text("Unterzeichnet von Gesa Graf")).to_be_visible()
