"""Many clients at once, by hand: invited after an import, paused, activated on a phone, invited again."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from models.clients.bulk_invitation import BulkInvitation
from models.db import transaction
from models.link import Link
from models.people.person import Person
from models.time.clock import LOCAL_ZONE, now
from models.time.hours import Hours
from models.time.land import is_holiday
from tasks.clients import bulk_invitations
from tasks.clients.imports import course, work
from tests.browser.conftest import PHONE, press, sound, tab_to, until
from tests.browser.test_clients import come_in, enter, firm, signed_in, write

__all__ = ["firm"]

MANY = 52
"""More than a page shows."""
ALWAYS = Hours.of((day, hour) for day in range(7) for hour in range(24))


def imported(firm_id: int, tag: str) -> int:
    """A list that Erika has imported, with people who can be reached at this hour; returns its number."""
    people = "".join(f"Firma {n} {tag} GmbH;Anna;Arndt {n};anna{n}.{tag}@firma.example\n" for n in range(MANY))
    content = f"Mandant;Vorname;Nachname;E-Mail\n{people}".encode()
    import_id = course.start(firm_id, f"erika.{tag}@linden.example", "Mandanten.csv", content)
    work.go_on(import_id)
    course.begin(firm_id, import_id)
    work.go_on(import_id)
    with transaction() as session:
        session.execute(update(Person).where(Person.firm_id == firm_id).values(hours=ALWAYS))
    return import_id


def hand_over_all(firm_id: int) -> None:
    """The rest of the firm's newest invitations, faster than was asked for and an hour ago."""
    with transaction() as session:
        bulk = session.scalars(
            select(BulkInvitation).where(BulkInvitation.firm_id == firm_id).order_by(BulkInvitation.id.desc())
        ).first()
        bulk.an_hour, bulk.next_at = 0, None
        bulk_id = bulk.id
    while bulk_invitations.hand_over(firm_id, bulk_id) is not None:
        pass
    with transaction() as session:
        theirs = select(Person.id).where(Person.firm_id == firm_id)
        session.execute(update(Link).where(Link.person_id.in_(theirs)).values(made_at=now() - timedelta(hours=1)))


@pytest.mark.skipif(
    is_holiday(datetime.now(LOCAL_ZONE).date(), None), reason="On a public holiday nobody is written to"
)
def test_many_are_invited_after_an_import_come_in_on_a_phone_and_are_invited_again(live, person, follow, firm):
    firm_id = int(firm.at.rpartition("/")[2])
    with live.inside():
        import_id = imported(firm_id, firm.tag)
    erika, jan = signed_in(person, firm, "erika"), signed_in(person, firm, "jan", viewport=PHONE)

    # With words that are looked at first, and slowly; by keyboard alone.
    erika.goto(f"{firm.at}/accounts/imports/{import_id}")
    enter(erika, "Alle einladen, die dieser Import")
    write(erika, "Persönliche Nachricht", "Willkommen, {Vorname}!")
    tab_to(erika, "Langsamer senden")
    erika.keyboard.press("Enter")
    write(erika, "E-Mails in der Stunde", "60")
    enter(erika, "E-Mail mit diesen Worten zeigen")
    expect(erika.get_by_text("Willkommen, Anna!").last).to_be_visible()
    sound(erika)
    tab_to(erika, "Persönliche Nachricht")
    enter(erika, "Einladen")
    expect(erika.get_by_role("status")).to_contain_text("Die Einladungen sind unterwegs")
    bulk = erika.url.partition("?")[0]

    # Somebody else pauses on a phone, and they go on by her keyboard.
    jan.goto(bulk)
    press(jan, "Anhalten")
    expect(jan.get_by_role("heading", level=1)).to_have_text(
        "Kontakte aus einem Import angehalten"
    )  # Of a file that is not his.
    sound(jan)
    erika.goto(bulk)
    enter(erika, "Fortsetzen")
    expect(erika.get_by_role("heading", level=1)).to_have_text("Kontakte aus „Mandanten.csv“ läuft")
    sound(erika)

    # The first of them comes in on a phone.
    come_in(follow(person(viewport=PHONE), f"anna0.{firm.tag}@firma.example", "/auth/activate/", "Willkommen, Anna!"))
    erika.goto(bulk)
    expect(erika.get_by_role("definition").last).to_have_text("1")

    # Such an import is not taken back any more; what is not wanted of it is archived.
    erika.goto(f"{firm.at}/accounts/imports/{import_id}/undo")
    enter(erika, "Konten dieses Imports ansehen")
    expect(erika.get_by_role("link", name="Mandanten.csv")).to_be_visible()

    # All others are invited again from the list of who is pending.
    with live.inside():
        hand_over_all(firm_id)
    erika.goto(f"{firm.at}/accounts/pending")
    tab_to(erika, f"Allen {MANY - 1} einen neuen Link senden")
    erika.keyboard.press("Enter")
    enter(erika, f"Ja, an alle {MANY - 1} senden")
    expect(erika.get_by_role("heading", level=1)).to_contain_text("Ein neuer Link an Kontakte")
    sound(erika)
    until(erika, "a second invitation", lambda: len(live.mails_to(f"anna1.{firm.tag}@firma.example")) == 2)
