"""One contact at one account: let in, invited, told of one more, given a password; and who of the firm hears of it."""

import re
from unittest.mock import ANY

import pytest
from sqlalchemy import select, update

from models.audit import first_broken, trail
from models.clients.access import ClientAccess, assigned, assigned_to
from models.clients.client import Client, ClientContact
from models.clients.message import MessageTooLong, PlaceholderUnknown, message_for, message_for_many
from models.clients.standing import COLUMNS, State, Switch, Todo, standing_of, todos
from models.db import reading, transaction
from models.errors import NotFound, ProvisionError
from models.link import Link, LinkReplaced, LinkUsed, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import AgreementFirst, Onboarding
from models.people.login import AccountExists, Login, SignIn, SignInRefused, verify_password
from models.people.manners import AddressForm, Language
from models.people.notice import Notice, NoticeKind
from models.people.passwords import PasswordTooShort, check_password
from models.people.person import AccessEnded, NoLongerInvited, Person, Role
from models.people.staff import Rank, Rights, Staff
from models.reminders.reminder import Reminder
from models.request import Named
from models.time.clock import now
from tasks.audit.verification import verify
from tasks.clients import assignment, credentials, grants
from tasks.clients.assignment import MemberGone
from tasks.clients.credentials import AddressConfirmed
from tasks.clients.grants import AccountArchived, AddressBad, NoAddress, SeesAlready
from tasks.mail import delivery
from tasks.mail.address_holds import note_bounce
from tasks.mail.compose import write
from tasks.onboarding import address_checks, invitations, registration
from tasks.onboarding.invitations import (
    AccessRests,
    InvitationsToday,
    NotInvitedYet,
    RegisteredAlready,
    SentJustNow,
    SentOften,
    add_clients,
    allow_invitations,
)
from tasks.people import membership, operators, sessions
from tasks.people.addresses import AddressSettled, AddressTaken
from tasks.reminders import rounds
from tests import factories
from tests.contacts import (
    ERIKA,
    JAN,
    LENA,
    MAX,
    SARA,
    STAFF,
    UTE,
    account,
    contact,
    other_firm,
    person,
    place,
    with_max,
)
from tests.factories import (
    PASSWORD,
    acts,
    advance,
    at_once,
    countersigned,
    everything,
    firm_of,
    mails,
    outbox,
    registered,
    token,
    told_by,
    with_organiser,
)

pytestmark = pytest.mark.usefixtures("no_runs")

OWN = "vier blaue Eulen schlafen"
NAMED = {"given_name": "Jan", "family_name": "Fleiß", "language": Language.GERMAN, "address_form": AddressForm.SIE}


def case_of(firm_id):
    with reading() as session:
        return session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm_id)).one()


def link():
    return token(MAX, Purpose.ACTIVATE)


def active():
    """Max has accepted the invitation to the first of the two accounts."""
    firm, one, other, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)
    registered(MAX, Purpose.ACTIVATE)
    return firm, one, other, who


def accepted_with(mailed):
    """Whoever holds this link chooses a password; returns the token of their session."""
    names = {"given_name": "Max", "family_name": "Beispiel"}
    manners = {"language": Language.GERMAN, "address_form": AddressForm.SIE}
    return registration.register(mailed, Purpose.ACTIVATE, OWN, **names, **manners)[0]


def with_password():
    """Max was given a password for the first account."""
    firm, one, other, who = with_max()
    return firm, one, other, who, credentials.set_password(firm, one, who, ERIKA)


def login(email=MAX):
    with reading() as session:
        return Login.by_email(session, email)


# ---- invited


def test_whoever_is_invited_gets_the_invitation_now_with_the_words_and_the_names():
    firm, one, _, who = with_max()

    grants.invite_contact(firm, one, who, ERIKA, "Lieber {Vorname},\r\nes geht um {Konto}.")

    (mail,) = mails("invitation")
    assert mail.to_address == MAX
    assert mail.facts["message"] == "Lieber Max,\nes geht um Beispiel GmbH."
    assert (mail.facts["invited_by"], mail.facts["reply_to"]) == ("Erika Muster", ERIKA)
    assert place(one, who).login
    assert None not in (place(one, who).told_at, person(who).invited_at)
    told = {"client": one, "account": "Beispiel GmbH", "person": who, "contact": "Max Beispiel"}
    by = {"by": ERIKA, "by_name": ANY}
    assert told_by(case_of(firm), "contact.invited") == [{**by, **told, "persons": [who]}]
    with reading() as session:
        assert session.scalars(select(Reminder).where(Reminder.person_id == who)).one().ended_at is None


def test_an_invitation_is_true_of_whoever_has_an_account_already_and_does_not_tell_who_has_one():
    """Somebody of the firm who is a client as well signs in with the password that they have."""
    firm, one, _, who = with_max(caseworkers=STAFF[:1])
    registered(JAN)
    jan = contact(firm, "Jan", "Fleiß", JAN)
    own = account(firm, "Fleiß privat", jan)

    new, known = (
        grants.drafted(firm, *at, ERIKA, "").get_body(("plain",)).get_content() for at in ((one, who), (own, jan))
    )
    assert known == new.replace("Max Beispiel", "Jan Fleiß").replace(MAX, JAN)
    says = (
        "diesem Passwort an. Gibt es zu dieser Adresse schon einen Account, öffnet dessen Passwort auch diesen Zugang."
    )
    assert says in " ".join(known.split())
    grants.invite_contact(firm, own, jan, ERIKA)
    link = token(JAN, Purpose.ACTIVATE)
    assert registration.opened(link, Purpose.ACTIVATE).has_account
    with pytest.raises(SignInRefused):
        registration.register(link, Purpose.ACTIVATE, OWN, **NAMED)
    registration.register(link, Purpose.ACTIVATE, PASSWORD, **NAMED)
    assert person(jan).registered_at is not None


def test_a_reminder_says_the_same_words_under_the_name_of_who_has_invited(clock):
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA, "Lieber {Vorname}!")
    clock(days=8)

    rounds.send_reminders.fn()

    assert [(mail.facts["count"], mail.facts["message"], mail.facts["invited_by"]) for mail in mails("invitation")] == [
        (0, "Lieber Max!", "Erika Muster"),
        (1, "Lieber Max!", "Erika Muster"),
    ]


