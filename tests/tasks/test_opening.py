import pytest
from sqlalchemy import func, select

from models.audit import first_broken, trail
from models.db import reading
from models.decision import AnsweredAlready, Decision
from models.firm import Firm
from models.link import Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, Stopped
from models.people.manners import Language
from models.people.person import Person, Role
from models.request import Named
from models.subscription import Subscription
from tasks.agreement import responses, signing, viewing
from tasks.intake.decision_effects import PlanMissing, answer_decision
from tasks.logos import publish
from tasks.onboarding import corrections, firm_page, invitations, registration
from tasks.onboarding.opening import CaseThere, open_case, start_case
from tasks.onboarding.stopping import stop_case
from tasks.text.i18n import Reader, explain
from tests.factories import (
    FROM,
    PASSWORD,
    advance,
    agreement,
    at_once,
    case,
    countersigned,
    decide,
    everything,
    firm_of,
    opened,
    outbox,
    picture,
    request,
    standing,
    token,
    with_client,
    with_organiser,
)

ERIKA, JAN, MAX = "erika@freitag.example", "jan@freitag.example", "max@beispiel.example"
STAFF = [{"name": "Jan Fleiß", "email": "jan@freitag.example"}, {"name": "Jan F.", "email": "JAN@freitag.example"}]


def counted(table):
    with reading() as session:
        return session.scalar(select(func.count()).select_from(table))


SAME = [
    "Anwaltskanzlei Freitag & Kollegen",
    "anwaltskanzlei  FREITAG und Kollegen",
    "Anwaltskanzlei „Freitag“ + Kollegen",
]


@pytest.mark.parametrize("name", SAME)
def test_a_firm_with_a_case_is_not_opened_again_with_the_same_organiser_unless_that_is_meant(name):
    there = opened()
    again = {"firm_name": name, "organiser": {"name": "E. Muster", "email": "Erika@Freitag.example"}}

    with pytest.raises(CaseThere, match=f"/board/cases/{there}\\.") as refused:
        opened("test:2", again=False, **again)

    assert refused.value.case_id == there
    assert opened("test:2", again=True, **again) != there
    assert opened("test:2", again=False, **again) == opened("test:2", again=False, **again)


def test_another_firm_or_another_organiser_is_another_case():
    opened()

    assert opened("test:2", again=False, firm_name="Steuerbüro Freitag")
    assert opened("test:3", again=False, organiser={"name": "Otto Sommer", "email": "otto@freitag.example"})


def test_of_two_who_open_the_same_firm_at_once_one_is_warned():
    asked = [lambda key=f"test:{n}": opened(key, again=False) for n in range(4)]

    outcomes = at_once(*asked)

    assert sorted(type(one).__name__ for one in outcomes) == ["CaseThere"] * 3 + ["int"]
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Onboarding)) == 1


def test_the_same_request_is_the_same_case():
    first = opened("webhook:1")
    before = everything()

    assert opened("webhook:1") == first

    assert everything() == before
    assert opened("webhook:2") != first


def test_the_same_request_at_the_same_moment_opens_one_case():
    at_once(*[lambda: start_case(request(), "webhook:1", "test")] * 5)

    assert counted(Onboarding) == counted(Firm) == 1


def test_a_request_refused_leaves_nothing():
    before = everything()
    for changes in ({"postcode": "1"}, {"preferred_number": "7"}, {"caseworkers": [{"name": "X", "email": "x y z"}]}):
        with pytest.raises(Exception, match=r"\w"):
            opened(**changes)

    assert everything() == before


def test_people_take_the_manners_of_the_request():
    case_id = opened(language="fr", address_form="du", caseworkers=STAFF)

    with reading() as session:
        firm_id = case(case_id).firm_id
        people = {role: Person.of(session, firm_id, role) for role in Role}
    assert [person.name for person in people[Role.CASEWORKER]] == ["Jan Fleiß"]
    assert people[Role.CONTACT][0].email == people[Role.ORGANISER][0].email == ERIKA
    assert {(p.language, p.address_form, p.land) for found in people.values() for p in found} == {("fr", "du", "BY")}


