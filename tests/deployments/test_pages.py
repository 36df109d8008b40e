import re
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from PIL import Image, ImageDraw
from pypdf import PdfReader
from sqlalchemy import select

from models.audit import trail
from models.db import reading, transaction
from models.document import Document
from models.link import Link, Purpose
from models.logo import public_logo
from models.people.person import Person, Role
from models.request import Named
from models.settings import settings
from tasks.agreement import lifecycle, responses, uploaded_copy
from tasks.logos.publish import supply_logo
from tasks.onboarding import firm_page
from tasks.onboarding.invitations import add_caseworkers
from tasks.onboarding.stopping import stop_case
from tasks.people.sessions import sign_in
from tests.deployments.browser import Browser, assert_well_built, entries, errors
from tests.factories import (
    PASSWORD,
    advance,
    agreement,
    case,
    code,
    countersigned,
    decide,
    everything,
    firm_of,
    handed_over,
    opened,
    operator,
    outbox,
    read_all,
    registered,
    standing,
    token,
    with_client,
    with_organiser,
)
from tests.pdfs import pdf
from tests.remembered import remembered
from tests.signing import digitally_signed, scanned, trust_roots
from tests.tasks.test_firm_page import many_clients

pytestmark = pytest.mark.usefixtures("quiet")

ERIKA = "erika@freitag.example"
MAX = "max@beispiel.example"


def people(firm_id: int, role: Role) -> list[Person]:
    with reading() as session:
        return Person.of(session, firm_id, role)


def picture() -> bytes:
    drawn = Image.new("RGBA", (520, 160), (0, 0, 0, 0))
    ImageDraw.Draw(drawn).ellipse((10, 10, 150, 150), fill=(160, 30, 50, 255))
    file = BytesIO()
    drawn.save(file, "PNG")
    return file.getvalue()


def register_path(email: str = ERIKA) -> str:
    return f"/auth/register?business_member={token(email, Purpose.REGISTER)}"


@pytest.fixture
def invited() -> int:
    """A case whose organiser has the link and no account."""
    return with_contact()


@remembered
def with_contact() -> int:
    case_id = opened(contact={"name": "Paula Berg", "email": "paula@freitag.example"})
    advance(case_id)
    return case_id


# ---- accounts


def test_the_organiser_registers_names_a_contact_person_and_is_signed_in(invited):
    client = Browser()
    contact = {"contact": "other", "contact_name": "Dr. Otto Neu", "contact_email": "otto@freitag.example"}

    answer = client.send_form(register_path(), password=PASSWORD, **contact)

    assert answer.url.path == f"/firm/{firm_of(invited)}"
    assert "Ihr Account ist bereit" in answer.text
    assert [person.name for person in people(firm_of(invited), Role.CONTACT)] == ["Dr. Otto Neu"]
    assert people(firm_of(invited), Role.ORGANISER)[0].registered_at is not None


def test_the_registration_form_knows_whoever_was_invited(invited):
    page = Browser().read(register_path())

    assert "Anwaltskanzlei Freitag & Kollegen" in page.main.text
    form = entries(page.select_one("main form"))
    assert (form["given_name"], form["family_name"], form["language"]) == ("Erika", "Muster", "de")
    assert (form["contact"], form["contact_email"]) == ("other", "paula@freitag.example")


def test_who_has_an_account_already_opens_access_and_creates_none(invited):
    pages = [Browser().read(register_path())]
    registered()
    advance(opened("test:2", firm_name="Steuerbüro Süd"))
    with transaction() as session:
        link = session.scalars(select(Link).where(Link.purpose == Purpose.REGISTER).order_by(Link.id.desc())).first()
        newest = link.token
    pages.append(Browser().read(f"/auth/register?business_member={newest}"))

    assert [page.h1.text for page in pages] == ["Account erstellen", "Zugang öffnen"]
    assert [page.select_one("main form button").text for page in pages] == ["Account erstellen", "Zugang öffnen"]


def test_a_refused_password_is_explained_at_its_field_and_never_shown_again(invited):
    answer = Browser().send_form(register_path(), password="zu kurz", given_name="Erika Maria")

    assert answer.status_code == 422
    assert list(errors(answer)) == ["password"]
    page = BeautifulSoup(answer.text, "lxml")
    assert page.select_one("#given_name")["value"] == "Erika Maria"
    assert page.select_one("#password")["aria-invalid"] == "true"
    assert "password-error" in page.select_one("#password")["aria-describedby"]
    assert "zu kurz" not in answer.text


def test_each_refusal_stands_at_the_field_it_is_about(invited):
    client = Browser()

    no_name = client.send_form(register_path(), password=PASSWORD, family_name="")
    no_contact = client.send_form(register_path(), password=PASSWORD, contact="other", contact_email="otto@")

    assert list(errors(no_name)) == ["family_name"]
    assert list(errors(no_contact)) == ["contact_email"]


def test_whoever_is_addressed_with_du_is_refused_with_du():
    case_id = opened(address_form="du")
    advance(case_id)

    answer = Browser().send_form(register_path(), password="kurz")

    assert "Verwende mindestens" in answer.text
    assert "Verwenden Sie" not in answer.text


def test_looking_at_a_link_does_not_use_it_up(invited):
    scanner = Browser()
    for _ in range(3):
        scanner.get(register_path())

    answer = Browser().send_form(register_path(), password=PASSWORD)

    assert "Ihr Account ist bereit" in answer.text


def test_a_used_link_leads_to_the_sign_in_page(invited):
    path = register_path()
    registered()

    answer = Browser().get(path)

    assert answer.status_code == 410
    assert 'href="/auth/login"' in answer.text