NAMES = [
    ("{Vorname} {Nachname} {Name} {Konto}", "Max Beispiel Max Beispiel Muster AG"),
    ("{FirstName} {last name} {NAME} {account}", "Max Beispiel Max Beispiel Muster AG"),
    ("{Prénom} {Nom} {Nom complet} {compte}", "Max Beispiel Max Beispiel Muster AG"),
    ("{ ist eine Klammer, { auch }", "{ ist eine Klammer, { auch }"),
]


@pytest.mark.parametrize(("written", "read"), NAMES[:3])
def test_names_stand_for_what_each_is_called_in_three_languages(written, read):
    who = Person(given_name="Max", family_name="Beispiel")

    assert message_for(message_for_many(written), who, "Muster AG") == read


def test_whoever_has_no_given_name_is_called_by_the_other_one_and_names_are_filled_in_once():
    who = Person(given_name="", family_name="Beispiel")

    assert message_for("Guten Tag {Vorname}, {Konto}", who, "{Name}") == "Guten Tag Beispiel, {Name}"


@pytest.mark.parametrize("written", ["Hallo {Anrede}", "{}{x}", "{ auch }"])
def test_a_name_that_stands_for_nothing_is_refused_before_anything_happens(written):
    firm, one, _, who = with_max()

    with pytest.raises(PlaceholderUnknown, match=r"stands for nothing: \{FirstName\}"):
        grants.invite_contact(firm, one, who, ERIKA, written)

    assert outbox("invitation") == []
    assert not place(one, who).login


def test_a_message_has_a_thousand_characters_at_most():
    firm, one, _, who = with_max()

    with pytest.raises(MessageTooLong, match="1001"):
        grants.invite_contact(firm, one, who, ERIKA, "x" * 1001)
    grants.invite_contact(firm, one, who, ERIKA, "x" * 1000)

    assert len(mails("invitation")[0].facts["message"]) == 1000


def test_the_organisers_simple_form_takes_names_as_well():
    case_id = countersigned()
    people = [Named(name="Max Beispiel", email=MAX), Named(name="Lena Licht", email=LENA)]

    add_clients(firm_of(case_id), ERIKA, people, "Liebe(r) {Vorname}")
    advance(case_id)

    assert [mail.facts["message"] for mail in mails("invitation")] == ["Liebe(r) Max", "Liebe(r) Lena"]
    with pytest.raises(PlaceholderUnknown):
        add_clients(firm_of(case_id), ERIKA, people, "{Hallo}")


# ---- told of one more account


def test_who_is_active_is_told_of_one_more_account_and_signs_in_as_before():
    firm, one, other, who = active()

    grants.invite_contact(firm, other, who, ERIKA, "Auch dafür, {Vorname}.")

    (mail,) = mails("granted")
    assert (mail.link_id, mail.facts["path"], mail.facts["client"]) == (None, "/auth/login", "Muster AG")
    assert mail.facts["message"] == "Auch dafür, Max."
    assert len(outbox("invitation")) == 1
    assert place(other, who).told_at is not None
    assert place(one, who).login


def test_who_sees_an_account_and_was_told_is_not_told_again():
    firm, one, _, who = active()
    before = everything()

    with pytest.raises(SeesAlready, match="Max Beispiel sees the account “Beispiel GmbH” already"):
        grants.invite_contact(firm, one, who, ERIKA)

    assert everything() == before


def test_each_account_is_granted_by_itself():
    firm, one, other, who = with_max()

    grants.invite_contact(firm, one, who, ERIKA)

    assert (place(one, who).login, place(other, who).login, place(other, who).told_at) == (True, False, None)


def test_who_switches_an_account_on_and_off_all_day_has_few_mails_sent():
    firm, _, other, who = active()

    for _ in range(3):
        grants.invite_contact(firm, other, who, ERIKA)
        grants.switch(firm, other, who, Switch.LOGIN, on=False, by=ERIKA)
    with pytest.raises(SentOften):
        grants.invite_contact(firm, other, who, ERIKA)

    assert len(outbox("granted")) == 3
    assert not place(other, who).login


def test_invitations_one_by_one_count_as_those_of_many():
    firm, one, _, who = with_max()
    allow_invitations(case_of(firm), "1", "operator@convent-it.example")
    lena = contact(firm, "Lena", "Licht", LENA)
    hers = account(firm, "Licht GbR", lena)
    grants.invite_contact(firm, one, who, ERIKA)

    with pytest.raises(InvitationsToday):
        grants.invite_contact(firm, hers, lena, ERIKA)

    assert person(lena).invited_at is None


# ---- prepared


def test_whoever_is_let_in_without_a_word_gets_no_mail_until_somebody_says_so():
    firm, one, _, who = with_max()

    grants.prepare_access(firm, one, who, ERIKA)
    grants.prepare_access(firm, one, who, ERIKA)
    advance(case_of(firm))

    assert (place(one, who).login, person(who).invitation_waits) == (True, True)
    assert outbox("invitation") == []
    told = {"client": one, "account": "Beispiel GmbH", "person": who, "contact": "Max Beispiel"}
    by = {"by": ERIKA, "by_name": ANY}
    assert told_by(case_of(firm), "contact.switched") == [
        {**by, **told, "kind": "login", "before": False, "after": True}
    ]
    grants.invite_contact(firm, one, who, ERIKA)
    assert len(outbox("invitation")) == 1


def test_an_invitation_tells_of_the_account_to_which_somebody_was_invited_only():
    firm, one, other, who = with_max()
    grants.prepare_access(firm, other, who, ERIKA)

    grants.invite_contact(firm, one, who, ERIKA, "{Konto}")

    assert mails("invitation")[0].facts["message"] == "Beispiel GmbH"
    assert (place(one, who).told_at is None, place(other, who).told_at is None) == (False, True)


# ---- switches


