"""The interface for other systems: whom it lets in, what it does once, and how it tells what does not fit."""

import os
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from subprocess import run
from threading import Thread
from time import sleep

import pytest
import schemathesis
import uvicorn
from hypothesis import given
from hypothesis import settings as tries
from limits import parse
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Mount

from deployments.web.api import calls, imports, routes
from deployments.web.api.app import api
from deployments.web.api.examples import EXAMPLES
from deployments.web.app import app
from models.audit import Entry
from models.clients.client import Client, ClientContact
from models.clients.custom_field import FieldKind, FieldOf
from models.db import reading, transaction
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.api_token import ApiToken, Scope
from models.people.person import Person
from models.people.staff import Rank, Rights, Staff
from models.time.clock import now
from tasks.clients import accounts, settings
from tasks.clients.accounts import Filter
from tasks.clients.imports import course, work
from tasks.clients.settings import Kind, Written
from tasks.onboarding import registration
from tasks.people import api_tokens, rights, sessions
from tests.api import System, account_id, token
from tests.contacts import ERIKA, LENA, SARA, STAFF, account, contact, other_firm, with_max
from tests.deployments.browser import Browser, errors
from tests.factories import PASSWORD, everything, mails, registered, told_by
from tests.remembered import remembered
from tests.servers import free_port

pytestmark = pytest.mark.usefixtures("quiet")

DOCUMENTED = Path(__file__).parents[2] / ".github" / "docs" / "api.md"
JAN = STAFF[0]["email"]
ONE = {"kind": "company", "company_name": "Neu GmbH", "contacts": [{"family_name": "Frei", "email": "f@frei.example"}]}
LIST = b"Vorname;Nachname;E-Mail\nPaul und Ina;Klein;klein@kunde.example\n"
SENT = {
    "POST /accounts": ONE,
    "PATCH /accounts/{account_id}": {"street": "Am Wall 4"},
    "POST /accounts/{account_id}/contacts": {"family_name": "Frei"},
    "PATCH /accounts/{account_id}/contacts/{contact_id}": {"email_sync": True},
    "PATCH /contacts/{contact_id}": {"family_name": "Anders"},
    "POST /invitations": {"account_id": 0, "contact_id": 0},
    "POST /imports/{import_id}/answers": {"question": "two_people", "choice": "create"},
}
ROUTES = sorted(
    (method, route.path, calls.scope_of(route))
    for each in (routes, imports)
    for route in each.router.routes
    for method in route.methods
)


@remembered
def world() -> tuple[dict[str, int], dict[str, str]]:
    """A firm whose contact Max is at two accounts, what it all is called, and tokens of every kind, two days old.

    And another firm that has a token as well.
    """
    firm_id, client_id, _, person_id = with_max(caseworkers=STAFF)
    registered(JAN)
    revoked, expired = token(firm_id, name="A"), token(firm_id, name="B", lasts=timedelta(days=1))
    with reading() as session:
        one = ApiToken.open(session, revoked, now()).id
    api_tokens.revoke(firm_id, account_id(), ERIKA, one)
    jan = next(one.person for one in rights.members(firm_id) if one.person.email == JAN)
    with transaction() as session:
        Staff.give(session, jan, Rights(Rank.ADMINISTRATOR, manages_accounts=True, has_default_access=True))
    rests = token(firm_id, name="C", by=JAN)
    with transaction() as session:
        Staff.end(session, jan)
    other = other_firm()
    registration.ask_organiser.fn(case_of(other))
    registered(SARA)
    tokens = {"": "", "unknown": "pvn_" + 43 * "x", "revoked": revoked, "expired": expired, "rests": rests}
    tokens["foreign"] = token(other, by=SARA)
    tokens |= {scope.value: token(firm_id, scope, name=scope.value) for scope in Scope}
    tokens |= {f"not {scope}": token(firm_id, *({*Scope} - {scope}), name=f"not {scope}") for scope in Scope}
    import_id = course.start(firm_id, ERIKA, "a.csv", LIST)
    work.carry_on(import_id)
    return {"firm_id": firm_id, "account_id": client_id, "contact_id": person_id, "import_id": import_id}, tokens


@pytest.fixture
def ids():
    return world()[0]


@pytest.fixture
def system(ids):
    return System(token(ids["firm_id"]))


def case_of(firm_id: int) -> int:
    with reading() as session:
        return session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm_id)).one()