def test_an_expired_link_offers_a_new_one_before_any_form(invited, clock):
    path = register_path()
    clock(days=15)
    client = Browser()
    page = client.get(path)
    before = outbox("register")

    form = entries(BeautifulSoup(page.text, "lxml").select_one("main form"))
    first = client.post("/auth/renew", data=form)
    again = client.post("/auth/renew", data=form)

    assert page.status_code == 410
    assert "password" not in page.text
    assert first.status_code == again.status_code == 200
    assert len(outbox("register")) == len(before) + 1
    old = client.get(path)  # Dead, and says so.
    assert old.status_code == 410
    assert "neuere E-Mail gesendet" in old.text
    assert client.get(register_path()).status_code == 200


def test_the_bare_registration_page_answers_the_same_to_everybody(invited):
    client, before, company_id = Browser(), outbox("register"), str(_number(invited))

    known = client.send_form("/auth/register?business_member", company_id=company_id, email=ERIKA)
    after_known = outbox("register")
    unknown = client.send_form("/auth/register?business_member", company_id=company_id, email="nobody@freitag.example")

    assert _main(known) == _main(unknown)
    assert len(after_known) == len(before) + 1
    assert outbox("register") == after_known


def _number(case_id: int) -> int:
    return case(case_id).firm.company_id


def _main(answer) -> str:
    return BeautifulSoup(answer.text, "lxml").main.text


def test_a_client_activates_and_comes_home_to_the_portal():
    case_id = with_client()
    client = Browser()

    answer = client.send_form(f"/auth/activate/{token(MAX, Purpose.ACTIVATE)}", password=PASSWORD)

    assert answer.url.path == "/portal"
    assert "Ihr Zugang ist aktiv" in answer.text
    shown = BeautifulSoup(answer.text, "lxml")
    assert (shown.h1.text, "Unternehmen" in shown.header.text) == ("Meine Konten", False)
    assert people(firm_of(case_id), Role.CLIENT)[0].registered_at is not None


def test_what_is_refused_says_above_it_what_kind_of_refusal_it_is(invited):
    browser = Browser()
    nowhere = BeautifulSoup(browser.get("/nowhere").text, "lxml")
    path = register_path("erika@freitag.example")
    stop_case(invited, "Doppelt.", "operator@convent-it.example")
    over = BeautifulSoup(browser.get(path).text, "lxml")

    assert (nowhere.h1.text, nowhere.title.text.split(" – ")[0]) == ("Seite nicht gefunden", "Seite nicht gefunden")
    assert over.h1.text == "Das ist nicht mehr offen"


def test_somebody_with_an_account_joins_a_second_firm_with_its_password():
    with_client()
    registered(MAX, Purpose.ACTIVATE)
    second = opened("test:2", firm_name="Kanzlei Zwei", organiser={"name": "Max Beispiel", "email": MAX})
    advance(second)
    client, path = Browser(), register_path(MAX)

    wrong = client.send_form(path, password="ein anderer langer Satz")
    right = client.send_form(path, password=PASSWORD)

    assert list(errors(wrong)) == ["password"]
    assert right.url.path == f"/firm/{firm_of(second)}"
    page = client.read("/portal").main.text
    assert "Kanzlei Zwei" in page
    assert "Freitag" in page


def test_sign_in_leads_back_to_the_page_that_was_asked_for(invited):
    registered()
    client = Browser()
    asked = client.get(f"/firm/{firm_of(invited)}/details")

    form = entries(BeautifulSoup(asked.text, "lxml").select_one("main form"))
    answer = client.post(str(asked.url), data=form | {"email": ERIKA.upper(), "password": PASSWORD})

    assert asked.url.path == "/auth/login"
    assert answer.url.path == f"/firm/{firm_of(invited)}/details"


def test_sign_in_and_forgotten_password_know_an_umlaut_domain_in_both_spellings(clock):
    advance(opened(organiser={"name": "Erika Muster", "email": "info@müller-steuer.example"}))
    registered("info@müller-steuer.example")

    for number, typed in enumerate(("info@müller-steuer.example", "info@xn--mller-steuer-dlb.example"), 1):
        assert Browser().send_form("/auth/login", email=typed, password=PASSWORD).url.path != "/auth/login"
        clock(hours=1)
        Browser().send_form("/auth/forgot", email=typed)
        assert len(outbox("reset_password")) == number


def test_a_name_that_is_too_long_is_told_at_its_field_and_nothing_is_cut(invited):
    both = Browser().send_form(register_path(), given_name="A" * 120, family_name="B" * 120, password=PASSWORD)
    together = Browser().send_form(register_path(), given_name="A" * 100, family_name="B" * 100, password=PASSWORD)
    contact = Browser().send_form(
        register_path(), password=PASSWORD, contact="other", contact_name="C" * 120, contact_email="c@freitag.example"
    )

    assert [list(errors(answer)) for answer in (both, together, contact)] == [
        ["given_name"],
        ["family_name"],
        ["contact_name"],
    ]
    assert all(answer.status_code == 422 for answer in (both, together, contact))
    assert "hat 120 Zeichen: Kürzen Sie auf 100." in both.text
    assert "A" * 120 in both.text


def test_names_typed_with_what_nobody_sees_are_kept_without_it(invited):
    Browser().send_form(
        register_path(), given_name="Eri\u200bka\x00", family_name="\u202eMuster\nNeu", password=PASSWORD
    )

    assert people(firm_of(invited), Role.ORGANISER)[0].name == "Erika Muster Neu"