def test_no_switch_writes_to_anybody():
    firm, one, _, who = active()
    before = outbox()

    for which in [*Switch, *Switch]:
        on = not getattr(place(one, who), COLUMNS[which])
        grants.switch(firm, one, who, which, on=on, by=ERIKA)
        assert getattr(place(one, who), COLUMNS[which]) is on

    assert outbox() == before
    with reading() as session:
        assert first_broken(trail(session, case_of(firm))) is None


def test_a_switch_that_is_set_already_is_no_act():
    firm, one, _, who = with_max()
    before = everything()

    for which in Switch:
        grants.switch(firm, one, who, which, on=getattr(place(one, who), COLUMNS[which]), by=ERIKA)

    assert everything() == before


def test_access_needs_an_address():
    firm, *_ = with_max()
    silent = contact(firm, "Otto", "Ohne", "")
    his = account(firm, "Ohne KG", silent)

    for act in (
        lambda: grants.switch(firm, his, silent, Switch.LOGIN, on=True, by=ERIKA),
        lambda: grants.prepare_access(firm, his, silent, ERIKA),
        lambda: grants.invite_contact(firm, his, silent, ERIKA),
        lambda: credentials.set_password(firm, his, silent, ERIKA),
        lambda: credentials.ask_to_confirm(firm, his, silent, ERIKA),
    ):
        with pytest.raises(NoAddress, match="Otto Ohne has no e-mail address"):
            act()

    assert not place(his, silent).login


def test_without_any_account_the_invitation_ends_and_what_was_sent_opens_nothing_any_more():
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)
    old = link()

    grants.switch(firm, one, who, Switch.LOGIN, on=False, by=ERIKA)

    for act in (lambda: registration.opened(old, Purpose.ACTIVATE), lambda: registered(MAX, Purpose.ACTIVATE)):
        with pytest.raises(NoLongerInvited):
            act()
    with reading() as session:
        assert session.scalars(select(Outgoing.due_at).where(Outgoing.kind == "invitation")).all() == [None]
        assert session.scalars(select(Reminder.ended_at).where(Reminder.person_id == who)).one() is not None
    advance(case_of(firm))
    assert len(outbox("invitation")) == 1
    assert not registration.help_pending(MAX)


def test_who_is_invited_again_after_that_gets_a_new_link_and_the_old_one_says_so(clock):
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)
    old = link()
    grants.switch(firm, one, who, Switch.LOGIN, on=False, by=ERIKA)
    clock(days=1)

    assert grants.switch(firm, one, who, Switch.LOGIN, on=True, by=ERIKA)
    assert len(outbox("invitation")) == 1  # Nothing is sent by itself.
    grants.invite_contact(firm, one, who, ERIKA)

    with pytest.raises(LinkReplaced) as dead:
        registration.opened(old, Purpose.ACTIVATE)
    assert dead.value.sent_at == mails("invitation")[-1].created_at
    assert registration.opened(link(), Purpose.ACTIVATE).person.id == who


def test_an_account_less_leaves_the_invitation_as_it_is_where_there_is_another():
    firm, one, other, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)
    grants.prepare_access(firm, other, who, ERIKA)

    grants.switch(firm, one, who, Switch.LOGIN, on=False, by=ERIKA)

    assert registration.opened(link(), Purpose.ACTIVATE).person.id == who


def test_who_is_active_loses_only_this_account_and_stays_signed_in():
    firm, one, other, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)
    grants.prepare_access(firm, other, who, ERIKA)
    session_token = registered(MAX, Purpose.ACTIVATE)

    grants.switch(firm, one, who, Switch.LOGIN, on=False, by=ERIKA)
    assert sessions.signed_in(session_token) is not None
    grants.switch(firm, other, who, Switch.LOGIN, on=False, by=ERIKA)

    assert sessions.signed_in(session_token) is not None  # And reads that no account is open.
    assert sessions.signed_in(sessions.sign_in(MAX, PASSWORD)) is not None
    assert person(who).registered_at is not None


def test_the_main_commercial_contact_is_one_and_taken_from_who_has_it():
    firm, one, _, who = with_max()
    lena = contact(firm, "Lena", "Licht", LENA)
    with transaction() as session:
        session.add(ClientContact(client_id=one, person_id=lena))

    grants.switch(firm, one, who, Switch.COMMERCIAL, on=True, by=ERIKA)
    assert place(one, who).is_main_commercial  # The only one gets the invoices.
    grants.switch(firm, one, lena, Switch.MAIN_COMMERCIAL, on=True, by=ERIKA)

    assert (place(one, who).is_commercial, place(one, who).is_main_commercial) == (True, False)
    assert (place(one, lena).is_commercial, place(one, lena).is_main_commercial) == (True, True)
    grants.switch(firm, one, lena, Switch.COMMERCIAL, on=False, by=ERIKA)
    assert (place(one, lena).is_commercial, place(one, lena).is_main_commercial) == (False, False)


def test_two_who_name_the_main_contact_at_the_same_moment_name_one():
    firm, one, _, who = with_max()
    lena = contact(firm, "Lena", "Licht", LENA)
    with transaction() as session:
        session.add(ClientContact(client_id=one, person_id=lena))

    done = at_once(
        *(
            lambda one_of=one_of: grants.switch(firm, one, one_of, Switch.MAIN_COMMERCIAL, on=True, by=ERIKA)
            for one_of in (who, lena)
        )
    )

    assert not [result for result in done if isinstance(result, Exception)]
    assert sorted([place(one, who).is_main_commercial, place(one, lena).is_main_commercial]) == [False, True]


# ---- whose it is, and what is so


def acts_on(firm, client, who):
    return [
        lambda: grants.invite_contact(firm, client, who, ERIKA),
        lambda: grants.preview(firm, client, who, 1, ""),
        lambda: grants.drafted(firm, client, who, ERIKA, ""),
        lambda: grants.prepare_access(firm, client, who, ERIKA),
        lambda: grants.switch(firm, client, who, Switch.NOTIFY, on=False, by=ERIKA),
        lambda: grants.resend(firm, client, who, ERIKA),
        lambda: credentials.set_password(firm, client, who, ERIKA),
        lambda: credentials.ask_to_confirm(firm, client, who, ERIKA),
        lambda: assignment.give_access(firm, client, [], ERIKA) if who is None else None,
    ]


