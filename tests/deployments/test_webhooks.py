import asyncio
import base64
import hashlib
import hmac
import html
import json
import re
import time

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select, text

from deployments.web import webhooks
from deployments.web.webhooks import BODY_MOST, EXAMPLES, example
from models.db import reading, transaction
from models.inbox import Incoming
from models.settings import settings

OLD = "whsec_" + base64.b64encode(b"the key that is going out of use").decode()
NEW = "whsec_" + base64.b64encode(b"the key that has come into use..").decode()


@pytest.fixture
def kicks(product, monkeypatch):
    """Two keys, as while a secret is rotated; and the runs that were asked for."""
    monkeypatch.setenv("PROVISION_WEBHOOK_SECRET", f"{NEW} {OLD}")
    settings.cache_clear()
    asked = []
    monkeypatch.setattr(webhooks, "start_run", lambda deployment, parameters, key: asked.append((deployment, key)))
    return asked


class Client:
    """What a sender's machine does, without a network."""

    def __init__(self, app):
        self.app = app

    def request(self, method, path, **what):
        async def ask():
            async with AsyncClient(transport=ASGITransport(self.app), base_url=settings().base_url) as http:
                return await http.request(method, path, **what)

        return asyncio.run(ask())

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, **what):
        return self.request("POST", path, **what)


@pytest.fixture
def client(kicks):
    app = FastAPI(docs_url=None)
    app.include_router(webhooks.router)
    return Client(app)


def signed(body, *, key=NEW, message_id="msg_1", at=None):
    """The headers of a sender that has never seen our code."""
    timestamp = str(int(time.time()) if at is None else at)
    secret = base64.b64decode(key.removeprefix("whsec_"))
    digest = hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        "content-type": "application/json",
    }


def send(client, event, **how):
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return client.post("/webhooks", content=body, headers=signed(body, **how))


def stored():
    with reading() as session:
        return [(row.source, row.external_id, row.type) for row in session.scalars(select(Incoming))]


def changed(kind, /, **data):
    event = example(kind)
    event["data"] = {name: value for name, value in {**event["data"], **data}.items() if value is not ...}
    return event


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_documented_example_is_accepted_stored_and_asks_for_a_run(client, kicks, kind):
    answer = send(client, example(kind))

    assert (answer.status_code, answer.json()) == (202, {"status": "accepted", "new": True})
    assert stored() == [("webhook", "msg_1", kind)]
    assert kicks == [("receive/receive", "receive-msg_1")]


def test_the_data_is_stored_as_it_was_meant(client):
    send(client, changed("account.registered", email=" frieda@freitag.example "))

    with reading() as session:
        payload = session.scalars(select(Incoming.payload)).one()
    assert payload == {
        "email": "frieda@freitag.example",
        "external_id": "idp|5f2b9a",
        "email_verified": True,
        "given_name": "Frieda",
        "family_name": "Freitag",
        "company_id": None,
    }


def test_the_same_id_again_changes_nothing_however_often_it_comes(client, kicks):
    send(client, example("agreement.signed"))
    answers = [send(client, example("agreement.declined"), at=int(time.time()) + late) for late in (0, 1, 60)]

    assert {(answer.status_code, answer.json()["new"]) for answer in answers} == {(202, False)}
    assert stored() == [("webhook", "msg_1", "agreement.signed")]
    assert len(kicks) == 1


def test_both_keys_count_while_the_secret_is_rotated(client):
    answers = [send(client, example("mail.bounced"), key=key, message_id=key[6:12]) for key in (OLD, NEW)]

    assert [answer.status_code for answer in answers] == [202, 202]


def test_one_good_signature_among_others_is_enough(client):
    body = json.dumps(example("mail.bounced")).encode()
    headers = signed(body)
    headers["webhook-signature"] = f"v1 v1a,abc,def  v2,xyz v1,AAAA {headers['webhook-signature']}"

    assert client.post("/webhooks", content=body, headers=headers).status_code == 202


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "v1,",
        "v1",
        "v2,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4",
        "v1,=",
        b"v1,\xe4\xff",
        "a,b,c",
        "v1," * 2000,
    ],
)
def test_a_wrong_or_missing_signature_is_refused(client, signature):
    body = json.dumps(example("mail.bounced")).encode()
    headers = {name: value for name, value in signed(body).items() if name != "webhook-signature"}

    answer = client.post(
        "/webhooks", content=body, headers=headers if signature is None else {**headers, "webhook-signature": signature}
    )

    assert (answer.status_code, stored()) == (401, [])


@pytest.mark.parametrize("what", ["body", "id", "timestamp", "key"])
def test_a_signature_fits_its_own_message_only(client, what):
    body = json.dumps(example("mail.bounced")).encode()
    stranger = "whsec_" + base64.b64encode(b"somebody else's key").decode()
    headers = signed(body, key=stranger if what == "key" else NEW)
    if what == "id":
        headers["webhook-id"] = "msg_2"
    if what == "timestamp":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)

    answer = client.post("/webhooks", content=body + b" " if what == "body" else body, headers=headers)

    assert (answer.status_code, stored()) == (401, [])


