"""The account of a firm passes to another owner: whole or not at all, by who is asked, and once."""

from types import SimpleNamespace

import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.errors import FormRefused, ProvisionError
from models.link import LinkUsed, Purpose
from models.people.login import SignInRefused
from models.people.person import Person, Role
from models.people.staff import Rank
from models.people.succession import (
    ASKED_A_DAY,
    AskedOften,
    NoSuccession,
    Succession,
    SuccessionEnd,
    SuccessionOpen,
    SuccessionOver,
)
from models.reminders.reminder import Reminder
from models.request import Named
from models.retention.erasure import HandOverFirst, StillNeeded, is_erased
from models.retention.request import RequestKind
from models.settings import settings
from tasks.audit.verification import verify
from tasks.contracts import page
from tasks.contracts.orders import Who
from tasks.onboarding import corrections, invitations, stopping, succession
from tasks.onboarding.succession import OwnerAsks, SignatureAwaited, Wish
from tasks.people import membership, rights, sessions
from tasks.retention import requests
from tasks.retention.erasure import forget
from tests import factories
from tests.contacts import ERIKA, JAN, STAFF, UTE
from tests.factories import PASSWORD, acts, at_once, firm_of, mails, person_of, token
from tests.tasks.test_contracts import CLIENT
from tests.tasks.test_erasure import faults, share

MANAGER = "manager@convent-it.example"
NINA = Wish(None, "Nina Neu", "nina@neu.example")
WHY = {"reason": "Frau Muster hat die Kanzlei verlassen.", "proof": "Beschluss der Gesellschafter vom 1. Mai."}


@pytest.fixture
def firm(no_runs):
    """A firm whose owner is Erika; Jan works there, and Ute was invited."""
    return made()


def made() -> SimpleNamespace:
    case_id = factories.countersigned(caseworkers=STAFF)
    factories.registered(JAN)
    return SimpleNamespace(case=case_id, id=firm_of(case_id), erika=who(ERIKA), jan=who(JAN), ute=who(UTE))


def who(address: str) -> int:
    with reading() as session:
        people = select(Person.id).where(Person.email == address, Person.role.not_in([Role.CONTACT, Role.SIGNATORY]))
        return session.scalars(people.order_by(Person.id)).first()


def one(person_id: int) -> Person:
    with reading() as session:
        return session.get_one(Person, person_id)


def ranks(firm_id: int) -> dict[str, Rank]:
    return {member.person.email: member.rights.rank for member in rights.members(firm_id)}


def link_of(address: str) -> str:
    return token(address, Purpose.SUCCESSION)


def last() -> Succession:
    with reading() as session:
        return session.scalars(select(Succession).order_by(Succession.id.desc())).first()


def told() -> list[tuple[str, str]]:
    return [(mail.facts["what"], mail.to_address) for mail in mails("succession_told")]


def test_a_member_takes_over_and_the_owner_stays_as_an_administrator(firm):
    before = faults()
    succession.ask(firm.id, ERIKA, Wish(firm.jan, stays=True))
    assert ranks(firm.id)[ERIKA] is Rank.OWNER  # Until then nothing changes.
    link = link_of(JAN)

    session, case_id = succession.accept(link, PASSWORD)

    assert case_id == firm.case
    assert ranks(firm.id) == {JAN: Rank.OWNER, ERIKA: Rank.ADMINISTRATOR, UTE: Rank.STAFF}
    assert sessions.signed_in(session).staff_of(firm.id).rights.rank is Rank.OWNER
    assert person_of(firm.case, Role.CONTACT).email == JAN
    assert page.view(firm.id, Who(JAN, CLIENT.authority, "de")).owner.email == JAN
    assert "owner.changed" in [entry.action for entry in page.view(firm.id, CLIENT).history]
    assert told() == [("begun", ERIKA), ("accepted", ERIKA), ("accepted", JAN)]
    assert (last().outcome, faults()) == (SuccessionEnd.ACCEPTED, before)
    with pytest.raises(LinkUsed):
        succession.accept(link, PASSWORD)
    with pytest.raises(OwnerAsks):
        succession.ask(firm.id, ERIKA, NINA)


def test_what_the_owner_was_asked_and_reminded_of_goes_over(firm):
    with reading() as session:
        waits = {wait.step for wait in session.scalars(select(Reminder).where(Reminder.ended_at.is_(None)))}
        theirs = select(Reminder.step).where(Reminder.ended_at.is_(None))
        assert (before := {*session.scalars(theirs.where(Reminder.person_id == firm.erika))}) <= waits
        assert before
    succession.ask(firm.id, ERIKA, Wish(firm.jan, stays=True))

    succession.accept(link_of(JAN), PASSWORD)

    with reading() as session:
        assert {*session.scalars(theirs.where(Reminder.person_id == firm.jan))} == before
        assert session.scalars(theirs.where(Reminder.person_id == firm.erika)).all() == []