def guess(browser: Browser, number: int):
    """One wrong password, sent from an address of the network of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deployments.web.pages.account.network", lambda _: f"192.0.2.{number}")
        return browser.send_form("/auth/login", email=ERIKA, password="falsch geraten, ganz falsch")


def test_guessing_one_accounts_password_slows_down_from_wherever_and_locks_its_holder_out_of_no_browser(invited):
    registered()
    mine = Browser()
    mine.send_form("/auth/login", email=ERIKA, password=PASSWORD)
    mine.post("/auth/logout", data={"form_token": mine.form_token("/portal")})

    answers = [guess(Browser(), number).status_code for number in range(21)]

    assert answers == [403] * 20 + [429]
    assert Browser().send_form("/auth/login", email="xn@freitag.example", password=PASSWORD).status_code == 403
    assert mine.send_form("/auth/login", email=ERIKA, password=PASSWORD).url.path != "/auth/login"
    assert "freitag" not in str(list(mine.cookies.jar))


def test_a_wrong_password_keeps_the_address_and_tells_nothing_else(invited):
    registered()

    wrong = Browser().send_form("/auth/login", email=ERIKA, password="falsch")
    unknown = Browser().send_form("/auth/login", email="nobody@x.example", password="falsch")

    assert wrong.status_code == unknown.status_code == 403
    assert BeautifulSoup(wrong.text, "lxml").select_one("#email")["value"] == ERIKA
    assert errors(wrong) == errors(unknown)
    assert "falsch" not in wrong.text


def test_a_forgotten_password_is_set_anew_by_a_link_in_a_mail(invited):
    registered()
    client = Browser()

    asked = client.send_form("/auth/forgot", email=ERIKA)
    silent = client.send_form("/auth/forgot", email="nobody@x.example")
    with reading() as session:
        link = session.scalars(select(Link).where(Link.purpose == Purpose.RESET_PASSWORD)).one().token
    short = client.send_form(f"/auth/reset/{link}", password="kurz")
    done = client.send_form(f"/auth/reset/{link}", password="vier blaue Vögel singen")

    assert _main(asked) == _main(silent)
    assert list(errors(short)) == ["password"]
    assert done.url.path == "/portal"
    assert Browser().send_form("/auth/login", email=ERIKA, password=PASSWORD).status_code == 403


def test_an_expired_link_to_a_new_password_leads_to_where_one_can_be_asked_for(invited, clock):
    registered()
    client = Browser()
    client.send_form("/auth/forgot", email=ERIKA)
    with reading() as session:
        link = session.scalars(select(Link).where(Link.purpose == Purpose.RESET_PASSWORD)).one().token
    clock(hours=2)

    answer = client.get(f"/auth/reset/{link}")

    assert answer.url.path == "/auth/forgot"


def test_the_organiser_corrects_the_name_and_names_a_contact_person_until_the_agreement_is_sent(invited):
    firm_id = firm_of(invited)
    organiser, page = Browser(registered()), f"/firm/{firm_id}/details"

    wrong = organiser.send_form(page, to=f"{page}/name", firm_name="Freitag", line_of_business="other", business="")
    organiser.send_form(page, to=f"{page}/name", firm_name="Freitag & Töchter", line_of_business="tax")
    missing = organiser.send_form(page, to=f"{page}/contact", contact_name="Otto Neu", contact_email="")
    organiser.send_form(page, to=f"{page}/contact", contact_name="Otto Neu", contact_email="otto@freitag.example")

    assert (list(errors(wrong)), list(errors(missing))) == (["business"], ["contact_email"])
    assert case(invited).firm.name == "Freitag & Töchter"
    assert people(firm_id, Role.CONTACT)[0].email == "otto@freitag.example"
    advance(invited)
    assert f"{page}/name" not in organiser.get(page).text


def test_the_organiser_withdraws_a_caseworker_who_was_named_wrongly():
    case_id = countersigned(caseworkers=[{"name": "Jan Fleiß", "email": "jan@freitag.example"}])
    page = f"/firm/{firm_of(case_id)}/caseworkers"
    organiser = Browser(sign_in(ERIKA, PASSWORD))
    (jan,) = people(firm_of(case_id), Role.CASEWORKER)

    answer = organiser.send_form(page, to=f"/firm/{firm_of(case_id)}/withdraw")
    advance(case_id)

    assert "nicht mehr eingeladen" in answer.text
    assert jan.email not in answer.text
    assert "Keine weiteren Sachbearbeiter" in BeautifulSoup(answer.text, "lxml").main.text
    again = organiser.post(
        f"/firm/{firm_of(case_id)}/withdraw", data={"form_token": organiser.form_token(page), "person": str(jan.id)}
    )
    assert again.status_code == 404


def test_the_organiser_pauses_the_access_of_an_active_caseworker_gives_it_back_and_ends_it():
    case_id = countersigned(caseworkers=[{"name": "Jan Fleiß", "email": "jan@freitag.example"}])
    jan = Browser(registered("jan@freitag.example"))
    firm = f"/firm/{firm_of(case_id)}"
    organiser = Browser(sign_in(ERIKA, PASSWORD))

    paused = organiser.send_form(f"{firm}/caseworkers", to=f"{firm}/pause")

    assert "ruht seit" in paused.text
    assert jan.get(firm).url.path == "/auth/login" or "Anmelden" in jan.get(firm).text
    refused = Browser().send_form("/auth/login", email="jan@freitag.example", password=PASSWORD)
    assert (refused.status_code, "ruht" in refused.text) == (403, True)
    assert "aktiv seit" in organiser.send_form(f"{firm}/caseworkers", to=f"{firm}/resume").text
    assert Browser(sign_in("jan@freitag.example", PASSWORD)).get(firm).status_code == 200
    ended = organiser.send_form(f"{firm}/caseworkers", to=f"{firm}/withdraw")
    assert "hat keinen Zugang mehr" in ended.text
    assert "jan@freitag.example" not in ended.text


# ---- language


def test_a_page_speaks_the_language_of_the_browser_then_of_the_person_then_the_chosen_one():
    case_id = opened(language="fr")
    advance(case_id)
    client = Browser(**{"accept-language": "en-GB,en;q=0.8"})

    browsers = client.read("/auth/login").html["lang"]
    persons = client.read(register_path()).html["lang"]
    remembered = client.read("/auth/login").html["lang"]
    form = next(form for form in client.read("/auth/login").select("footer form"))
    client.post("/language", data=entries(form) | {"language": "de"})
    chosen = client.read(register_path()).html["lang"]

    assert (browsers, persons, remembered, chosen) == ("en", "fr", "fr", "de")


def test_without_a_hint_pages_are_german():
    assert Browser().read("/").html["lang"] == "de"


# ---- the firm


def test_the_progress_page_says_where_it_stands_and_whose_turn_it_is():
    case_id = with_organiser()
    client = Browser(session_of_organiser())

    page = client.read(f"/firm/{firm_of(case_id)}")

    steps = page.select("ol.steps > li")
    assert len(steps) == 7
    assert "Sie sind an der Reihe" in steps[4].text
    assert "noch nicht an der Reihe" in steps[5].text
    assert "service@convent-it.example" in page.select_one("aside").text


def session_of_organiser() -> str:
    return sign_in(ERIKA, PASSWORD)


def test_the_contact_persons_link_shows_the_progress_and_offers_nothing_to_do(invited):
    page = Browser().read(f"/progress/{token('paula@freitag.example', Purpose.PROGRESS)}")

    assert len(page.select("ol.steps > li")) == 7
    assert "Erika Muster (Organisator)" in page.main.text
    assert not page.select("main form, main a.button")


def test_the_details_are_saved_or_refused_field_by_field():
    case_id = opened(street="", postcode="", city="", land=None)
    advance(case_id)
    client, firm_id = Browser(registered()), firm_of(case_id)

    empty = client.send_form(f"/firm/{firm_id}/details", street="Lindenweg 7")
    odd = client.send_form(f"/firm/{firm_id}/details", street="Weg 1", postcode="123", city="Ulm", land="BW")
    right = client.send_form(f"/firm/{firm_id}/details", street="Weg 1", postcode="89073", city="Ulm", land="BW")
    advance(case_id)

    assert list(errors(empty)) == ["postcode", "city", "land"]
    assert BeautifulSoup(empty.text, "lxml").select_one("#street")["value"] == "Lindenweg 7"
    assert list(errors(odd)) == ["postcode"]
    assert "Ihre Angaben sind gespeichert" in right.text
    assert standing(case_id)["details"] == "done"


@pytest.mark.parametrize(
    ("page", "to", "field", "text", "most"),
    [
        ("details", "details", "street", "S" * 201, 200),
        ("details", "details", "city", "C" * 101, 100),
        ("details", "details", "website", "w" * 301, 300),
        ("details", "details/name", "firm_name", "F" * 201, 200),
        ("details", "details/name", "business", "B" * 101, 100),
        ("details", "details/contact", "contact_name", "N" * 201, 200),
        ("logo", "logo/permission", "granted_by", "G" * 201, 200),
    ],
)
def test_every_field_of_the_firm_tells_its_limit(invited, page, to, field, text, most):
    browser, firm = Browser(registered()), f"/firm/{firm_of(invited)}"

    more = {"permission": "yes", "website": "www.freitag.example"} if page == "logo" else {}
    answer = browser.send_form(f"{firm}/{page}", f"{firm}/{to}" if to != page else "", **more | {field: text})

    assert (answer.status_code, list(errors(answer))) == (422, [field])
    assert f"auf {most}." in errors(answer)[field]


def test_a_refused_preferred_number_is_replaced_by_one_of_those_offered():
    case_id = opened(preferred_number="861272")
    advance(case_id)
    decide(case_id, "refuse")
    client, firm_id = Browser(registered()), firm_of(case_id)
    page = f"/firm/{firm_id}/details"

    offered = [field["value"] for field in client.read(page).select("[name=company_id]")]
    foreign = client.send_form(page, to=f"{page}/number", company_id="111111")
    client.send_form(page, to=f"{page}/number", company_id=offered[1])

    assert offered[-1] == "any"
    assert list(errors(foreign)) == ["company_id"]
    assert _number(case_id) == int(offered[1])


def test_a_logo_is_sent_measured_and_shown_to_the_world():
    case_id = with_organiser()
    client, firm_id = Browser(session_of_organiser()), firm_of(case_id)
    page = f"/firm/{firm_id}/logo"

    nothing = client.send_form(page)
    not_a_picture = client.send_form(page, files={"file": ("logo.png", b"hello")})
    answer = client.send_form(page, files={"file": ("logo.png", picture())})
    public = Browser().get(f"{public_logo(_number(case_id))}.png")

    assert list(errors(nothing)) == list(errors(not_a_picture)) == ["file"]
    criteria = BeautifulSoup(answer.text, "lxml").select(".criteria li")
    assert [item["class"][0] for item in criteria] == ["met", "unmet", "met", "unmet"]
    assert public.headers["content-type"] == "image/png"
    assert public.headers["x-content-type-options"] == "nosniff"
    assert Image.open(BytesIO(public.content)).mode == "RGBA"
    assert Browser().get(f"{public_logo(_number(case_id))}.svg").status_code == 404


def test_a_logo_is_not_found_by_trying_company_ids():
    case_id = with_organiser()
    supply_logo(firm_of(case_id), ERIKA, picture())
    number, free = _number(case_id), 999_999
    known = public_logo(number).removeprefix("/logos/")

    tried = [f"{number}.png", f"{free}.png", f"{number}-{'0' * 20}.png", f"{free}-{known[7:]}.png", f"{known}.png.png"]
    answers = [Browser().get(f"/logos/{name}") for name in tried]

    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(r'value="[^"]*"|/logos/[^"]*', "", answer.text) for answer in answers}) == 1
    assert Browser().get(f"/logos/{known}.png").status_code == 200


def test_a_public_svg_can_do_nothing_when_it_is_opened_by_itself():
    case_id = with_organiser()
    supply_logo(
        firm_of(case_id),
        ERIKA,
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100">'
        b'<rect width="200" height="100" fill="#a01e32"/></svg>',
    )

    answer = Browser().get(f"{public_logo(_number(case_id))}.svg")

    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_permission_to_take_the_logo_is_recorded_with_name_and_address():
    case_id = with_organiser()
    client, firm_id = Browser(session_of_organiser()), firm_of(case_id)
    page, to = f"/firm/{firm_id}/logo", f"/firm/{firm_id}/logo/permission"

    unticked = client.send_form(page, to=to, website="www.freitag.example", granted_by="Erika Muster")
    nameless = client.send_form(page, to=to, website="www.freitag.example", granted_by="", permission="yes")
    nowhere = client.send_form(page, to=to, website="", granted_by="Erika Muster", permission="yes")
    given = client.send_form(page, to=to, website="www.freitag.example", granted_by="Erika Muster", permission="yes")

    assert [list(errors(one)) for one in (unticked, nameless, nowhere)] == [["permission"], ["granted_by"], ["website"]]
    assert "für https://www.freitag.example genehmigt" in given.text
    with reading() as session:
        assert "logo.permitted" in [entry.action for entry in trail(session, case_id)]


# ---- the agreement


def agreement_path() -> str:
    return f"/agreement/{token(ERIKA, Purpose.AGREEMENT)}"


def test_the_agreement_is_read_part_by_part_and_taken_along_as_pdf():
    with_organiser()
    client, path = Browser(), agreement_path()

    parts = [link["href"] for link in client.read(path).select("ol.parts a")]
    pdf = client.get(f"{path}/pdf")
    titles = [client.read(part).select_one("article h1").text for part in parts]
    walked = [client.send_form(path, to=f"{path}/begin").url.path]
    while "/part/" in walked[-1]:
        walked.append(client.send_form(walked[-1]).url.path)

    assert len(set(titles)) == len(parts) >= 4
    assert walked == [*parts, f"{path}/sign"]
    assert pdf.content.startswith(b"%PDF-")
    assert "Freitag" in pdf.headers["content-disposition"]


SIGNED = {"name": "Erika Muster", "consent": "yes", "drawing": "100,100 200,150 300,80;400,100 500,120"}


def test_signing_takes_a_name_consent_and_a_code_and_shows_itself_as_done():
    case_id = with_organiser()
    client, path = Browser(**{"user-agent": "a browser"}), agreement_path()
    read_all()
    form = f"{path}/sign"

    asked = client.send_form(form, to=f"{path}/code")
    unticked = client.send_form(form, **SIGNED | {"consent": ""})
    nameless = client.send_form(form, **SIGNED | {"name": " "})
    uncoded = client.send_form(form, **SIGNED, code="12345")
    scribbled = client.send_form(form, **SIGNED | {"drawing": "<svg>"}, code=code(path.rpartition("/")[2]))
    done = client.send_form(form, **SIGNED, code=f" {code(path.rpartition('/')[2])} ")

    assert ERIKA in asked.text
    assert list(errors(unticked)) == ["consent"]
    shown = BeautifulSoup(unticked.text, "lxml")
    assert shown.select_one("#name")["value"] == "Erika Muster"
    assert shown.select_one("[name=drawing]")["value"] == SIGNED["drawing"]
    assert list(errors(nameless)) == ["name"]
    assert list(errors(uncoded)) == ["code"]
    assert list(errors(scribbled)) == ["drawing"]
    assert "Unterzeichnet von Erika Muster" in done.text
    assert not BeautifulSoup(done.text, "lxml").select("main form")
    kept = agreement(case_id)
    assert (kept.signer, kept.signer_ip, kept.signer_agent) == ("Erika Muster", "127.0.0.1", "a browser")
    assert (kept.signer_email, kept.code_used) == (ERIKA, True)
    with reading() as session:
        assert session.get_one(Document, kept.drawing_id).media_type == "image/png"


def test_asking_for_another_code_keeps_what_was_filled_in_and_tells_when_it_is_too_soon(clock):
    with_organiser()
    client, path = Browser(), agreement_path()
    read_all()
    form = f"{path}/sign"
    client.send_form(form, to=f"{path}/code")

    filled = entries(client.read(form).select_one("main form")) | SIGNED
    soon = client.post(f"{path}/code", data=filled)
    clock(minutes=2)
    again = client.post(f"{path}/code", data=filled)

    assert list(errors(soon)) == ["code"]
    for answer in (soon, again):
        assert BeautifulSoup(answer.text, "lxml").select_one("#name")["value"] == "Erika Muster"
    assert "unterwegs" in again.text
    assert len(outbox("sign_code")) == 2


def test_the_form_to_sign_opens_only_when_every_part_was_read():
    with_organiser()
    client, path = Browser(), agreement_path()

    early = client.get(f"{path}/sign")
    forced = client.post(f"{path}/code", data=entries(BeautifulSoup(early.text, "lxml").select_one("main form")))

    assert "/part/" in early.url.path
    assert forced.url.path == path
    assert outbox("sign_code") == []


def test_no_page_behind_the_link_changes_anything_by_being_opened():
    with_organiser()
    client, path = Browser(), agreement_path()
    parts = [link["href"] for link in client.read(path).select("ol.parts a")]
    before = everything()

    for act in ("", "/pdf", "/begin", "/code", "/sign", "/decline", "/delegate", "/take-back", "/upload"):
        client.get(f"{path}{act}")
    for part in parts:
        client.get(part)
        client.head(part)

    assert everything() == before


def test_the_organiser_hands_the_signature_over_and_takes_it_back():
    case_id = with_organiser()
    client, path = Browser(), agreement_path()
    named = {"delegate_name": "Gesa Graf", "email": "gesa@freitag.example", "function": "Partnerin"}

    nobody = client.send_form(path, to=f"{path}/delegate", **named | {"delegate_name": ""})
    unentitled = client.send_form(path, to=f"{path}/delegate", **named | {"function": ""})
    oneself = client.send_form(path, to=f"{path}/delegate", **named | {"email": ERIKA})
    done = client.send_form(path, to=f"{path}/delegate", **named)
    other = f"/agreement/{token('gesa@freitag.example', Purpose.AGREEMENT)}"
    theirs = client.read(other)
    back = client.send_form(path, to=f"{path}/take-back")

    assert [list(errors(one)) for one in (nobody, unentitled, oneself)] == [["delegate_name"], ["function"], ["email"]]
    assert "Gesa Graf (Partnerin)" in done.text
    assert "/begin" not in done.text
    assert theirs.select_one("form[action$='/begin']")
    assert not theirs.select_one("form[action$='/delegate']")
    assert "Sie unterzeichnen wieder selbst" in back.text
    gone = client.get(other)
    assert gone.status_code == 410
    assert agreement(case_id).delegate_id is None


def test_an_organiser_who_is_signed_in_finds_the_agreement_without_the_mail(clock):
    case_id = with_organiser()
    firm_id, organiser = firm_of(case_id), Browser(sign_in(ERIKA, PASSWORD))

    link = organiser.read(f"/firm/{firm_id}").select_one("main a[href$='/agreement']")
    shown = organiser.get(link["href"])

    assert (shown.status_code, shown.url.path) == (200, agreement_path())
    assert "Unterzeichnen können Sie" in shown.text
    clock(days=40)
    assert organiser.get(link["href"]).status_code in {200, 410}, "what became of it is told there"


def test_declining_needs_a_reason():
    case_id = with_organiser()
    client, path = Browser(), agreement_path()

    silent = client.send_form(path, to=f"{path}/decline", reason="")
    client.send_form(path, to=f"{path}/decline", reason="Der Preis ist zu hoch.")

    assert list(errors(silent)) == ["reason"]
    assert agreement(case_id).decline_reason == "Der Preis ist zu hoch."


def test_a_signed_copy_comes_back_as_pdf_and_nothing_else():
    case_id = with_organiser()
    client, path = Browser(), agreement_path()
    wrong = client.send_form(path, to=f"{path}/upload", files={"file": ("scan.docx", b"PK no pdf")})
    right = client.send_form(path, to=f"{path}/upload", files={"file": ("scan.pdf", scanned())})

    assert list(errors(wrong)) == ["file"]
    assert "angekommen" in right.text
    assert agreement(case_id).uploaded_id is not None
    assert agreement(case_id).signed_at is None


def test_photos_of_whoever_holds_no_link_are_not_opened(monkeypatch):
    with_organiser()
    client, path = Browser(), agreement_path()
    opened_files = []
    monkeypatch.setattr(uploaded_copy, "as_pdf", opened_files.append)

    data = {"form_token": client.form_token(path)}
    answer = client.post(f"/agreement/{'x' * 43}/upload", data=data, files=[("file", ("1.jpg", b"\xff\xd8\xff"))])

    assert (answer.status_code, opened_files) == (404, [])


def test_a_signed_copy_comes_back_as_photos_of_its_pages():
    case_id = with_organiser()
    client, path = Browser(), agreement_path()
    Image.new("RGB", (900, 1200), "white").save(page := BytesIO(), "JPEG")
    photos = [("file", (f"{number}.jpg", page.getvalue())) for number in (1, 2)]

    mixed = client.send_form(path, to=f"{path}/upload", files=[*photos, ("file", ("Vertrag.pdf", scanned()))])
    assert errors(mixed)["file"].startswith("„Vertrag.pdf“ ist kein Foto")
    assert agreement(case_id).uploaded_id is None
    assert "angekommen" in client.send_form(path, to=f"{path}/upload", files=photos).text

    with reading() as session:
        kept = session.get_one(Document, agreement(case_id).uploaded_id)
        pages = len(PdfReader(BytesIO(kept.content)).pages)
    assert (kept.name, kept.media_type, pages) == ("1.pdf", "application/pdf", 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pdf(catalog=b"/OpenAction<</S/JavaScript/JS(1)>>"), "„x.pdf“ enthält ein Programm (JavaScript)"),
        (pdf()[:200], "„x.pdf“ ist beschädigt"),
        (digitally_signed(pdf()), "Der Text, der in „x.pdf“ signiert ist, ist nicht der Vertrag"),
    ],
    ids=["script", "damaged", "other text"],
)
def test_a_file_that_cannot_be_taken_says_why_at_its_field(content, says):
    case_id = with_organiser()
    client, path = Browser(), agreement_path()

    answer = client.send_form(path, to=f"{path}/upload", files={"file": ("x.pdf", content)})

    assert answer.status_code == 422
    assert errors(answer)["file"].startswith(says)
    assert agreement(case_id).uploaded_id is None


def test_a_digitally_signed_copy_is_taken_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("PROVISION_TRUST_ROOTS", str(trust_roots(tmp_path / "roots")))
    settings.cache_clear()
    case_id = with_organiser()
    client, path = Browser(), agreement_path()
    copy = digitally_signed(client.get(f"{path}/pdf").content)

    answer = client.send_form(path, to=f"{path}/upload", files={"file": ("Vertrag.pdf", copy)})

    assert "Unterzeichnet von Erika Muster" in answer.text
    assert agreement(case_id).signed_how == "upload"


# ---- people


def test_caseworkers_are_named_in_rows_and_in_a_list_at_once():
    case_id = countersigned()
    client, firm_id = Browser(session_of_organiser()), firm_of(case_id)

    answer = client.send_form(
        f"/firm/{firm_id}/caseworkers",
        **{
            "name-0": "Anna Amsel",
            "email-0": "anna@freitag.example",
            "list": "Bodo Bär; bodo@freitag.example\nCarla Cox <carla@freitag.example>",
        },
    )

    assert "Wer neu ist, wird in den nächsten Minuten eingeladen" in answer.text
    assert [one.name for one in people(firm_id, Role.CASEWORKER)] == ["Anna Amsel", "Bodo Bär", "Carla Cox"]


def test_what_is_wrong_with_a_person_stands_in_the_row_and_nobody_is_added():
    case_id = countersigned()
    client, firm_id = Browser(session_of_organiser()), firm_of(case_id)
    typed = {"name-0": "Anna Amsel", "email-0": "anna@", "email-1": "bodo@freitag.example", "list": "carla"}

    answer = client.send_form(f"/firm/{firm_id}/caseworkers", **typed)
    nobody = client.send_form(f"/firm/{firm_id}/caseworkers")

    assert list(errors(answer)) == ["email-0", "name-1", "list"]
    assert BeautifulSoup(answer.text, "lxml").select_one("#name-0")["value"] == "Anna Amsel"
    assert list(errors(nobody)) == ["name-0"]
    assert people(firm_id, Role.CASEWORKER) == []


def test_the_organiser_says_that_nobody_else_works_with_it():
    case_id = countersigned()
    firm_id = firm_of(case_id)

    Browser(session_of_organiser()).send_form(f"/firm/{firm_id}/caseworkers", to=f"/firm/{firm_id}/caseworkers/none")
    advance(case_id)

    assert standing(case_id)["caseworkers"] == "done"


def test_before_the_agreement_nobody_can_be_invited():
    case_id = with_organiser()
    client, firm_id = Browser(session_of_organiser()), firm_of(case_id)
    page = client.read(f"/firm/{firm_id}/clients")
    token_only = entries(page.select_one("header form"))

    answer = client.post(f"/firm/{firm_id}/clients", data=token_only | {"name-0": "Max", "email-0": MAX})

    assert not page.select("main form")
    assert answer.status_code == 409
    assert people(firm_id, Role.CLIENT) == []


def test_a_couple_with_one_address_is_named_above_the_form_and_nothing_typed_is_lost():
    case_id = countersigned()
    client, firm_id = Browser(session_of_organiser()), firm_of(case_id)
    couple = f"Max Beispiel; {MAX}\nMia Beispiel; {MAX}"

    answer = client.send_form(f"/firm/{firm_id}/clients", list=couple, message="Willkommen!")
    page = BeautifulSoup(answer.text, "lxml")

    assert answer.status_code == 422
    assert f"{MAX} kommt zweimal vor, bei Max Beispiel und bei Mia Beispiel" in page.select_one(".summary").text
    assert "Mia Beispiel" in page.select_one("#list").text
    assert people(firm_id, Role.CLIENT) == []


def test_very_many_clients_are_shown_some_at_a_time_and_found_by_name(monkeypatch):
    monkeypatch.setattr(firm_page, "CLIENTS_SHOWN", 5)
    case_id = with_client()
    path = f"/firm/{firm_of(case_id)}/clients"
    client = Browser(sign_in(ERIKA, PASSWORD))
    assert not client.read(path).select("[role=search]")
    many_clients(case_id, 12)

    page, names = client.read(path), []
    while True:
        names += [name.text for name in page.select("tbody strong")]
        following = page.find("a", string="Nächste Seite")
        if following is None:
            break
        page = client.read(following["href"])
    assert names == ["Max Beispiel", *(f"Änne Müller {number:04}" for number in range(12))]
    assert page.find("a", string="Von vorn")["href"].startswith(path)

    found = client.read(f"{path}?search=mueller+0007")
    assert [name.text for name in found.select("tbody strong")] == ["Änne Müller 0007"]
    assert found.select_one("#search")["value"] == "mueller 0007"
    assert "Kein Mandant heißt so." in client.read(f"{path}?search=%25").text
    for nonsense in ("abc", "-1", "9" * 30, "²"):
        assert len(client.read(f"{path}?after={nonsense}").select("tbody strong")) == 5


def test_clients_are_invited_with_personal_words_and_sent_a_new_link(clock):
    case_id = countersigned()
    client, firm_id = Browser(session_of_organiser()), firm_of(case_id)
    page = f"/firm/{firm_id}/clients"

    client.send_form(page, **{"name-0": "Max Beispiel", "email-0": MAX, "message": "Schön, dass Sie da sind."})
    advance(case_id)
    early = client.send_form(page, to=f"/firm/{firm_id}/resend")
    clock(minutes=11)
    late = client.send_form(page, to=f"/firm/{firm_id}/resend")

    assert early.status_code == 429
    assert "Max Beispiel" in BeautifulSoup(early.text, "lxml").select_one(".summary").text
    assert "Ein neuer Link ist unterwegs" in late.text
    assert len(outbox("invitation")) == 2


def test_people_of_another_firm_cannot_be_sent_links():
    with_client()
    other = opened("test:2", organiser={"name": "Fritz Fremd", "email": "fritz@fremd.example"})
    advance(other)
    client = Browser(registered("fritz@fremd.example"))
    token_only = entries(client.read("/portal").select_one("header form"))
    with reading() as session:
        stranger = session.scalars(select(Person.id).where(Person.email == MAX)).one()

    answer = client.post(f"/firm/{firm_of(other)}/resend", data=token_only | {"person": str(stranger)})

    assert answer.status_code == 404


# ---- who sees what


@pytest.fixture
def everybody():
    """A session of each kind of person; the case has a client, a caseworker and a logo."""
    case_id = with_client()
    firm_id = firm_of(case_id)
    add_caseworkers(firm_id, ERIKA, [Named(name="Anna Amsel", email="anna@freitag.example")])
    supply_logo(firm_id, ERIKA, picture())
    advance(case_id)
    stranger = opened("test:2", organiser={"name": "Fritz Fremd", "email": "fritz@fremd.example"})
    advance(stranger)
    return firm_id, {
        "organiser": session_of_organiser(),
        "caseworker": registered("anna@freitag.example"),
        "client": registered(MAX, Purpose.ACTIVATE),
        "operator": operator(),
        "stranger": registered("fritz@fremd.example"),
        "guest": "",
    }


MATRIX = {  # organiser, caseworker, client, operator, stranger, guest
    "": (200, 200, 403, 200, 404, 303),
    "/details": (200, 403, 403, 200, 404, 303),
    "/logo": (200, 403, 403, 200, 404, 303),
    "/logo.png": (200, 200, 200, 200, 404, 303),
    "/logo-dark.png": (200, 200, 200, 200, 404, 303),
    "/logo.exe": (404, 404, 404, 404, 404, 303),
    "/caseworkers": (200, 403, 403, 200, 404, 303),
    "/clients": (200, 200, 403, 200, 404, 303),
    "/agreement.pdf": (200, 403, 403, 200, 404, 303),
    "/contract": (200, 403, 404, 200, 404, 303),
    "/contract/modules/1": (200, 403, 404, 200, 404, 303),
    "/contract/modules/1/end": (200, 403, 404, 200, 404, 303),
    "/contract/modules/1/tariff": (200, 403, 404, 200, 404, 303),
    "/contract/edit/invoices": (200, 403, 404, 200, 404, 303),
    "/contract/edit/tax": (404, 403, 404, 200, 404, 303),
    "/contract/edit/partner": (404, 403, 404, 403, 404, 303),
    "/contract/consent/1": (404, 403, 404, 404, 404, 303),
    "/contract/agreements/1.pdf": (200, 403, 404, 200, 404, 303),
    "/contract/agreements/2.pdf": (404, 403, 404, 404, 404, 303),
    "/contract/close": (200, 403, 404, 200, 404, 303),
    "/contract/edit/nothing": (404, 403, 404, 404, 404, 303),
}
ACTS = ["/details", "/details/number", "/logo", "/logo/permission", "/caseworkers", "/caseworkers/none"]
ON_CLIENTS = ["/clients", "/resend", "/withdraw", "/pause", "/resume"]
"""Acts of all who manage accounts; what a client may not, no client learns to be there."""


def test_everybody_sees_what_is_theirs_and_nothing_else(everybody):
    firm_id, sessions = everybody

    seen = {
        page: tuple(
            Browser(session).get(f"/firm/{firm_id}{page}", follow_redirects=False).status_code
            for session in sessions.values()
        )
        for page in MATRIX
    }

    assert seen == MATRIX


def test_only_the_organiser_acts_for_a_firm(everybody):
    firm_id, sessions = everybody
    outcomes = {}
    for who in ("caseworker", "client", "operator", "stranger"):
        client = Browser(sessions[who])
        token_only = entries(client.read("/portal").select_one("header form"))
        outcomes[who] = tuple(
            {client.post(f"/firm/{firm_id}{act}", data=token_only).status_code for act in acts}
            for acts in (ACTS, ON_CLIENTS)
        )

    assert outcomes == {
        "caseworker": ({403}, {403}),
        "client": ({403}, {404}),
        "operator": ({404}, {404}),
        "stranger": ({404}, {404}),
    }


def test_whoever_only_reads_is_offered_nothing_to_do(everybody):
    firm_id, sessions = everybody

    for who in ("caseworker", "operator"):
        for page in ("", "/clients"):
            soup = Browser(sessions[who]).read(f"/firm/{firm_id}{page}")
            assert not soup.select("main form:not([role=search])"), (who, page)


def test_every_page_is_built_for_keyboards_screen_readers_and_a_strict_browser(everybody):
    firm_id, sessions = everybody
    agreement_of = opened("test:3", organiser={"name": "Gerd Groß", "email": "gerd@gross.example"})
    advance(agreement_of)
    registered("gerd@gross.example")
    advance(agreement_of)
    paths = [
        *(
            "/",
            "/auth/login",
            "/auth/forgot",
            "/auth/register?business_member",
            "/imprint",
            "/privacy",
            "/privacy/data",
            "/nowhere",
        ),
        f"/agreement/{token('gerd@gross.example', Purpose.AGREEMENT)}",
    ]
    visits = [("", path) for path in paths]
    visits += [(sessions["organiser"], f"/firm/{firm_id}{page}") for page in MATRIX if "." not in page]
    visits += [(sessions["client"], "/portal"), (sessions["client"], "/my-data"), (sessions["organiser"], "/my-data")]

    for session, path in visits:
        for language in ("de", "fr", "en"):
            client = Browser(session, **{"accept-language": language})
            client.cookies.set("language", language, domain="127.0.0.1")
            assert_well_built(client.read(path), language, f"{path} in {language}")


def test_whoever_was_handed_the_signature_is_told_that_a_new_version_goes_to_the_organiser(clock):
    case_id = handed_over()
    page = f"/agreement/{token('konrad@freitag.example', Purpose.AGREEMENT)}"
    clock(days=95)
    lifecycle.expire_agreements.fn()
    client = Browser()

    def said(answer):
        return " ".join(BeautifulSoup(answer.text, "lxml").select_one("main").get_text(" ").split())

    before = said(client.get(page))
    asked = said(client.send_form(page, f"{page}/renew"))
    advance(case_id)
    afterwards = client.get(page)

    assert "Gern senden wir eine neue Fassung, per E-Mail an Erika Muster" in before
    assert "Neue Fassung anfordern" in before
    assert "unterwegs an die Person, die Sie um die Unterschrift gebeten hat" in asked
    assert "per E-Mail unterwegs an Erika Muster" in asked
    assert afterwards.status_code == 410
    assert "Sie ging an Erika Muster" in said(afterwards)


@pytest.mark.parametrize("end", ["declined", "withdrawn", "expired"])
def test_whoever_was_handed_the_signature_is_not_promised_what_the_organiser_gets(clock, end):
    case_id = handed_over()
    link = token("konrad@freitag.example", Purpose.AGREEMENT)
    if end == "declined":
        responses.decline(link, "nein")
    elif end == "withdrawn":
        lifecycle.withdraw(case_id, "Tippfehler", "operator@convent-it.example")
    else:
        clock(days=95)
        lifecycle.expire_agreements.fn()
    advance(case_id)
    if end == "expired":
        decide(case_id, "talk")

    page = Browser().get(f"/agreement/{link}").text

    assert "Wir melden uns bei Erika Muster." in page
    assert "bei Ihnen" not in page


@pytest.mark.parametrize("page", ["details", "logo", "caseworkers", "clients"])
def test_the_pages_of_a_case_that_was_stopped_say_so(page):
    case_id = countersigned()
    client = Browser(session_of_organiser())
    stop_case(case_id, "Kein Bedarf", "operator@convent-it.example")

    assert "Die Einrichtung wurde beendet. Sprechen Sie mit uns" in client.get(f"/firm/{firm_of(case_id)}/{page}").text