@pytest.mark.parametrize(("off", "side"), [(-302, "behind"), (302, "ahead of"), (-(10**9), "behind")])
def test_a_timestamp_too_far_off_is_refused_even_if_signed(client, off, side):
    answer = send(client, example("mail.bounced"), at=int(time.time()) + off)

    assert (answer.status_code, stored()) == (400, [])
    assert f"s {side} our clock, more than 300" in answer.json()["detail"]


@pytest.mark.parametrize(
    "timestamp", ["", "soon", "nan", "inf", "1e9", "-1", "9" * 12, "9" * 400, "1.5", " ", b"\xb2\xb3"]
)
def test_a_timestamp_that_is_none_is_refused(client, timestamp):
    body = b"{}"

    answer = client.post("/webhooks", content=body, headers={**signed(body), "webhook-timestamp": timestamp})

    assert answer.status_code == 400


@pytest.mark.parametrize("message_id", ["", "m" * 201, b"msg_\xe4"])
def test_an_id_that_cannot_be_kept_is_refused(client, message_id):
    body = json.dumps(example("mail.bounced")).encode()

    answer = client.post("/webhooks", content=body, headers={**signed(body), "webhook-id": message_id})

    assert (answer.status_code, stored()) == (400, [])


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_long_is_not_read_to_its_end(client, declared):
    body = b" " * (BODY_MOST + 1)
    read = []

    async def chunks():
        for start in range(0, 100 * BODY_MOST, 8192):
            read.append(start)
            yield body[:8192]

    answer = client.post("/webhooks", content=body if declared else chunks(), headers=signed(body))

    assert answer.status_code == 413
    assert len(read) <= 9
    assert "65536" in answer.json()["detail"]


def test_the_largest_sensible_firm_fits(client):
    people = [{"name": f"Sachbearbeiterin Nummer {n}", "email": f"nummer.{n}@grosskanzlei.example"} for n in range(500)]

    assert send(client, changed("onboarding.requested", caseworkers=people)).status_code == 202