@pytest.mark.parametrize("address", [JAN, UTE, "nina@neu.example"])
def test_the_owner_leaves_and_can_be_erased_then(firm, address, monkeypatch):
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)
    session = sessions.sign_in(ERIKA, PASSWORD)
    with pytest.raises(HandOverFirst):
        forget(share(ERIKA), MANAGER)
    with pytest.raises(StillNeeded):
        requests.ask(sessions.signed_in(session), firm.id, RequestKind.ERASURE, "") and requests.grant(None, 1, MANAGER)
    before = faults()
    succession.ask(firm.id, ERIKA, Wish(None, "Nina Neu", address))

    succession.accept(link_of(address), PASSWORD, given_name="Nina", family_name="Neu")

    assert sessions.signed_in(session) is None
    assert ERIKA not in ranks(firm.id)
    assert ranks(firm.id)[address] is Rank.OWNER
    assert faults() == before
    forget(share(ERIKA), MANAGER)
    assert is_erased(one(firm.erika))
    assert one(who(address)).email == address
    assert faults() == before


def test_whoever_was_nobody_there_is_somebody_only_once_they_accept(firm):
    succession.ask(firm.id, ERIKA, NINA)
    nina = who(NINA.email)
    assert one(nina).role is Role.SUCCESSOR
    assert NINA.email not in ranks(firm.id)
    with pytest.raises(ProvisionError):
        invitations.resend(nina, MANAGER)

    succession.decline(link_of(NINA.email))

    assert (one(nina).withdrawn_at is not None, last().outcome) == (True, SuccessionEnd.DECLINED)
    with pytest.raises(LinkUsed):
        succession.accept(link_of(NINA.email), PASSWORD, family_name="Neu")
    succession.ask(firm.id, ERIKA, NINA)
    succession.accept(link_of(NINA.email), PASSWORD, given_name="Nina", family_name="Neu")
    assert (who(NINA.email), one(nina).role) == (nina, Role.ORGANISER)


def test_one_hand_over_at_a_time_and_few_in_a_day(firm):
    succession.ask(firm.id, ERIKA, NINA)
    succession.ask(firm.id, ERIKA, NINA)
    assert len(mails("succession_asked")) == 1
    with pytest.raises(SuccessionOpen):
        succession.ask(firm.id, ERIKA, Wish(firm.jan))

    succession.take_back(firm.id, ERIKA)
    with pytest.raises(NoSuccession):
        succession.take_back(firm.id, ERIKA)
    with pytest.raises(SuccessionOver):
        succession.opened(link_of(NINA.email))
    assert told()[-1] == ("taken_back", NINA.email)

    for _ in range(ASKED_A_DAY - 1):
        succession.ask(firm.id, ERIKA, NINA)
        succession.take_back(firm.id, ERIKA)
    with pytest.raises(AskedOften):
        succession.ask(firm.id, ERIKA, NINA)


def test_only_the_owner_asks_and_only_who_knows_the_password_accepts(firm):
    with pytest.raises(OwnerAsks):
        succession.ask(firm.id, JAN, NINA)
    succession.ask(firm.id, ERIKA, Wish(firm.jan))
    with pytest.raises(OwnerAsks):
        succession.take_back(firm.id, JAN)
    with pytest.raises(SignInRefused):
        succession.accept(link_of(JAN), "eine ganz andere Losung 7")
    assert ranks(firm.id)[ERIKA] is Rank.OWNER


def test_everything_that_does_not_fit_is_told_at_once(firm):
    with pytest.raises(FormRefused) as refused:
        succession.ask(firm.id, MANAGER, Wish(None, "Nina", "keine"), as_manager=True)
    assert {*refused.value.fields} == {"email", "reason", "proof"}
    factories.operator(MANAGER, manager=True)
    for address, as_manager in ((ERIKA, False), (MANAGER, True)):
        with pytest.raises(FormRefused) as refused:
            succession.ask(firm.id, address, Wish(None, "E M", address, **WHY), as_manager=as_manager)
        assert {*refused.value.fields} == {"email"}
    for wish in (Wish(None), Wish(98765), Wish(firm.erika)):
        with pytest.raises(FormRefused) as refused:
            succession.ask(firm.id, ERIKA, wish)
        assert {*refused.value.fields} == {"successor"}
    membership.pause(firm.jan, ERIKA)
    with pytest.raises(invitations.AccessRests):
        succession.ask(firm.id, ERIKA, Wish(firm.jan))


