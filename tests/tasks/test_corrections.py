import pytest

from models.agreement import SignedAlready
from models.db import reading
from models.decision import Decision
from models.firm import BusinessMissing, FirmNameMissing, LineOfBusiness
from models.link import LinkReplaced, Purpose
from models.people.mail_address import AddressInvalid
from models.people.person import Role
from models.request import Named, named
from tasks.agreement import lifecycle
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import registration
from tasks.onboarding.corrections import (
    CONTACTS_A_DAY,
    AgreementSent,
    ContactNamedOften,
    OrganiserRegistered,
    VersionOpen,
    correct_contact,
    correct_firm,
    correct_organiser,
)
from tasks.people.addresses import correct_address
from tests.factories import (
    advance,
    agreement,
    case,
    firm_of,
    opened,
    outbox,
    person_of,
    registered,
    signed,
    standing,
    token,
    told_by,
    with_organiser,
)

ERIKA, PAULA, BOARD = "erika@freitag.example", "paula@freitag.example", "operator@convent-it.example"
TAX = {"line_of_business": LineOfBusiness.TAX, "business": ""}


def test_the_firm_corrects_its_name_and_line_of_business_before_the_agreement_is_sent_and_it_says_so():
    case_id = opened()
    advance(case_id)

    for _ in range(2):
        correct_firm(firm_of(case_id), ERIKA, name=" Steuerbüro  Freitag & Töchter ", **TAX)

    (entry,) = told_by(case_id, "firm.corrected")
    assert entry["before"]["name"] == "Anwaltskanzlei Freitag & Kollegen"
    assert entry["after"] == {"name": "Steuerbüro Freitag & Töchter", "line_of_business": "tax", "business": ""}
    registered()
    advance(case_id)
    assert agreement(case_id).data["firm_name"] == "Steuerbüro Freitag & Töchter"


def test_what_cannot_be_is_refused_and_changes_nothing():
    case_id = opened()

    with pytest.raises(FirmNameMissing):
        correct_firm(firm_of(case_id), ERIKA, name=" ", **TAX)
    with pytest.raises(BusinessMissing):
        correct_firm(firm_of(case_id), ERIKA, name="X", line_of_business=LineOfBusiness.OTHER, business=" ")
    with pytest.raises(AddressInvalid):
        named("Paula Berg", "")

    assert case(case_id).firm.name == "Anwaltskanzlei Freitag & Kollegen"
    assert told_by(case_id, "firm.corrected") == []


def test_once_the_agreement_is_sent_only_an_operator_corrects():
    case_id = with_organiser()
    paula = Named(name="Paula Berg", email=PAULA)

    with pytest.raises(AgreementSent):
        correct_firm(firm_of(case_id), ERIKA, name="Neu", **TAX)
    with pytest.raises(AgreementSent):
        correct_contact(firm_of(case_id), ERIKA, paula)
    with pytest.raises(VersionOpen):
        correct_firm(firm_of(case_id), BOARD, name="Neu", **TAX, as_operator=True)
    correct_contact(firm_of(case_id), BOARD, paula, as_operator=True)
    lifecycle.withdraw(case_id, "Falscher Name", BOARD)
    correct_firm(firm_of(case_id), BOARD, name="Neu", **TAX, as_operator=True)
    assert (case(case_id).firm.name, person_of(case_id, Role.CONTACT).email) == ("Neu", PAULA)


def test_what_is_signed_stays():
    case_id = signed()

    with pytest.raises(SignedAlready):
        correct_firm(firm_of(case_id), BOARD, name="Neu", **TAX, as_operator=True)


def test_another_contact_person_is_welcomed_once_and_both_names_are_kept():
    case_id = opened()
    advance(case_id)

    for _ in range(2):
        correct_contact(firm_of(case_id), ERIKA, Named(name="Paula Berg", email=PAULA))
    advance(case_id)

    assert len(outbox("welcome")) == 1
    (entry,) = told_by(case_id, "contact.named")
    assert (entry["before"]["email"], entry["after"]["email"]) == (ERIKA, PAULA)


def test_another_organiser_gets_a_link_and_the_one_sent_before_opens_nothing():
    case_id = opened()
    advance(case_id)
    old = token(ERIKA, Purpose.REGISTER)
    note_bounce({"address": ERIKA, "kind": "hard"})

    for _ in range(2):
        correct_organiser(firm_of(case_id), BOARD, Named(name="Paula Berg", email=PAULA))
    advance(case_id)

    with pytest.raises(LinkReplaced):
        registration.opened(old, Purpose.REGISTER)
    with reading() as session:
        assert Decision.pending(session, case_id) == []
    assert len(outbox("register")) == 2
    (entry,) = told_by(case_id, "organiser.named")
    assert entry["before"] == {"name": "Erika Muster", "email": ERIKA}
    assert entry["after"] == {"name": "Paula Berg", "email": PAULA}
    assert person_of(case_id, Role.CONTACT).email == PAULA  # As the one before was.
    registered(PAULA)
    advance(case_id)
    assert standing(case_id)["organiser"] == "done"


def test_an_organiser_who_has_registered_stays():
    case_id = with_organiser()

    with pytest.raises(OrganiserRegistered, match="Erika Muster"):
        correct_organiser(firm_of(case_id), BOARD, Named(name="Paula Berg", email=PAULA))


@pytest.mark.parametrize("act", ["named", "address"])
def test_who_is_made_organiser_is_not_invited_as_a_caseworker_as_well(act):
    case_id = opened(caseworkers=[{"name": "Carl Berg", "email": "carl@freitag.example"}])

    if act == "named":
        correct_organiser(firm_of(case_id), BOARD, Named(name="Carl Berg", email="carl@freitag.example"))
    else:
        correct_address(case_id, person_of(case_id, Role.ORGANISER).id, "carl@freitag.example", BOARD)

    assert person_of(case_id, Role.CASEWORKER) is None
    assert person_of(case_id, Role.ORGANISER).email == "carl@freitag.example"


def test_a_firm_that_names_ever_other_contact_persons_is_stopped_for_a_day(clock):
    firm_id = firm_of(with_organiser_before_the_agreement())
    for number in range(CONTACTS_A_DAY):
        correct_contact(firm_id, "erika@freitag.example", Named(name="Karl", email=f"k{number}@freitag.example"))

    with pytest.raises(ContactNamedOften):
        correct_contact(firm_id, "erika@freitag.example", Named(name="Karl", email="k9@freitag.example"))
    correct_contact(
        firm_id, "erika@freitag.example", Named(name="Karla", email="k4@freitag.example")
    )  # The present one.
    correct_contact(firm_id, "operator@x.example", Named(name="Karl", email="k8@freitag.example"), as_operator=True)
    clock(days=1, minutes=1)
    correct_contact(firm_id, "erika@freitag.example", Named(name="Karl", email="k9@freitag.example"))


def with_organiser_before_the_agreement():
    case_id = opened("test:contacts")
    advance(case_id)
    return case_id