def test_what_belongs_to_another_firm_is_not_found():
    firm, one, other, who = with_max()
    stranger = other_firm()
    theirs = contact(stranger, "Lena", "Licht", LENA)
    account(stranger, "Licht GbR", theirs)
    before = everything()

    for act in [*acts_on(stranger, one, who)[:-1], *acts_on(firm, one, theirs)[:-1], *acts_on(firm, 99, who)[:-1]]:
        with pytest.raises(NotFound):
            act()
    for change in (assignment.give_access, assignment.take_access):
        for members in ([], [1]):
            with pytest.raises(NotFound):
                change(stranger, one, members, ERIKA)
    with pytest.raises(MemberGone):
        assignment.give_access(firm, other, [who], ERIKA)

    assert everything() == before


def test_nobody_is_told_before_both_sides_have_signed():
    firm = firm_of(with_organiser())
    who = contact(firm, "Max", "Beispiel", MAX)
    his = account(firm, "Beispiel GmbH", who)

    for act in (grants.invite_contact, credentials.set_password, credentials.ask_to_confirm):
        with pytest.raises(AgreementFirst):
            act(firm, his, who, ERIKA)
    grants.switch(firm, his, who, Switch.OPERATIONAL, on=True, by=ERIKA)

    assert place(his, who).is_operational


def test_nobody_is_invited_to_what_is_archived_or_at_an_address_that_does_not_work_or_while_they_rest():
    firm, one, other, who = active()
    with transaction() as session:
        session.execute(update(Client).where(Client.id == other).values(archived_at=now()))
    with pytest.raises(AccountArchived, match="Muster AG"):
        grants.invite_contact(firm, other, who, ERIKA)
    membership.pause(who, ERIKA)
    third = account(firm, "Dritte GmbH", who)
    with pytest.raises(AccessRests):
        grants.invite_contact(firm, third, who, ERIKA)
    with pytest.raises(AccessRests):
        grants.resend(firm, one, who, ERIKA)
    lena = contact(firm, "Lena", "Licht", LENA)
    hers = account(firm, "Licht GbR", lena)
    grants.invite_contact(firm, hers, lena, ERIKA)
    note_bounce({"address": LENA, "kind": "hard"})
    for act in (grants.invite_contact, grants.resend, credentials.ask_to_confirm):
        with pytest.raises(AddressBad, match=LENA):
            act(firm, hers, lena, ERIKA)


def test_a_link_is_sent_again_as_everywhere_and_whoever_needs_none_gets_none(clock):
    firm, one, _, who = with_max()
    with pytest.raises(NotInvitedYet, match="Max Beispiel"):
        grants.resend(firm, one, who, ERIKA)
    grants.invite_contact(firm, one, who, ERIKA)
    with pytest.raises(SentJustNow):
        grants.resend(firm, one, who, ERIKA)
    clock(minutes=11)
    grants.resend(firm, one, who, ERIKA)
    clock(minutes=11)
    grants.invite_contact(firm, one, who, ERIKA, "Noch einmal")  # The other button.

    assert acts(case_of(firm)).count("link.resent") == 2
    assert [mail.facts["message"] for mail in mails("invitation")] == ["", "", "Noch einmal"]
    registered(MAX, Purpose.ACTIVATE)
    clock(minutes=11)
    with pytest.raises(RegisteredAlready):
        grants.resend(firm, one, who, ERIKA)


def test_the_state_of_a_contact_tells_until_when_the_link_is_good(clock):
    firm, one, _, who = with_max()
    states = []

    def look():
        with reading() as session:
            states.append(standing_of(session, [session.get_one(Person, who)])[who])

    look()
    grants.invite_contact(firm, one, who, ERIKA)
    look()
    clock(days=20)
    look()
    grants.resend(firm, one, who, ERIKA)
    registered(MAX, Purpose.ACTIVATE)
    look()
    membership.pause(who, ERIKA)
    look()

    assert [one.state for one in states] == [
        State.NOT_INVITED,
        State.INVITED,
        State.EXPIRED,
        State.ACTIVE,
        State.PAUSED,
    ]
    assert [one.until is not None for one in states] == [False, True, True, False, False]


# ---- seen before it is sent


@pytest.mark.parametrize("begun", ["new", "pending", "active"])
def test_a_preview_goes_to_who_asks_for_it_and_opens_nothing(begun):
    firm, one, other, who = active() if begun == "active" else with_max()
    if begun == "pending":
        grants.invite_contact(firm, one, who, ERIKA)
    with reading() as session:
        erika = Person.organiser(session, firm)
    before = person(who), place(other, who).login

    grants.preview(firm, other, who, erika.id, "Lieber {Vorname}!")

    (mail,) = mails("preview")
    assert (mail.to_address, mail.link_id, mail.facts["of"]) == (
        ERIKA,
        None,
        "invitation" if begun == "new" else "granted",
    )
    text = write(mail).get_body(("plain",)).get_content()
    assert "> Lieber Max!" in text
    assert "/auth/preview" in text
    assert "Vorschau" in write(mail)["Subject"]
    if begun != "new":
        assert "Muster AG" in text
    assert (person(who).invited_at, place(other, who).login) == (before[0].invited_at, before[1])
    with reading() as session:
        assert session.scalars(select(Link.id).where(Link.person_id == who)).all() == ([] if begun == "new" else [ANY])


def test_the_page_shows_the_mail_that_is_sent_then():
    firm, one, _, who = with_max()

    shown = grants.drafted(firm, one, who, ERIKA, "Lieber {Vorname}!")
    grants.invite_contact(firm, one, who, ERIKA, "Lieber {Vorname}!")

    with reading() as session:
        mail = mails("invitation")[0]
        sent = write(mail, session.get(Link, mail.link_id), redacted=True)
    for name in ("Subject", "From", "To", "Reply-To"):
        assert str(shown[name]) == str(sent[name])
    assert shown.get_body(("plain",)).get_content() == sent.get_body(("plain",)).get_content()


# ---- another address