NAMES = ["Müller & Söhne", 'Büro "Zum Löwen" <GbR>', "O’Neill – „Partner“", "Ærø 100 % {firm} %(x)s", "税理士法人 山田"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_firm_survives_everywhere(name):
    case_id = countersigned(firm_name=f"  {name} ")

    with reading() as session:
        told = [mail.facts["firm"] for mail in session.scalars(select(Outgoing).order_by(Outgoing.id))]
    assert {*told, case(case_id).firm.name, agreement(case_id).data["firm_name"]} == {name}


def test_an_operators_form_is_told_what_is_wrong_with_it():
    form = request().model_dump(mode="json") | {"postcode": "x" * 99}
    assert open_case.fn("run:1", form, "") == "Das Feld postcode hat 99 Zeichen: Kürzen Sie es auf 10."
    assert "Das Feld land kann nicht „XX“ sein" in open_case.fn("run:1", form | {"postcode": "", "land": "XX"}, "")

    form["postcode"] = ""
    assert open_case.fn("run:1", form, "Jan Fleiß <jan@freitag.example>") == open_case.fn("run:1", form, "")
    assert counted(Onboarding) == 1


def test_advice_ends_with_a_plan_and_is_kept():
    case_id = opened(plan=None, interval=None, question="Was passt?")
    advance(case_id)
    assert standing(case_id)["subscription"] == "waiting:operator"

    with pytest.raises(PlanMissing):
        decide(case_id, "agreed", note="Plus passt.")
    decide(case_id, "agreed", note="Plus passt.", plan="plus", interval="yearly")
    advance(case_id)

    assert standing(case_id)["subscription"] == "done"
    with reading() as session:
        subscription = Subscription.of(session, case(case_id).firm_id)
    assert (subscription.plan, subscription.price_cents, subscription.advice) == ("plus", 70800, "Plus passt.")


def open_question(case_id):
    with reading() as session:
        (decision,) = Decision.pending(session, case_id)
    return decision.id


def test_a_question_is_answered_once_and_the_same_answer_again_changes_nothing():
    case_id = opened(plan=None, interval=None)
    advance(case_id)
    question = open_question(case_id)
    answer_decision(question, "agreed", "operator", plan="plus", interval="yearly", note="")
    before = everything()

    answer_decision(question, "agreed", "operator", plan="plus", interval="yearly")
    with pytest.raises(AnsweredAlready):
        answer_decision(question, "agreed", "operator", plan="basic", interval="yearly")

    assert everything() == before


def test_who_answers_what_was_settled_already_is_told_how_in_words():
    answered, moot = (opened(f"test:{n}", preferred_number=n) for n in ("777777", "888888"))
    for case_id in (answered, moot):
        advance(case_id)
    questions = open_question(answered), open_question(moot)
    answer_decision(questions[0], "grant", "operator")
    stop_case(moot, "Doppelt.", "op@x.example")

    said = []
    for question in questions:
        with pytest.raises(AnsweredAlready) as refused:
            answer_decision(question, "refuse", "op@x.example")
        said.append(explain(refused.value, Reader(Language.GERMAN)))

    assert said == [
        "Darüber wurde bereits entschieden (vergeben, durch Prefect): Es wurde nichts geändert.",
        "Diese Frage stellt sich nicht mehr, sie hat sich auf anderem Weg erledigt: Es wurde nichts geändert.",
    ]


def test_of_two_answers_at_the_same_moment_one_counts():
    case_id = opened(preferred_number="777777")
    advance(case_id)
    question = open_question(case_id)

    said = at_once(
        lambda: answer_decision(question, "grant", "one@x.example"),
        lambda: answer_decision(question, "refuse", "other@x.example"),
    )

    assert sorted(type(one).__name__ for one in said) == ["AnsweredAlready", "int"]
    assert len(outbox("company_id")) == 1
    with reading() as session:
        assert first_broken(trail(session, case_id)) is None


def test_declined_then_sent_again_is_a_new_version():
    case_id = with_organiser()
    responses.decline(token(ERIKA, Purpose.AGREEMENT), "zu teuer")
    advance(case_id)
    assert standing(case_id)["agreement"] == "waiting:operator"

    decide(case_id, "resend")
    for _ in range(3):
        advance(case_id)

    assert agreement(case_id).version == 2
    assert standing(case_id)["agreement"] == "waiting:organiser"
    assert len(outbox("agreement")) == 2
    assert len(outbox("agreement_declined")) == 1


def test_declined_then_stopped_the_case_rests():
    case_id = with_organiser()
    responses.decline(token(ERIKA, Purpose.AGREEMENT), "")
    advance(case_id)
    decide(case_id, "stop")
    before = outbox()

    for _ in range(3):
        advance(case_id)

    assert outbox() == before
    assert case(case_id).stopped_at is not None
    assert agreement(case_id).version == 1


OTHER = {"name": "Pia Neu", "email": "pia@freitag.example"}
REGISTERING = {"given_name": "Max", "family_name": "Muster", "language": "de", "address_form": "sie"}


@pytest.mark.parametrize(
    "act",
    [
        lambda: registration.opened(token(JAN, Purpose.REGISTER), Purpose.REGISTER),
        lambda: registration.register(token(JAN, Purpose.REGISTER), Purpose.REGISTER, PASSWORD, **REGISTERING),
        lambda: registration.opened(token(MAX, Purpose.ACTIVATE), Purpose.ACTIVATE),
        lambda: registration.renew_link(1),
        lambda: invitations.add_clients(firm_of(1), ERIKA, [Named(**OTHER)]),
        lambda: invitations.no_caseworkers(firm_of(1), ERIKA),
        lambda: invitations.resend(1, ERIKA),
        lambda: firm_page.complete_details(firm_of(1), ERIKA, street="", postcode="", city="", land=None, website=""),
        lambda: publish.supply_logo(firm_of(1), ERIKA, picture()),
        lambda: publish.permit_logo(firm_of(1), ERIKA, "Erika Muster", "freitag.example"),
        lambda: corrections.correct_contact(firm_of(1), ERIKA, Named(**OTHER), as_operator=True),
    ],
)
def test_no_link_and_no_form_of_an_ended_case_does_anything_and_each_says_so(act):
    stop_case(with_client(caseworkers=STAFF), "Die Kanzlei schließt.", "op@convent-it.example")
    before = everything()

    with pytest.raises(Stopped) as refused:
        act()

    assert "Freitag & Kollegen has been ended" in str(refused.value)
    assert everything() == before


@pytest.mark.parametrize("act", [viewing.opened, viewing.pdf, lambda link: signing.begin(link, **FROM)])
def test_an_agreement_that_waits_is_not_signed_once_the_case_has_ended(act):
    stop_case(with_organiser(), "Die Kanzlei schließt.", "op@convent-it.example")

    with pytest.raises(Stopped):
        act(token(ERIKA, Purpose.AGREEMENT))


def test_what_both_have_signed_can_be_read_when_the_case_has_ended():
    case_id = countersigned()

    stop_case(case_id, "Kein Bedarf mehr.", "op@convent-it.example")

    assert viewing.opened(token(ERIKA, Purpose.AGREEMENT)).agreement.countersigned_at is not None


def test_what_asked_somebody_to_do_something_does_not_leave_any_more_once_the_case_has_ended():
    case_id = with_organiser()

    stop_case(case_id, "Doppelt.", "op@convent-it.example")

    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.onboarding_id == case_id)).all()
    assert mails
    assert [mail.kind for mail in mails if mail.link_id is not None and mail.due_at is not None] == []


def test_nobody_who_asks_for_a_link_to_an_ended_case_is_written_to():
    case_id = opened()
    advance(case_id)
    stop_case(case_id, "Doppelt.", "op@convent-it.example")
    before = outbox()

    registration.ask_for_link(str(case(case_id).firm.company_id), ERIKA)
    registration.registered_elsewhere(ERIKA, "idp|1", "Erika", "Muster")

    assert outbox() == before
    with reading() as session:
        assert Person.organiser(session, firm_of(case_id)).registered_at is None