def test_a_manager_asks_where_the_owner_is_gone_and_both_are_told(firm):
    succession.ask(firm.id, MANAGER, Wish(firm.jan, **WHY), as_manager=True)
    assert told() == [("begun", ERIKA)]
    assert mails("succession_told")[0].facts["reason"] == WHY["reason"]

    succession.take_back(firm.id, ERIKA)  # Who was thought to be gone is there.
    assert told()[1:] == [("taken_back", JAN), ("taken_back", settings().provider_email)]
    succession.ask(firm.id, MANAGER, Wish(firm.jan, **WHY), as_manager=True)
    succession.accept(link_of(JAN), PASSWORD)

    assert told()[4:] == [("accepted", ERIKA), ("accepted", JAN), ("accepted", settings().provider_email)]
    assert ERIKA not in ranks(firm.id)


def test_who_has_not_answered_is_reminded_once_and_then_all_stays(firm, clock):
    succession.ask(firm.id, ERIKA, Wish(firm.jan))
    assert succession.see_to_successions.fn() == 0
    clock(days=settings().link_days // 2 + 1)
    assert [succession.see_to_successions.fn() for _ in range(2)] == [1, 0]
    assert [mail.facts["is_reminder"] for mail in mails("succession_asked")] == [False, True]
    clock(days=settings().link_days)
    with pytest.raises(SuccessionOver):
        succession.accept(link_of(JAN), PASSWORD)

    assert [succession.see_to_successions.fn() for _ in range(2)] == [1, 0]

    assert (last().outcome, told()[-1]) == (SuccessionEnd.RUN_OUT, ("run_out", ERIKA))
    assert ranks(firm.id) == {ERIKA: Rank.OWNER, JAN: Rank.STAFF, UTE: Rank.STAFF}


@pytest.mark.parametrize("change", [membership.withdraw, membership.pause])
def test_whose_access_ends_takes_nothing_over(firm, change):
    succession.ask(firm.id, ERIKA, Wish(firm.jan))
    link = link_of(JAN)

    change(firm.jan, ERIKA)

    assert (last().outcome, told()[-1]) == (SuccessionEnd.MOOT, ("moot", ERIKA))
    with pytest.raises(ProvisionError):
        succession.accept(link, PASSWORD)


def test_whoever_came_to_the_firm_while_they_were_asked_takes_nothing_over_without_access(firm):
    succession.ask(firm.id, ERIKA, NINA)
    invitations.add_caseworkers(firm.id, ERIKA, [Named(name="Nina Neu", email=NINA.email)])
    factories.advance(firm.case)
    with reading() as session:
        both = select(Person.id).where(Person.email == NINA.email, Person.role == Role.CASEWORKER)
        member = session.scalars(both).one()
    factories.registered(NINA.email)
    membership.pause(member, ERIKA)

    with pytest.raises(SuccessionOver):
        succession.accept(link_of(NINA.email), PASSWORD)

    assert ranks(firm.id)[ERIKA] is Rank.OWNER


def test_before_the_agreement_an_owner_hands_over_only_once_nobody_is_asked_to_sign(no_runs):
    case_id = factories.with_organiser()
    with pytest.raises(SignatureAwaited):
        succession.ask(firm_of(case_id), MANAGER, Wish(None, NINA.name, NINA.email, **WHY), as_manager=True)
    factories.lifecycle.withdraw(case_id, "Sie geht.", MANAGER)
    succession.ask(firm_of(case_id), MANAGER, Wish(None, NINA.name, NINA.email, stays=True, **WHY), as_manager=True)

    succession.accept(link_of(NINA.email), PASSWORD, given_name="Nina", family_name="Neu")

    assert ranks(firm_of(case_id)) == {NINA.email: Rank.OWNER}  # Nobody else has an account before both have signed.
    factories.advance(case_id)
    factories.decide(case_id, "resend")
    factories.advance(case_id)
    assert mails("agreement")[-1].to_address == NINA.email
    factories.sign(NINA.email, "Nina Neu")


def test_an_owner_who_was_invited_as_a_caseworker_as_well_stays_as_one(no_runs):
    case_id = factories.countersigned(caseworkers=[*STAFF, {"name": "Erika Muster", "email": ERIKA}])
    factories.registered(JAN)
    before = faults()
    for new, old in ((JAN, ERIKA), (ERIKA, JAN)):
        succession.ask(firm_of(case_id), old, Wish(None, "N N", new, stays=True))
        succession.accept(link_of(new), PASSWORD)
        assert ranks(firm_of(case_id)) == {new: Rank.OWNER, old: Rank.ADMINISTRATOR, UTE: Rank.STAFF}
    assert faults() == before


def test_an_owner_who_joined_as_a_caseworker_while_they_were_asked_does_not_take_over_from_themselves(firm):
    succession.ask(firm.id, ERIKA, NINA)
    invitations.add_caseworkers(firm.id, ERIKA, [Named(name="Nina Neu", email=NINA.email)])
    factories.advance(firm.case)
    with reading() as session:
        both = select(Person.id).where(Person.email == NINA.email, Person.role == Role.CASEWORKER)
        double = session.scalars(both).one()
    factories.registered(NINA.email)
    succession.accept(link_of(NINA.email), PASSWORD, given_name="Nina", family_name="Neu")

    assert double not in {member.id for member in succession.view(firm.id).members}
    with pytest.raises(FormRefused) as refused:
        succession.ask(firm.id, NINA.email, Wish(double))

    assert {*refused.value.fields} == {"successor"}
    succession.ask(firm.id, NINA.email, Wish(firm.jan))
    succession.accept(link_of(JAN), PASSWORD)
    assert ranks(firm.id) == {JAN: Rank.OWNER, UTE: Rank.STAFF}


def test_once_who_was_asked_is_erased_somebody_else_is_asked_and_all_are_told_again(firm, clock, monkeypatch):
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)
    succession.ask(firm.id, ERIKA, NINA)
    forget(share(NINA.email), MANAGER)
    assert [what for what, _ in told()] == ["begun", "moot"]
    clock(minutes=1)

    succession.ask(firm.id, ERIKA, Wish(None, "Olga Neu", "olga@neu.example"))

    assert [what for what, _ in told()] == ["begun", "moot", "begun"]
    succession.accept(link_of("olga@neu.example"), PASSWORD, given_name="Olga", family_name="Neu")
    assert ranks(firm.id)["olga@neu.example"] is Rank.OWNER