def ask(system, method, path, ids):
    sent = SENT.get(f"{method} {path}")
    sent = sent and {name: ids.get(name, value) for name, value in sent.items()}
    if f"{method} {path}" == "POST /imports":
        return system.post(path, params={"file_name": "a.csv"}, content=LIST)
    return system.request(method, path.format(**ids), json=sent, headers={"If-Match": "*"})


def test_every_address_stands_in_the_table_of_what_is_sent():
    with_body = {
        f"{method.upper()} {path}"
        for path, operations in api.openapi()["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }

    assert with_body == {*SENT, "POST /imports"}
    assert {f"{method.upper()} {path}" for method, path in EXAMPLES} == set(SENT)


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES, ids=str)
def test_each_address_is_open_to_a_good_token_of_the_firm_with_its_scope_and_to_nothing_else(
    method, path, scope, clock
):
    ids, tokens = world()
    clock(days=2)
    before = done_so_far()

    def asked(which):
        return ask(System(tokens[which]), method, path, ids)

    refused = {which: asked(which) for which in ("", "unknown", "revoked", "expired", "rests")}
    lacking, foreign = asked(f"not {scope}"), asked("foreign")
    cookie = Browser(sessions.sign_in(ERIKA, PASSWORD)).request(method, "/api/v1" + path.format(**ids))

    codes = ["token-missing", "token-unknown", "token-revoked", "token-expired", "token-rests"]
    told = {which: (answer.status_code, answer.json()["code"]) for which, answer in refused.items()}
    assert told == dict(zip(refused, [(401, code) for code in codes], strict=True))
    assert all(one.headers["www-authenticate"].startswith("Bearer") for one in refused.values())
    assert (lacking.status_code, scope.value in lacking.headers["www-authenticate"]) == (403, True)
    assert cookie.status_code == 401
    if "{" in path or path == "/invitations":
        assert foreign.status_code == 404
    elif method == "GET":
        assert [*foreign.json().values()] == [[], None]
    if (method, path) != ("POST", "/accounts"):  # The other firm may open one of its own.
        assert done_so_far() == before
    own = asked(scope.value)
    assert own.status_code < 400 or own.json()["code"] in {"last-contact", "import-state-unfit"}


@pytest.mark.parametrize("product", ["postgresql"], indirect=True)
def test_numbers_and_signs_that_postgresql_does_not_take_break_nothing(ids, system):
    """Its columns hold no such number, and no NUL."""
    far = dict.fromkeys(ids, 2**31)

    for method, path, _ in ROUTES:
        if "{" in path:
            answer = ask(system, method, path, far)
            assert (path, answer.status_code, answer.json()["code"]) == (path, 404, "nothing-here")
    for path in ("/accounts?search=%00&number=%00", "/contacts?email=%00", "/imports/{import_id}/records?question=%00"):
        assert system.get(path.format(**ids)).status_code == 200


def done_so_far() -> list:
    """What was done to accounts and contacts."""
    with reading() as session:
        tables = (Client, ClientContact, Person, Entry, Outgoing)
        return [session.execute(select(table.__table__)).all() for table in tables]


def test_a_token_is_shown_once_kept_as_a_digest_and_ends_at_once(ids):
    page = f"/firm/{ids['firm_id']}/settings/tokens"
    browser = Browser(sessions.sign_in(ERIKA, PASSWORD))

    empty = browser.send_form(page)
    answer = browser.send_form(page, name="DATEV", **{"accounts:read": "yes"}, lasts="90")
    twice = browser.send_form(page, name="datev", **{"accounts:read": "yes"})

    assert [*errors(empty)] == ["name", "scopes"]
    made = re.search(r"pvn_[A-Za-z0-9]{43}", answer.text)[0]
    assert made not in everything() + browser.get(page).text
    assert [*errors(twice)] == ["name"]
    assert System(made).get("/accounts").status_code == 200
    assert System(made).get("/contacts").json()["code"] == "scope-lacking"
    key = told_by(1, "token.made")[-1]["token"]
    assert "widerrufen" in browser.send_form(page, to=f"{page}/{key}/revoke").text
    assert System(made).get("/accounts").json()["code"] == "token-revoked"
    assert told_by(1, "token.revoked")[-1]["token"] == key


def test_that_a_token_was_used_is_written_down_once_a_minute(ids, system, statements, clock):
    def writes():
        with statements() as asked:
            system.get("/accounts")
        return sum(one.startswith("UPDATE") for one in asked)

    assert [writes(), writes()] == [1, 0]
    clock(seconds=61)
    assert writes() == 1


def test_what_is_done_stands_in_the_trail_with_the_token_and_who_made_it(ids, system):
    client_id = ids["account_id"]

    assert system.change(f"/accounts/{client_id}", {"number": "10001"}).json()["number"] == "10001"

    (entry,) = told_by(1, "client.changed")
    assert (entry["by"], entry["token"] > 1, entry["client"]) == (f"{ERIKA} (DATEV)", True, client_id)


def test_an_account_is_opened_with_all_that_its_page_takes_and_its_contact_invited(ids, system):
    firm_id = ids["firm_id"]
    for of, name, kind in ((FieldOf.ACCOUNT, "Umsatz", FieldKind.NUMBER), (FieldOf.CONTACT, "Seit", FieldKind.DATE)):
        settings.add(firm_id, ERIKA, Kind.FIELDS, Written(name, belongs_to=of, kind=kind))
    person = {
        "title": "Dr.",
        "given_name": "Lena",
        "family_name": "Frei",
        "email": LENA,
        "main_commercial": True,
        "phones": [{"number": "0171 3920012", "kind": "mobile"}, {"number": "030 5550100", "primary": True}],
        "tags": ["VIP"],
        "fields": {"Seit": "2020-01-31"},
    }
    sent = ONE | {"vat_id": "DE136695976", "tags": ["Bau", "Nord"], "fields": {"Umsatz": "1234.5"}}
    sent["contacts"] = [person, {"id": ids["contact_id"], "login": False}]

    made = system.post("/accounts", json=sent)

    assert made.status_code == 201
    kept = made.json()
    assert made.headers["location"] == f"/api/v1/accounts/{kept['id']}"
    assert (kept["name"], kept["tags"], kept["fields"]) == ("Neu GmbH", ["Bau", "Nord"], {"Umsatz": "1234.5"})
    assert [(one["login"], one["main_commercial"]) for one in kept["contacts"]] == [(True, True), (False, False)]
    lena = kept["contacts"][0]["contact_id"]
    told = system.get(f"/contacts/{lena}").json()
    assert (told["title"], told["tags"], told["fields"]) == ("Dr.", ["VIP"], {"Seit": "2020-01-31"})
    assert [(one["number"], one["primary"]) for one in told["phones"]] == [
        ("+49305550100", True),
        ("+491713920012", False),
    ]
    assert system.get("/contacts", params={"email": LENA.upper()}).json()["contacts"] == [told]

    invited = system.post(
        "/invitations", json={"account_id": kept["id"], "contact_id": lena, "message": "Hallo {Vorname}"}
    )
    again = system.post("/invitations", json={"account_id": kept["id"], "contact_id": lena})

    assert invited.status_code == 201
    assert invited.json()["contact"]["told_at"]
    assert (again.status_code, again.json()["code"]) == (429, "sent-just-now")
    assert 0 < int(again.headers["retry-after"]) <= 600
    (mail,) = [one for one in mails("invitation") if one.to_address == LENA]
    assert mail.facts["invited_by"] == "Erika Muster"


def test_a_change_counts_only_for_what_was_read(ids, system):
    path = f"/accounts/{ids['account_id']}"
    read = system.get(path).headers["etag"]

    first = system.patch(path, json={"street": "Weg 1"}, headers={"If-Match": read})
    second = system.patch(path, json={"city": "Köln"}, headers={"If-Match": read})
    without = system.patch(path, json={"city": "Köln"})
    whatever = system.patch(path, json={"city": "Köln"}, headers={"If-Match": "*"})

    assert [one.status_code for one in (first, second, without, whatever)] == [200, 412, 428, 200]
    now_there = whatever.json()
    assert (now_there["street"], now_there["city"]) == ("Weg 1", "Köln")
    assert system.get(path, headers={"If-None-Match": whatever.headers["etag"]}).status_code == 304
    emptied = system.change(path, {"street": None, "kind": None}).json()
    assert (emptied["street"], emptied["city"], emptied["kind"]) == ("", "Köln", "company")


def test_switches_are_all_set_or_none(ids, system):
    path = f"/accounts/{ids['account_id']}/contacts/{ids['contact_id']}"
    without_address = contact(ids["firm_id"], "Otto", "Ohne", "")
    account(ids["firm_id"], "Ohne GmbH", without_address)

    done = system.change(path, {"notify": False, "main_commercial": True})
    beside = system.get("/accounts", params={"search": "Ohne"}).json()["accounts"][0]["id"]
    there = f"/accounts/{beside}/contacts/{without_address}"
    refused = system.change(there, {"operational": True, "login": True})

    told = done.json()
    assert (told["notify"], told["commercial"], told["main_commercial"]) == (False, True, True)
    assert (refused.status_code, refused.json()["code"]) == (409, "no-address")
    assert system.get(there).json()["operational"] is False
    gone = system.delete(path, headers={"If-Match": "*"})
    assert (gone.status_code, gone.json()["code"]) == (409, "last-contact")


def test_a_list_tells_each_once_while_others_come_in(ids, system):
    for number in range(5):
        account(ids["firm_id"], f"Z{number} GmbH", ids["contact_id"])
    seen, cursor = [], ""

    while cursor is not None:
        page = system.get("/accounts", params={"limit": 2, "cursor": cursor}).json()
        seen += [one["id"] for one in page["accounts"]]
        if len(seen) < 6:
            account(ids["firm_id"], f"A{len(seen)} GmbH", ids["contact_id"])
        cursor = page["next"]

    with reading() as session:
        everything_there = set(session.scalars(select(Client.id)))
    assert len(seen) == len(set(seen)) == len(everything_there) == 9
    forged = system.get("/accounts", params={"cursor": "9"})
    assert (forged.status_code, forged.json()["code"]) == (422, "cursor-unknown")


def test_archived_accounts_are_listed_when_they_are_asked_for(ids, system):
    path = f"/accounts/{ids['account_id']}"

    answers = [system.post(f"{path}/archive") for _ in range(2)]

    assert [one.json()["state"] for one in answers] == ["archived", "archived"]
    listed = [one["id"] for one in system.get("/accounts").json()["accounts"]]
    put_away = [one["id"] for one in system.get("/accounts?state=archived").json()["accounts"]]
    assert (ids["account_id"] in listed, put_away) == (False, [ids["account_id"]])
    assert system.post(f"{path}/restore").json()["archived_at"] is None


@pytest.mark.parametrize(("language", "begins"), [("", "„x“ ist keine"), ("fr;q=0.9", "« x »"), ("en", "“x” is not")])
def test_all_that_does_not_fit_is_told_at_once_each_at_its_place(ids, system, language, begins):
    before = done_so_far()
    person = {"email": "x", "phones": [{"number": "030 5550100"}, {"number": "abc"}], "fields": {"a/b": "1"}}
    contacts = [person | {"fields": {}, "tags": ["Bau, Steuer"]}, {"id": 98765}]
    sent = ONE | {"vat_id": "DE1", "postcode": "1", "tags": ["VIP", "a,b"], "contacts": contacts}
    answer = system.post("/accounts", json=sent, headers={"Accept-Language": language})
    unknown = system.post("/accounts", json=ONE | {"fields": {"a/b": "1"}})
    shape = system.post("/accounts", json={"kind": "x", "zz": 1, "contacts": [{"email": 5}]})

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    told = {one["pointer"]: one for one in answer.json()["errors"]}
    assert {pointer: one["code"] for pointer, one in told.items()} == {
        "/vat_id": "vat-id-invalid",
        "/postcode": "postcode-unfit",
        "/tags": "tags-together",
        "/contacts/0/tags": "tags-together",
        "/contacts/0/email": "address-invalid",
        "/contacts/0/family_name": "family-name-missing",
        "/contacts/0/phones/1/number": "phone-invalid",
        "/contacts/1/id": "contact-gone",
    }
    assert told["/contacts/0/email"]["detail"].replace("\u202f", " ").startswith(begins)
    assert unknown.json()["errors"][0]["pointer"] == "/fields/a~1b"
    assert {(one["pointer"], one["code"]) for one in shape.json()["errors"]} == {
        ("/kind", "enum"),
        ("/zz", "extra-forbidden"),
        ("/contacts/0/email", "string-type"),
    }
    garbled = system.post("/accounts", content=b"{", headers={"Content-Type": "application/json"})
    assert (garbled.status_code, garbled.json()["code"]) == (400, "json-invalid")
    assert done_so_far() == before


def test_a_request_with_a_key_is_done_once_for_a_day(ids, system, clock):
    def send(sent=ONE, key="k-1"):
        return system.post("/accounts", json=sent, headers={"Idempotency-Key": key})

    wrong = send(ONE | {"vat_id": "DE1"})
    first, second = send(), send()
    other = send(ONE | {"company_name": "Anders AG"})

    assert wrong.status_code == 422  # Nothing was done: the key is still free.
    assert (first.status_code, second.status_code, first.text) == (201, 201, second.text)
    assert second.headers["location"] == first.headers["location"]
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    assert len(accounts.listed(_owner(ids), Filter(search="Neu")).rows) == 1
    clock(hours=25)
    later = send({"kind": "company", "company_name": "Neu GmbH", "contacts": [{"family_name": "Neu"}]})
    assert (later.status_code, later.headers.get("idempotent-replayed")) == (201, None)
    assert system.post("/accounts", json=ONE, headers={"Idempotency-Key": 256 * "x"}).json()["code"] == "key-malformed"


def _owner(ids):
    visitor = sessions.signed_in(sessions.sign_in(ERIKA, PASSWORD))
    return visitor.staff_of(ids["firm_id"])


def test_one_token_is_told_to_slow_down_and_others_are_not(ids, system, monkeypatch):
    monkeypatch.setattr(calls, "CALLS", parse("2 per minute"))
    other = System(token(ids["firm_id"], name="Andere"))

    answers = [system.get("/accounts") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["ratelimit"].split(";")[1] for one in answers] == ["r=1", "r=0", "r=0"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert other.get("/accounts").status_code == 200


def test_wrong_tokens_from_one_address_are_refused_without_a_look_and_good_ones_never(ids, system, monkeypatch):
    monkeypatch.setattr(calls, "REFUSED_FROM", parse("2 per minute"))

    assert [System("pvn_x").get("/accounts").status_code for _ in range(3)] == [401, 401, 429]
    assert system.get("/accounts").status_code == 200


def test_what_is_not_there_breaks_or_is_too_large_is_told_as_a_problem(ids, monkeypatch):
    system = System(token(ids["firm_id"]), raises=False)
    monkeypatch.setattr(accounts, "open_account", lambda *_: 1 / 0)

    answers = {
        404: [system.get("/nothing"), system.get("/accounts/0815"), system.get(f"/accounts/{10**30}")],
        405: [system.put("/accounts")],
        413: [system.post("/accounts", content=b"[" + b" " * 2**20)],
        500: [system.post("/accounts", json=ONE)],
    }

    for status, few in answers.items():
        for one in few:
            assert (one.status_code, one.headers["content-type"]) == (status, "application/problem+json")


PROMISES = [not_a_server_error, status_code_conformance, response_schema_conformance, content_type_conformance]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_interface_answers_as_it_describes_itself(ids, mode):
    shown = {"Authorization": f"Bearer {token(ids['firm_id'])}"}
    mounted = Starlette(routes=[Mount("/api/v1", api)])  # Without what asks for the name of the host.
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", mounted)
    statuses = Counter()

    @tries(derandomize=True, database=None, max_examples=25)
    @given(case=schema.as_strategy(generation_mode=mode))
    def keeps_its_promises(case):
        if case.path_parameters and mode is GenerationMode.POSITIVE:  # Else nothing is found.
            case.path_parameters |= {name: ids[name] for name in case.path_parameters}
        response = case.call_and_validate(checks=PROMISES, headers=shown)
        statuses[response.status_code] += 1

    keeps_its_promises()
    assert len(statuses) > 2
    assert statuses[200] or mode is GenerationMode.NEGATIVE


def test_a_page_tells_developers_every_address_with_its_scope_and_an_example():
    page = Browser().read("/docs/api").text

    assert all(f"{method} /api/v1{path}" in page and scope.value in page for method, path, scope in ROUTES)
    assert "max@beispiel.example" in page


def test_the_examples_of_the_documentation_run_as_they_stand(ids, tmp_path):
    (script,) = re.findall(r"```sh\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_config=None, lifespan="off"))
    thread = Thread(target=server.run)
    thread.start()
    shown = {"API": f"http://127.0.0.1:{server.config.port}/api/v1", "TOKEN": token(ids["firm_id"])}
    shell = ["bash", "-euo", "pipefail", "-c", script]
    try:
        while not server.started:
            sleep(0.01)
        done = run(shell, env={**os.environ, **shown}, cwd=tmp_path, capture_output=True)
    finally:
        server.should_exit = True
        thread.join()

    assert done.returncode == 0, done.stderr + done.stdout
    (mail,) = [one for one in mails("invitation") if one.to_address == "max.muster@kunde.example"]
    assert (mail.facts["message"], b'"street":"Lindenallee 5"' in done.stdout) == ("Willkommen, Max!", True)
