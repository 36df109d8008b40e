import pytest
from sqlalchemy import func, select

from models.audit import first_broken, trail
from models.db import reading
from models.decision import AnsweredAlready, Decision
from models.exchange import Outgoing
from models.firm import Firm
from models.link import Purpose
from models.onboarding import Onboarding
from models.person import Person, Role
from models.subscription import Subscription
from tasks import agreements
from tasks.cases import FormInvalid, PlanMissing, answer_decision, open_case, start_case
from tests.factories import (
    advance,
    agreement,
    at_once,
    case,
    countersigned,
    decide,
    everything,
    opened,
    outbox,
    request,
    standing,
    token,
    with_organiser,
)

ERIKA = "erika@freitag.example"
STAFF = [{"name": "Jan Fleiß", "email": "jan@freitag.example"}, {"name": "Jan F.", "email": "JAN@freitag.example"}]


def counted(table):
    with reading() as session:
        return session.scalar(select(func.count()).select_from(table))


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
        told = [mail.facts["firm"] for mail in session.scalars(select(Outgoing))]
    assert {*told, case(case_id).firm.name, agreement(case_id).data["firm_name"]} == {name}


def test_an_operators_form_is_told_what_is_wrong_with_it():
    form = request().model_dump(mode="json") | {"postcode": "x" * 99}
    with pytest.raises(FormInvalid, match="postcode"):
        open_case.fn("run:1", form, "")

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
    agreements.decline(token(ERIKA, Purpose.AGREEMENT), "zu teuer")
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
    agreements.decline(token(ERIKA, Purpose.AGREEMENT), "")
    advance(case_id)
    decide(case_id, "stop")
    before = outbox()

    for _ in range(3):
        advance(case_id)

    assert outbox() == before
    assert case(case_id).stopped_at is not None
    assert agreement(case_id).version == 1
