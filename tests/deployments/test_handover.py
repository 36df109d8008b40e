"""What the portal asks for: signed as events are, told page by page, and nothing of another firm."""

import asyncio
import json

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select

from deployments.web import handover
from deployments.web.app import app
from models.clients.client import Client
from models.db import reading, transaction
from models.settings import settings
from tests.deployments.browser import Browser
from tests.deployments.test_webhooks import NEW, signed
from tests.factories import case, everything
from tests.tasks.test_client_view import MAX, active

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(autouse=True)
def key(quiet, monkeypatch):
    monkeypatch.setenv("PROVISION_WEBHOOK_SECRET", NEW)
    settings.cache_clear()


def ask(question, **headers):
    body = question if isinstance(question, bytes) else json.dumps(question).encode()

    async def asked():
        async with AsyncClient(transport=ASGITransport(app), base_url=settings().base_url) as http:
            return await http.post("/webhooks/contacts", content=body, headers=signed(body) | headers)

    return asyncio.run(asked())


@pytest.fixture
def account() -> dict:
    """How the only account is asked for."""
    case_id = active()
    with transaction() as session:
        client = session.scalars(select(Client)).one()
        client.number = "K 1"
    return {"company_id": case(case_id).firm.company_id, "client_number": "K 1"}


def test_the_contacts_of_an_account_are_told_with_what_they_get(account):
    before = everything()

    answer = ask(account)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["account"]["number"], told["account"]["archived"], told["next"]) == ("K 1", False, None)
    (contact,) = told["contacts"]
    assert (contact["email"], contact["language"], contact["active"], contact["login"]) == (MAX, "de", True, True)
    assert (contact["gets"], "messages" in contact["functions"]) == (["portal", "case_inbox", "mails"], True)
    assert everything() == before


def test_the_answer_has_the_shape_of_its_example(account):
    example = json.loads(handover.answer_example())

    told = ask(account).json()

    assert told.keys() == example.keys()
    assert told["contacts"][0].keys() == example["contacts"][0].keys()


def test_an_account_is_asked_for_by_its_id_as_well(account):
    with reading() as session:
        client_id = session.scalars(select(Client.id)).one()

    assert ask({"company_id": account["company_id"], "client_id": client_id}).json()["account"]["id"] == client_id


def test_without_a_good_signature_nothing_is_told(account):
    answers = [
        ask(account, **{"webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="}),
        ask(account, **{"webhook-signature": ""}),
        ask(account, **{"webhook-timestamp": "1"}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 400]
    assert not [answer for answer in answers if MAX in answer.text]


def test_what_is_not_there_is_said_to_be_not_there(account):
    answers = [ask(account | {"client_number": "K 2"}), ask(account | {"company_id": 100_000})]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "was not found" in answers[0].json()["detail"]


def test_a_wrong_question_is_told_field_by_field(account):
    wrong = {
        "both": account | {"client_id": 1},
        "neither": {"company_id": account["company_id"]},
        "text": account | {"company_id": "861272"},
        "unknown": account | {"secret": "x"},
        "control": account | {"client_number": "K\u202e1"},
        "huge": account | {"after": 10**30},
        "null": None,
    }

    answers = {name: ask(question) for name, question in wrong.items()} | {"no json": ask(b"{")}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 422)
    assert answers["text"].json()["faults"][0]["field"] == "company_id"
    assert answers["control"].json()["faults"][0]["field"] == "client_number"


def test_it_is_documented_for_people_and_machines():
    openapi = Browser().get("/openapi.json").json()["paths"]["/webhooks/contacts"]["post"]
    page = Browser().read("/docs")

    assert {"200", "401", "404", "422"} <= openapi["responses"].keys()
    assert openapi["requestBody"]["content"]["application/json"]["example"] == handover.EXAMPLE
    assert handover.example() in page.text
    assert handover.answer_example() in page.text