def change(firm, who, written):
    with transaction() as session:
        case = Onboarding.of_firm(session, firm)
        credentials.change_address(session, case, session.get_one(Person, who), written, ERIKA)


def test_another_address_kills_the_link_and_is_invited_itself():
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA, "Guten Tag")
    with transaction() as session:
        session.execute(update(Outgoing).values(due_at=None, delivered_at=now()))
    old = link()

    change(firm, who, LENA)

    with pytest.raises(LinkReplaced):
        registration.opened(old, Purpose.ACTIVATE)
    assert [(mail.to_address, mail.facts["message"]) for mail in mails("invitation")] == [
        (MAX, "Guten Tag"),
        (LENA, "Guten Tag"),
    ]
    assert registration.opened(token(LENA, Purpose.ACTIVATE), Purpose.ACTIVATE).person.id == who


def test_a_mail_that_has_not_left_goes_to_the_other_address_and_is_one():
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)

    change(firm, who, LENA)

    assert [mail.to_address for mail in mails("invitation")] == [LENA]


def test_who_was_not_invited_is_not_invited_by_another_address():
    firm, one, _, who = with_max()
    grants.prepare_access(firm, one, who, ERIKA)

    change(firm, who, LENA)

    assert outbox("invitation") == []
    assert person(who).email == LENA


def test_what_somebody_active_signs_in_with_is_theirs():
    firm, _, _, who = active()
    before = everything()

    for written in (LENA, ""):
        with pytest.raises(AddressSettled, match="Max Beispiel signs in with this address"):
            change(firm, who, written)
    change(firm, who, MAX)

    assert everything() == before


def test_an_address_of_another_contact_is_refused_and_one_that_is_taken_away_ends_the_invitation():
    firm, one, _, who = with_max()
    contact(firm, "Lena", "Licht", LENA)
    grants.invite_contact(firm, one, who, ERIKA)
    old = link()
    with pytest.raises(AddressTaken):
        change(firm, who, LENA)

    change(firm, who, " ")

    assert (person(who).email, place(one, who).login, person(who).invited_at) == ("", False, None)
    with pytest.raises(NoLongerInvited):
        registration.opened(old, Purpose.ACTIVATE)


# ---- a password from somebody else


def test_a_password_that_is_made_is_long_good_and_another_each_time():
    made = {credentials.made_password() for _ in range(50)}

    assert len(made) == 50
    for password in made:
        check_password(password, "Max Beispiel", "Kanzlei")
        assert re.fullmatch(r"([a-z]{4}-){5}[a-z]{4}", password)


def test_a_password_is_returned_once_and_stands_nowhere():
    _, one, _, who, made = with_password()

    assert made not in everything()
    assert place(one, who).login
    assert outbox("invitation") == []
    assert (login().must_change_password, login().confirmed_at, person(who).registered_at) == (True, None, None)
    with reading() as session:
        assert standing_of(session, [session.get_one(Person, who)])[who].state is State.PASSWORD_GIVEN
        assert todos(session.get_one(Person, who), login()) == [Todo.EMAIL_UNCONFIRMED]


def test_a_typed_password_keeps_to_the_rules_of_all():
    firm, one, _, who = with_max()

    with pytest.raises(PasswordTooShort):
        credentials.set_password(firm, one, who, ERIKA, "kurz")
    assert credentials.set_password(firm, one, who, ERIKA, PASSWORD) == PASSWORD

    assert told_by(case_of(firm), "password.given") == [ANY]


def test_an_account_that_exists_is_never_touched():
    firm, one, other, who, made = with_password()
    hashed = login().password_hash

    for client in (one, other):
        with pytest.raises(AccountExists):
            credentials.set_password(firm, client, who, ERIKA)
    stranger = other_firm()
    theirs = contact(stranger, "Max", "Beispiel", MAX)
    with pytest.raises(AccountExists):
        credentials.set_password(stranger, account(stranger, "Beispiel", theirs), theirs, SARA)

    assert login().password_hash == hashed
    assert verify_password(hashed, made)


def test_whoever_comes_in_with_it_chooses_their_own_and_is_active_then():
    firm, one, _, who, made = with_password()
    grants.invite_contact(firm, one, who, ERIKA)
    mailed = link()
    first = sessions.sign_in(MAX, made)
    visitor = sessions.signed_in(first)
    assert visitor.must_change_password

    with pytest.raises(registration.PasswordKept):
        registration.choose_password(visitor.account_id, made)
    token_, case_id = registration.choose_password(visitor.account_id, OWN)

    assert case_id == case_of(firm)
    assert sessions.signed_in(first) is None
    assert not sessions.signed_in(token_).must_change_password
    assert person(who).registered_at is not None
    assert login().confirmed_at is None  # Whoever has set the first one may be who came in.
    assert [notice.kind for notice in notices(ERIKA)] == [NoticeKind.CLIENT_ACTIVE]
    with pytest.raises(LinkUsed):
        registration.opened(mailed, Purpose.ACTIVATE)
    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, made)
    with pytest.raises(NotFound):
        registration.choose_password(visitor.account_id, PASSWORD)
    with reading() as session:
        assert first_broken(trail(session, case_id)) is None


def test_two_who_choose_at_the_same_moment_choose_one():
    *_, made = with_password()
    visitor = sessions.signed_in(sessions.sign_in(MAX, made))

    done = at_once(*(lambda own=own: registration.choose_password(visitor.account_id, own) for own in (OWN, PASSWORD)))

    assert [type(one).__name__ for one in done if isinstance(one, Exception)] in (["SignInRefused"], ["NotFound"])
    kept = [own for own, one in zip((OWN, PASSWORD), done, strict=True) if not isinstance(one, Exception)]
    assert sessions.sign_in(MAX, kept[0])


def test_two_firms_that_set_a_password_for_one_address_at_the_same_moment_set_one():
    firm, one, _, who = with_max()
    stranger = other_firm()
    theirs = contact(stranger, "Max", "Beispiel", MAX)
    their_account = account(stranger, "Beispiel", theirs)

    done = at_once(
        lambda: credentials.set_password(firm, one, who, ERIKA),
        lambda: credentials.set_password(stranger, their_account, theirs, SARA),
    )

    assert sorted(isinstance(each, AccountExists) for each in done) == [False, True]
    made = next(each for each in done if isinstance(each, str))
    assert len(sessions.signed_in(sessions.sign_in(MAX, made)).memberships) == 1