@pytest.mark.parametrize(
    ("event", "field", "value", "says"),
    [
        ({"type": "firm.deleted", "timestamp": "2026-03-05T09:15:00Z", "data": {}}, "type",
         "firm.deleted", "must be one"),
        ({"timestamp": "2026-03-05T09:15:00Z", "data": {}}, "type", None, "must be one of onboarding.requested"),
        ({**example("mail.bounced"), "type": {"a": 1}}, "type", None, "must be one of"),
        ([], "body", None, "should be an object"),
        (b"", "body", None, "Invalid JSON"),
        (b"{", "body", None, "Invalid JSON"),
        (b'{"type": "\\ud800"}', "body", None, "Invalid JSON"),
        (b"[" * 30000, "body", None, "Invalid JSON"),
        (b"\xff\xfe", None, None, "not UTF-8"),
        (changed("onboarding.requested", firm_name=...), "data.firm_name", None, "Field required"),
        (changed("onboarding.requested", line_of_business="fishing"), "data.line_of_business", "fishing", "'tax'"),
        (changed("onboarding.requested", firm_name=7), "data.firm_name", "7", "valid string"),
        (changed("onboarding.requested", firm_name="Frei\0tag"), "data.firm_name", None, "U+0000"),
        (changed("onboarding.requested", caseworkers=[{"name": "A\x1b", "email": "a@b.example"}]),
         "data.caseworkers.0.name", None, "U+001B"),
        (changed("agreement.signed", signer="Frieda \u202egatierF"), "data.signer", None, "U+202E"),
        (changed("agreement.declined", reason="\u2066Nein"), "data.reason", None, "U+2066"),
        (changed("onboarding.requested", website="htp:/x"), "data", None, "is not the address of a website"),
        (changed("onboarding.requested", organiser={"name": "A", "email": "nobody"}), "data", None, "“nobody”"),
        (changed("onboarding.requested", preferred_number="12"), "data", None, "“12” cannot be a company ID"),
        (changed("onboarding.requested", interval=...), "data", None, "needs a billing interval"),
        (changed("account.registered", email_verified=False), "data.email_verified", "false", "True"),
        (changed("account.registered", email="x"), "data.email", "x", "is not an e-mail address"),
        (changed("account.registered", company_id=1), "data.company_id", "1", "100000"),
        (changed("account.registered", company_id=True), "data.company_id", "true", "valid integer"),
        (changed("account.registered", company_id=10**30), "data.company_id", "1" + "0" * 30, "999999"),
        (changed("agreement.signed", signed_at="2026-03-05T09:14:00"), "data.signed_at",
         "2026-03-05T09:14:00", "timezone"),
        (changed("agreement.signed", signed_at="0001-01-01T00:00:00+14:00"), "data.signed_at",
         "0001-01-01T00:00:00+14:00", "between the year 2000 and now"),
        (changed("agreement.signed", signed_at="9999-12-31T23:59:59-14:00"), "data.signed_at",
         "9999-12-31T23:59:59-14:00", "between the year 2000 and now"),
        (changed("agreement.declined", reason="x" * 2001), "data.reason", "x" * 99 + "…", "at most 2000"),
        (changed("mail.bounced", address=..., message_id=...), "data", None, "give address or message_id"),
        (changed("mail.bounced", kind="maybe"), "data.kind", "maybe", "'hard', 'soft' or 'complaint'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_body_is_said_with_field_and_value(client, event, field, value, says):
    answer = send(client, event)

    assert (answer.status_code, stored()) == (422, [])
    problem = answer.json()
    assert says in problem["detail"]
    assert [(fault["field"], fault["value"]) for fault in problem["faults"][:1]] == ([(field, value)] if field else [])


def test_what_nobody_sees_in_an_event_is_not_kept_and_one_line_is_one(client):
    name = "Fr\u200bieda\u00a0 Frei\u00adtag\nKöln"

    assert send(client, changed("agreement.signed", signer=name)).status_code == 202

    with reading() as session:
        (event,) = session.scalars(select(Incoming))
    assert event.payload["signer"] == "Frieda Freitag Köln"


def test_all_faults_are_told_at_once(client):
    answer = send(client, changed("agreement.signed", version=0, signer="", company_id="x"))

    assert [fault["field"] for fault in answer.json()["faults"]] == ["data.company_id", "data.version", "data.signer"]
    assert answer.json()["detail"].endswith("(and 2 more)")


def test_a_field_that_we_do_not_know_is_named_but_never_repeated(client):
    answer = send(client, changed("account.registered", password="correct horse battery"))

    assert answer.json()["faults"] == [
        {"field": "data.password", "value": None, "says": "Extra inputs are not permitted"}
    ]
    assert "horse" not in answer.text


def test_no_answer_gives_a_key_away(client):
    body = json.dumps(example("mail.bounced")).encode()
    wrong = {**signed(body), "webhook-signature": "v1," + "A" * 43 + "="}

    texts = client.post("/webhooks", content=body, headers=wrong).text + client.get("/openapi.json").text

    for key in (OLD, NEW):
        assert key not in texts
        assert signed(body, key=key)["webhook-signature"] not in texts


def test_nothing_is_answered_202_that_was_not_stored(client):
    with transaction() as session:
        session.execute(text("DROP TABLE inbox"))

    with pytest.raises(Exception, match="inbox"):
        send(client, example("mail.bounced"))


def page(client):
    answer = client.get("/docs")
    assert answer.status_code == 200
    return answer.text


def test_the_signing_example_of_the_docs_signs_what_we_accept(client):
    source = html.unescape(re.search(r'<code id="signing">(.*?)</code>', page(client), re.DOTALL)[1])
    namespace = {}
    exec(source, namespace)
    body, headers = namespace["signed"](NEW, example("mail.bounced"))
    again, headers_again = namespace["signed"](OLD, example("mail.bounced"), headers["webhook-id"])

    answers = [client.post("/webhooks", content=body, headers=headers)]
    answers.append(client.post("/webhooks", content=again, headers=headers_again))

    assert [answer.json() for answer in answers] == [
        {"status": "accepted", "new": True},
        {"status": "accepted", "new": False},
    ]


def test_every_example_of_the_docs_is_accepted(client):
    examples = re.findall(r'<code class="example">(.*?)</code>', page(client), re.DOTALL)

    answers = [send(client, html.unescape(text).encode(), message_id=f"m{n}") for n, text in enumerate(examples)]

    assert [answer.status_code for answer in answers] == [202] * len(EXAMPLES)


def test_the_docs_name_every_field_once_and_load_nothing_from_elsewhere(client):
    text = page(client)

    for name in ("caseworkers[].email", "organiser.name", "email_verified", "signed_at", "message_id", "diagnostic"):
        assert text.count(f"<dt><code>{name}</code></dt>") == 1
    assert not re.search(r"<script|<style| style=|<[^a>][^>]*(src|href)=.https?:", text)


def test_the_description_for_machines_has_an_example_of_every_event_and_every_answer(client):
    described = client.get("/openapi.json").json()["paths"]

    assert list(described) == ["/webhooks"]
    post = described["/webhooks"]["post"]
    assert set(post["requestBody"]["content"]["application/json"]["examples"]) == set(EXAMPLES)
    assert set(post["responses"]) == {"202", "400", "401", "413", "422", "503"}
    assert [header["name"] for header in post["parameters"]] == ["webhook-id", "webhook-timestamp", "webhook-signature"]