def test_nobody_is_erased_along_who_was_to_be_the_organiser_before(no_runs, monkeypatch):
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)
    case_id = factories.opened(organiser={"name": "Olaf Irrtum", "email": "olaf@irrtum.example"})
    factories.advance(case_id)
    corrections.correct_organiser(firm_of(case_id), MANAGER, Named(name="Erika Muster", email=ERIKA))
    factories.registered()
    factories.concluded(case_id)
    succession.ask(firm_of(case_id), ERIKA, NINA)
    succession.accept(link_of(NINA.email), PASSWORD, given_name="Nina", family_name="Neu")

    forget(share(ERIKA), MANAGER)

    assert "olaf@irrtum.example" in {mail.to_address for mail in mails("register")}
    assert [each for each in verify() if "Olaf" in str(each)] == []


def test_every_obstacle_to_an_erasure_can_be_told_when_it_waits():
    told = {one for kind in ProvisionError.__subclasses__() for one in (kind, *kind.__subclasses__())}
    assert {one.__name__ for one in told if one.__module__ == "models.retention.erasure"} >= {*requests._OBSTACLES}
    assert HandOverFirst.__name__ in requests._OBSTACLES


# ---- at once


ACTS = {
    "accept": lambda firm: succession.accept(firm.link, PASSWORD),
    "decline": lambda firm: succession.decline(firm.link),
    "take back": lambda firm: succession.take_back(firm.id, ERIKA),
    "withdraw": lambda firm: membership.withdraw(firm.jan, ERIKA),
    "erase": lambda firm: forget(share(JAN), MANAGER),
    "close": lambda firm: ended(firm.case),
}


def ended(case_id: int) -> None:
    with transaction() as session:
        case = stopping.Onboarding.get(session, case_id)
        stopping.end_case(session, case, stopping.now(), "Die Kanzlei wird verkauft.", MANAGER)


@pytest.mark.parametrize("other", ["accept", "decline", "take back", "withdraw", "erase", "close"])
def test_two_at_once_end_as_if_one_had_come_after_the_other(firm, other, monkeypatch):
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)
    succession.ask(firm.id, ERIKA, Wish(firm.jan, stays=True))
    firm.link, before = link_of(JAN), faults()

    first, second = at_once(lambda: ACTS["accept"](firm), lambda: ACTS[other](firm))

    refused = [each for each in (first, second) if isinstance(each, Exception)]
    assert all(isinstance(each, ProvisionError) for each in refused), refused
    changed = "owner.changed" in acts(firm.case)
    assert changed == (not isinstance(first, Exception) or (other == "accept" and not isinstance(second, Exception)))
    assert len(refused) == (0 if changed and other == "close" else 1)
    with reading() as session:
        owners = session.scalars(select(Person).where(Person.role == Role.ORGANISER)).all()
    assert [owner.id for owner in owners] == [firm.jan if changed else firm.erika]
    assert last() is None or last().ended_at is not None
    assert faults() == before


def test_of_two_who_are_asked_at_once_one_is(firm):
    asked = at_once(
        lambda: succession.ask(firm.id, ERIKA, Wish(firm.jan)),
        lambda: succession.ask(firm.id, MANAGER, Wish(None, NINA.name, NINA.email, **WHY), as_manager=True),
    )

    assert sorted(isinstance(each, SuccessionOpen) for each in asked) == [False, True]
    assert len(mails("succession_asked")) == 1