def test_a_password_for_another_address_opens_nothing_once_the_address_is_corrected():
    firm, _, _, who, made = with_password()
    inside = sessions.sign_in(MAX, made)

    change(firm, who, LENA)

    assert sessions.signed_in(inside) is None
    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, made)
    assert person(who).account_id is None


# ---- a password that a stranger may know counts for nothing else


def test_somebody_invited_elsewhere_proves_the_address_and_takes_the_account_from_who_made_it():
    """Else whoever types an address first would sit in the account of its holder."""
    *_, made = with_password()
    inside = sessions.sign_in(MAX, made)
    stranger = other_firm()
    add_clients(stranger, SARA, [Named(name="Max Beispiel", email=MAX)])
    invitations.invite_clients.fn(case_of(stranger))
    with reading() as session:
        theirs = session.scalars(select(Person).where(Person.email == MAX, Person.firm_id == stranger)).one()
        mailed = session.scalars(select(Link).where(Link.person_id == theirs.id)).one().token

    assert not registration.opened(mailed, Purpose.ACTIVATE).has_account  # A new password is asked for.
    for wrong in (made,):  # It is a password as any other, and is set anew.
        assert verify_password(login().password_hash, wrong)
    fresh = accepted_with(mailed)

    assert sessions.signed_in(inside) is None
    assert {m.firm_id for m in sessions.signed_in(fresh).memberships} >= {stranger}
    assert (login().must_change_password, login().confirmed_at is None) == (False, False)
    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, made)


def test_somebody_made_an_operator_comes_in_by_the_mailed_link_alone():
    *_, made = with_password()
    inside = sessions.sign_in(MAX, made)

    operators.invite(MAX, "Max Beispiel", "operator@convent-it.example", manager=False)

    assert sessions.signed_in(inside) is None
    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, made)
    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, "")


def test_an_identity_provider_that_confirms_the_address_confirms_no_password():
    firm, one, _, who, made = with_password()
    grants.invite_contact(firm, one, who, ERIKA)

    registration.registered_elsewhere(MAX, "idp-1", "Max", "Beispiel")

    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, made)
    assert person(who).registered_at is not None


def test_saying_that_an_address_is_ones_own_confirms_no_password():
    firm, one, _, who, made = with_password()
    credentials.ask_to_confirm(firm, one, who, ERIKA)

    address_checks.confirm(token(MAX, Purpose.CONFIRM))

    assert login().confirmed_at is None
    operators.appoint(MAX, "operator@convent-it.example")
    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, made)


def test_who_has_only_a_given_password_and_forgot_it_is_sent_the_way_to_one_of_their_own():
    *_, who, made = with_password()

    registration.help_in(MAX)

    assert (outbox("reset_password"), len(outbox("invitation"))) == ([], 1)
    registered(MAX, Purpose.ACTIVATE)
    assert sessions.sign_in(MAX, PASSWORD)
    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX, made)
    assert person(who).registered_at is not None


def test_who_is_no_contact_any_more_does_not_come_in_with_a_given_password():
    *_, who, made = with_password()

    membership.withdraw(who, ERIKA)

    with pytest.raises((SignInRefused, AccessEnded)):
        sessions.sign_in(MAX, made)


# ---- is it their address?


def test_whoever_says_that_an_address_is_theirs_has_confirmed_it_once():
    firm, one, _, who = with_max()
    assert todos(person(who), None) == [Todo.PASSWORD_MISSING, Todo.EMAIL_UNCONFIRMED]

    credentials.ask_to_confirm(firm, one, who, ERIKA)
    mailed = token(MAX, Purpose.CONFIRM)
    assert address_checks.opened(mailed)[0].id == who
    assert person(who).address_confirmed_at is None  # Looking changes nothing.
    address_checks.confirm(mailed)

    assert todos(person(who), None) == [Todo.PASSWORD_MISSING]
    with pytest.raises(LinkUsed):
        address_checks.confirm(mailed)
    with pytest.raises(AddressConfirmed, match=MAX):
        credentials.ask_to_confirm(firm, one, who, ERIKA)
    assert acts(case_of(firm))[-1] == "address.confirmed"


def test_of_two_clicks_at_the_same_moment_one_confirms():
    firm, one, _, who = with_max()
    credentials.ask_to_confirm(firm, one, who, ERIKA)
    mailed = token(MAX, Purpose.CONFIRM)

    done = at_once(*[lambda: address_checks.confirm(mailed)] * 2)

    assert sorted(isinstance(each, LinkUsed) for each in done) == [False, True]


def test_another_address_is_unconfirmed_and_what_was_asked_before_confirms_nothing(clock):
    firm, one, _, who = with_max()
    credentials.ask_to_confirm(firm, one, who, ERIKA)
    mailed = token(MAX, Purpose.CONFIRM)
    with pytest.raises(SentJustNow):
        credentials.ask_to_confirm(firm, one, who, ERIKA)
    with transaction() as session:
        session.execute(update(Outgoing).values(due_at=None, delivered_at=now()))

    change(firm, who, LENA)

    with pytest.raises(LinkReplaced):
        address_checks.confirm(mailed)
    assert Todo.EMAIL_UNCONFIRMED in todos(person(who), None)


def test_an_expired_question_is_sent_anew(clock):
    firm, one, _, who = with_max()
    credentials.ask_to_confirm(firm, one, who, ERIKA)
    clock(days=30)
    with reading() as session:
        asked = session.scalars(select(Link).where(Link.person_id == who, Link.purpose == Purpose.CONFIRM)).one()

    registration.renew_link(asked.id)

    assert len(outbox("confirm_address")) == 2
    address_checks.confirm(token(MAX, Purpose.CONFIRM))


def test_a_question_that_comes_back_is_told_with_what_is_left_to_do():
    firm, one, _, who = with_max()
    credentials.ask_to_confirm(firm, one, who, ERIKA)

    note_bounce({"message_id": mails("confirm_address")[0].message_id, "kind": "hard"})

    assert todos(person(who), None) == [Todo.ADDRESS_BAD, Todo.PASSWORD_MISSING, Todo.EMAIL_UNCONFIRMED]


def test_nothing_is_left_to_do_about_who_is_active_or_has_no_address():
    *_, who = active()

    assert todos(person(who), login()) == []
    assert todos(Person(email=""), None) == []


# ---- NOTIFY


def test_reminders_spare_who_wants_no_mail_about_any_account_and_go_on_where_they_do(clock):
    firm, one, other, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)

    def reminded_with(**notify):
        for client, on in zip((one, other), notify.values(), strict=True):
            grants.switch(firm, client, who, Switch.NOTIFY, on=on, by=ERIKA)
        before = len(outbox("invitation"))
        clock(days=8)
        rounds.send_reminders.fn()
        return len(outbox("invitation")) - before

    assert reminded_with(first=False, second=False) == 0
    assert reminded_with(first=False, second=True) == 1
    assert reminded_with(first=True, second=False) == 1
    assert reminded_with(first=False, second=False) == 0


def test_what_somebody_writes_by_hand_comes_whatever_notify_says():
    firm, one, other, who = with_max()
    for client in (one, other):
        grants.switch(firm, client, who, Switch.NOTIFY, on=False, by=ERIKA)

    grants.invite_contact(firm, one, who, ERIKA)

    assert len(outbox("invitation")) == 1


# ---- who of the firm hears of it


def notices(email):
    with reading() as session:
        mine = select(Notice).join(Person, Person.id == Notice.person_id).where(Person.email == email)
        return session.scalars(mine.order_by(Notice.id)).all()


def with_staff():
    """Jan and Ute work there too; returns what ``with_max`` does, and their ids."""
    firm, one, other, who = with_max(caseworkers=STAFF)
    for email in (JAN, UTE):
        registered(email)
    with reading() as session:
        staff = {p.email: p.id for p in Person.of(session, firm, Role.CASEWORKER)}
    return firm, one, other, who, staff[JAN], staff[UTE]


def without_default(*people):
    with transaction() as session:
        for one in people:
            rights = Rights(Rank.STAFF, manages_accounts=False, has_default_access=False)
            Staff.give(session, session.get_one(Person, one), rights)


def test_whoever_looks_after_an_account_hears_of_its_contact_and_nobody_else_does():
    firm, one, other, who, jan, ute = with_staff()
    without_default(ute)
    with transaction() as session:
        ClientAccess.say(session, one, jan, False)
        ClientAccess.say(session, other, jan, True)
    grants.invite_contact(firm, one, who, ERIKA)
    grants.prepare_access(firm, other, who, ERIKA)

    registered(MAX, Purpose.ACTIVATE)

    told = {mail.to_address: mail.facts["clients"] for mail in mails("client_active")}
    page = f"/firm/{firm}/accounts"
    assert told == {
        ERIKA: [{"id": who, "name": "Max Beispiel", "path": f"{page}/{one}"}],
        JAN: [{"id": who, "name": "Max Beispiel", "path": f"{page}/{other}"}],  # The one that he sees.
    }
    assert [(n.kind, n.path, n.facts) for n in notices(JAN)] == [
        (NoticeKind.CLIENT_ACTIVE, f"{page}/{other}", {"name": "Max Beispiel"})
    ]
    assert (len(notices(ERIKA)), notices(UTE)) == (1, [])


def test_who_hears_of_a_contact_is_the_same_however_it_is_asked():
    firm, one, other, who, jan, ute = with_staff()
    grants.prepare_access(firm, one, who, ERIKA)
    grants.prepare_access(firm, other, who, ERIKA)
    for said in ({}, {(one, jan): False}, {(one, jan): False, (other, jan): False}, {(one, ute): True}):
        with transaction() as session:
            for (client, member), sees in said.items():
                ClientAccess.say(session, client, member, sees)
        with reading() as session:
            each = [member.id for member, _ in assigned_to(session, session.get_one(Person, who))]
            assert each == [member.id for member in assigned(session, firm, [one, other])]


def test_clients_who_are_active_within_minutes_are_one_mail_with_a_way_to_each():
    firm, one, _, who = with_max()
    lena = contact(firm, "Lena", "Licht", LENA)
    hers = account(firm, "Licht GbR", lena)
    for client, one_of in ((one, who), (hers, lena)):
        grants.invite_contact(firm, client, one_of, ERIKA)
    for email in (MAX, LENA):
        registered(email, Purpose.ACTIVATE)

    (mail,) = mails("client_active")
    html = write(mail).get_body(("html",)).get_content()
    assert "Gehe zu Max Beispiel" in html
    assert f"/firm/{firm}/accounts/{hers}" in html
    assert len(notices(ERIKA)) == 2


def test_who_is_given_access_to_an_account_is_told_and_who_sees_it_already_or_gives_it_is_not():
    firm, one, other, _, jan, ute = with_staff()
    without_default(jan, ute)
    with transaction() as session:
        ClientAccess.say(session, one, ute, True)

    assignment.give_access(firm, one, [jan, ute], ERIKA)
    assignment.give_access(firm, other, [jan, ute], UTE)

    (mail,) = mails("account_given")
    assert (mail.to_address, [named["id"] for named in mail.facts["accounts"]]) == (JAN, [one, other])
    assert [(n.kind, n.facts["name"], n.facts["by"]) for n in notices(JAN)] == [
        (NoticeKind.ACCOUNT_GIVEN, "Beispiel GmbH", "Erika Muster"),
        (NoticeKind.ACCOUNT_GIVEN, "Muster AG", "Ute Özgür"),
    ]
    assert notices(UTE) == []
    assert [facts["persons"] for facts in told_by(case_of(firm), "access.given")] == [[jan], [jan, ute]]


def test_access_that_is_taken_before_the_mail_leaves_is_not_told_of(monkeypatch, clock):
    left = []
    monkeypatch.setattr(delivery._Connection, "send", lambda _, message, address: left.append(address))
    firm, one, *_, jan, _ = with_staff()
    without_default(jan)
    assignment.give_access(firm, one, [jan], ERIKA)

    assignment.take_access(firm, one, [jan], ERIKA)
    clock(hours=1)
    delivery.deliver_outbox.fn()

    assert mails("account_given")[0].facts["accounts"] == []
    assert mails("account_given")[0].delivered_at is None
    with reading() as session:
        assert not session.scalars(select(ClientAccess.has_access)).one()


def test_an_administrator_sees_every_account_and_needs_not_be_told():
    firm, one, *_, jan, _ = with_staff()
    with transaction() as session:
        rights = Rights(Rank.ADMINISTRATOR, manages_accounts=True, has_default_access=False)
        Staff.give(session, session.get_one(Person, jan), rights)

    assignment.give_access(firm, one, [jan], ERIKA)

    assert (notices(JAN), outbox("account_given")) == ([], [])


# ---- several at once


def test_two_who_invite_at_the_same_moment_send_one_invitation():
    firm, one, _, who = with_max()

    done = at_once(*[lambda: grants.invite_contact(firm, one, who, ERIKA)] * 2)

    assert [type(each).__name__ for each in done if isinstance(each, Exception)] == ["SentJustNow"]
    assert len(outbox("invitation")) == 1


def test_who_accepts_while_access_is_taken_is_active_or_not_invited_and_nothing_between():
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)

    accepted, switched = at_once(
        lambda: registered(MAX, Purpose.ACTIVATE),
        lambda: grants.switch(firm, one, who, Switch.LOGIN, on=False, by=ERIKA),
    )

    assert not isinstance(switched, Exception)
    if isinstance(accepted, str):
        assert person(who).registered_at is not None
    else:
        assert isinstance(accepted, ProvisionError)
        assert (person(who).registered_at, person(who).invited_at) == (None, None)
    assert not place(one, who).login


def test_who_accepts_while_a_password_is_set_for_them_has_the_one_that_they_chose():
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)

    accepted, given = at_once(
        lambda: registered(MAX, Purpose.ACTIVATE), lambda: credentials.set_password(firm, one, who, ERIKA)
    )

    if isinstance(accepted, Exception):  # Theirs came second, and is asked for again.
        assert isinstance(accepted, ProvisionError)
        registered(MAX, Purpose.ACTIVATE)
    assert sessions.sign_in(MAX, PASSWORD)
    if isinstance(given, str):
        with pytest.raises(SignInRefused):
            sessions.sign_in(MAX, given)


def test_another_address_while_they_accept_is_one_of_both():
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)

    mailed = link()

    accepted, changed = at_once(lambda: accepted_with(mailed), lambda: change(firm, who, LENA))

    if isinstance(changed, Exception):
        assert isinstance(changed, AddressSettled)
        assert (person(who).email, person(who).registered_at is None) == (MAX, False)
    else:
        assert isinstance(accepted, ProvisionError)
        assert (person(who).email, person(who).registered_at) == (LENA, None)


def test_telling_costs_the_same_however_many_accounts_a_contact_has(statements):
    firm, one, _, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)
    with statements() as few:
        grants.switch(firm, one, who, Switch.OPERATIONAL, on=True, by=ERIKA)
    for number in range(20):
        account(firm, f"Konto {number}", who, login=True)
    with statements() as many:
        grants.switch(firm, one, who, Switch.OPERATIONAL, on=False, by=ERIKA)
    assert len(few) == len(many)

    with statements() as at_acceptance:
        registered(MAX, Purpose.ACTIVATE)

    assert sum("client_contacts" in each for each in at_acceptance) < 6


def test_no_session_is_begun_by_whatever_is_done_here():
    firm, one, _, who = with_max()

    grants.invite_contact(firm, one, who, ERIKA)
    credentials.set_password(firm, one, who, ERIKA)
    registration.opened(link(), Purpose.ACTIVATE)

    with reading() as session:
        account_id = login().id
        assert session.scalars(select(SignIn).where(SignIn.account_id == account_id)).all() == []


def test_an_invitation_that_was_told_of_is_not_told_of_twice_by_the_next_pass():
    firm, one, *_, who = with_max()
    grants.invite_contact(firm, one, who, ERIKA)

    for _ in range(3):
        advance(case_of(firm))

    assert len(outbox("invitation")) == 1
    assert factories.standing(case_of(firm))["clients"] == "waiting:client"


def test_the_trail_tells_what_the_rows_say_whatever_was_done_to_a_contact():
    firm, one, other, who, made = with_password()
    grants.invite_contact(firm, one, who, ERIKA)
    credentials.ask_to_confirm(firm, one, who, ERIKA)
    address_checks.confirm(token(MAX, Purpose.CONFIRM))
    change(firm, who, LENA)
    made = credentials.set_password(firm, other, who, ERIKA)
    registration.choose_password(sessions.signed_in(sessions.sign_in(LENA, made)).account_id, OWN)
    silent = contact(firm, "Otto", "Ohne", "otto@beispiel.example")
    credentials.set_password(firm, account(firm, "Ohne KG", silent), silent, ERIKA)
    change(firm, silent, "")

    with reading() as session:
        assert first_broken(trail(session, case_of(firm))) is None
        unlike = [fault for one_case in verify() for fault in one_case.faults if "person" in str(fault)]
    # Who was put there by these tests, and by no act, is in no entry until one is about them.
    assert [str(fault) for fault in unlike] == []


def test_access_that_ends_after_the_invitation_was_accepted_takes_nothing_else_and_an_address_is_one_person():
    firm, one, other, who = active()

    grants.switch(firm, one, who, Switch.LOGIN, on=False, by=ERIKA)
    grants.switch(firm, one, who, Switch.LOGIN, on=False, by=ERIKA)
    grants.invite_contact(firm, other, who, ERIKA)

    assert person(who).registered_at is not None
    with reading() as session:
        same = select(Person.id).where(Person.firm_id == firm, Person.email == MAX, Person.role == Role.CLIENT)
        assert session.scalars(same).all() == [who]
        assert len(session.scalars(select(Link.id).where(Link.person_id == who)).all()) == 1
