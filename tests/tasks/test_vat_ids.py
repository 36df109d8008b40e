# ruff: noqa: F401, F811  (fixtures)
"""VAT ids of customers who are to owe the tax: VIES is asked, and what is billed follows what it says."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep

import pytest
from sqlalchemy import select, update

from models.contracts.contract import Addressee, Contract, TaxTreatment
from models.contracts.vat import VatAnswer, VatResult, VatSilence, good_since
from models.db import reading, transaction
from models.onboarding import Onboarding
from models.settings import settings
from models.time.clock import now
from tasks.contracts import billing, details, page, vies
from tasks.contracts.details import Section
from tasks.contracts.vies import UnansweredError, ask_about_vat_ids, tell_of_silence
from tests.factories import acts, mails, opened
from tests.tasks.test_accounting import MARCH, booking_id, change, of
from tests.tasks.test_contracts import MANAGER, OPERATOR, at, firm_id, no_faults, phone

OURS, THEIRS, OTHER = "DE136695976", "ATU13585627", "ATU33864707"
VIENNA = Addressee("Kanzlei Wien", street="Ring 1", postcode="1010", city="Wien", country="AT").to_json()
YES = {
    "valid": True,
    "requestDate": "2027-03-20T08:00:00.000Z",
    "requestIdentifier": "WAPIAAAAX1b2c3d4",
    "name": "Kanzlei Wien",
    "address": "Ring 1\n1010 Wien",
    "traderNameMatch": "VALID",
    "traderCityMatch": "INVALID",
}
NO = {"valid": False, "requestIdentifier": "", "name": "---", "address": "---"}
AWAY = {"actionSucceed": False, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]}


class Vies:
    """The service on loopback: answers with what was put there, and remembers what it was asked."""

    def __init__(self) -> None:
        self.says: dict | bytes = YES
        self.status, self.headers, self.pause = 200, {}, 0.0
        self.asked: list[dict] = []
        self.paths: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.paths.append(self.path)
                service.asked.append(question)
                says = service.says
                if isinstance(says, dict) and "valid" in says:
                    says = {"countryCode": question["countryCode"], "vatNumber": question["vatNumber"]} | says
                body = says if isinstance(says, bytes) else json.dumps(says).encode()
                self.send_response(service.status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for at in range(0, len(body), 1 if service.pause else len(body)):
                        self.wfile.write(body[at : at + (1 if service.pause else len(body))])
                        sleep(service.pause)
                except OSError:  # Whoever asked has hung up.
                    pass

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/rest-api"


@pytest.fixture(scope="module")
def served() -> Iterator[Vies]:
    made = Vies()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def service(served, booking_id, monkeypatch) -> Vies:
    """It is asked about the number of a firm in Vienna that is to owe the tax."""
    monkeypatch.setenv("PROVISION_VIES_URL", served.url)
    monkeypatch.setenv("PROVISION_PROVIDER_VAT_ID", OURS)
    settings.cache_clear()
    served.says, served.status, served.headers, served.pause = YES, 200, {}, 0.0
    served.asked.clear()
    served.paths.clear()
    change(partner=VIENNA, tax=TaxTreatment.REVERSE_CHARGE, vat_id=THEIRS)
    return served


def asked() -> int:
    return ask_about_vat_ids.fn()


def unanswered() -> str:
    with pytest.raises(UnansweredError) as refused:
        asked()
    return refused.value.fault


def tax(month: date = MARCH) -> tuple[str, str, str | None, str | None]:
    (row,) = of(month)
    return row.state, row.tax_reason, row.tax_rate, row.vat_answered_on


def answers() -> list[VatAnswer]:
    with reading() as session:
        return list(session.scalars(select(VatAnswer).order_by(VatAnswer.id)))


def silence() -> VatSilence | None:
    with reading() as session:
        return session.scalars(select(VatSilence)).one_or_none()


def test_a_number_that_is_confirmed_is_billed_by_reverse_charge_and_the_answer_is_kept_as_proof(service, firm_id):
    assert tax() == ("held", "unconfirmed", None, None)
    assert asked() == 1
    assert asked() == 0

    (row,) = of(MARCH)
    assert tax() == ("open", "reverse_charge", None, "2027-03-10")
    assert (row.vat_id, row.provider_vat_id, row.vat_consultation) == (THEIRS, OURS, "WAPIAAAAX1b2c3d4")
    assert row.tax_note == "Steuerschuldnerschaft des Leistungsempfängers"
    (answer,) = answers()
    assert (answer.vat_id, answer.own_id, answer.result) == (THEIRS, OURS, "valid")
    assert answer.details["differs"] == ["city"]
    assert answer.details["address"] == "Ring 1 1010 Wien"
    assert service.paths == ["/rest-api/check-vat-number"]
    assert service.asked == [
        {
            "countryCode": "AT",
            "vatNumber": "U13585627",
            "requesterMemberStateCode": "DE",
            "requesterNumber": "136695976",
            "traderName": "Kanzlei Wien",
            "traderStreet": "Ring 1",
            "traderPostalCode": "1010",
            "traderCity": "Wien",
        }
    ]
    no_faults()


def test_a_number_that_is_none_is_billed_at_our_own_rate_and_says_why(service, firm_id):
    service.says = NO
    asked()
    assert tax() == ("open", "invalid_vat_id", "19", "2027-03-10")
    (mail,) = mails("vat_unconfirmed")
    assert [one["path"] for one in mail.facts["invalid"]] == [f"/firm/{firm_id}/contract#tax"]
    assert page.view(firm_id, OPERATOR).tax.reason == "invalid_vat_id"
    no_faults()


def test_without_an_answer_nothing_is_billed_operators_are_told_once_and_it_is_asked_again(service, firm_id, clock):
    service.says = AWAY
    assert unanswered() == "MS_UNAVAILABLE"
    assert [tell_of_silence.fn(), tell_of_silence.fn()] == [1, 0]
    assert tax()[0] == "held"
    at(clock, 2027, 3, 12)
    assert unanswered() == "MS_UNAVAILABLE"
    assert tell_of_silence.fn() == 0
    (mail,) = mails("vat_unconfirmed")
    assert (mail.to_address, mail.facts["fault"]) == (settings().provider_email, "MS_UNAVAILABLE")
    assert (silence().since < silence().tried_at) is True
    at(clock, 2027, 4, 2)
    assert of(MARCH) == []  # Held over the end of the month.
    service.says = YES
    asked()
    assert silence() is None
    (row,) = of(date(2027, 4, 1))
    assert (row.state, row.days_from, row.tax_reason) == ("open", "2027-03-10", "reverse_charge")
    no_faults()


def test_numbers_that_are_never_answered_are_not_in_the_way_of_others(service, firm_id, monkeypatch):
    monkeypatch.setattr(vies, "FAULTS_MOST", 1)
    other = opened("test:2")
    with transaction() as session:
        contract = Contract.conclude(session, Onboarding.get(session, other).firm, "Sara", now())
        contract.partner, contract.tax, contract.vat_id = VIENNA, TaxTreatment.REVERSE_CHARGE, OTHER
    service.says = {"actionSucceed": False, "errorWrappers": [{"error": "INVALID_INPUT"}]}
    assert unanswered() == "INVALID_INPUT"
    service.says = YES
    asked()
    assert [question["vatNumber"] for question in service.asked] == [THEIRS[2:], OTHER[2:], THEIRS[2:]]


def test_a_round_asks_for_its_time_only_and_who_is_left_is_first_with_the_next(service, firm_id, monkeypatch):
    monkeypatch.setattr(vies, "SECONDS_A_ROUND", 0.1)
    other = opened("test:2")
    with transaction() as session:
        contract = Contract.conclude(session, Onboarding.get(session, other).firm, "Sara", now())
        contract.partner, contract.tax, contract.vat_id = VIENNA, TaxTreatment.REVERSE_CHARGE, OTHER
    service.pause = 0.005
    for numbers in ([THEIRS[2:]], [THEIRS[2:], OTHER[2:]]):
        asked()
        assert [question["vatNumber"] for question in service.asked] == numbers


def test_an_operator_may_choose_our_own_rate_instead_of_waiting(service, firm_id):
    service.says = AWAY
    unanswered()
    _, was = details.form(firm_id, OPERATOR, Section.TAX)
    details.change(firm_id, OPERATOR, Section.TAX, {"tax": "standard", "vat_id": THEIRS}, was)
    assert tax() == ("open", "standard", "19", None)
    assert asked() == 0


def test_another_number_is_asked_about_and_what_was_said_of_the_one_before_counts_for_nothing(service):
    asked()
    change(vat_id=OTHER)
    assert tax()[:2] == ("held", "unconfirmed")
    asked()
    assert [answer.vat_id for answer in answers()] == [THEIRS, OTHER]
    assert tax()[:2] == ("open", "reverse_charge")


def test_it_is_asked_again_before_a_month_is_closed_in_which_the_answer_would_be_too_old(service, clock):
    asked()
    for day in (11, 17):
        at(clock, 2027, 3, day)
        assert asked() == 0
    at(clock, 2027, 3, 18)  # Two weeks before the month ends.
    assert asked() == 1
    at(clock, 2027, 4, 16)
    assert asked() == 0
    at(clock, 2027, 4, 17)
    assert asked() == 1


def test_nobody_is_asked_about_a_number_of_our_own_country_whichever_way_it_came_to_be_there(service):
    for home in (
        {"vat_id": "DE129273398"},
        {"billing_address": VIENNA | {"country": "DE"}},
        {"partner": VIENNA | {"country": "DE"}},
    ):
        change(**{"vat_id": THEIRS, "billing_address": None, "partner": VIENNA} | home)
        assert asked() == 0
        assert tax() == ("open", "never_at_home", "19", None)
    change(partner=VIENNA, vat_id="CHE107787577IVA")
    assert asked() == 0  # It knows the numbers of the EU alone.
    assert tax()[:2] == ("open", "reverse_charge")
    assert service.asked == []


def test_where_no_service_is_named_nobody_is_asked(service, monkeypatch):
    monkeypatch.setenv("PROVISION_VIES_URL", "")
    settings.cache_clear()
    assert asked() == 0
    assert tax() == ("open", "reverse_charge", None, None)


HOSTILE = {
    "NO_ANSWER": [b"", b"<html>", b"[]", b'{"valid": "yes"}', b"[" * 12_000, json.dumps({"result": 1}).encode()],
    "OTHER_NUMBER": [
        json.dumps({"valid": True}).encode(),
        json.dumps(YES | {"countryCode": "AT", "vatNumber": "U1"}).encode(),
    ],
    "TOO_LONG": [b" " * 20_000],
    "IP_BLOCKED": [json.dumps({"valid": False, "userError": "IP_BLOCKED"}).encode()],
    "UNKNOWN": [
        b'{"actionSucceed": false}',
        b'{"errorWrappers": [{"error": "<b>"}]}',
        b'{"errorWrappers": [7], "valid": true}',
        b'{"errorWrappers": [{"error": ["VALID"]}], "valid": true}',
        b'{"userError": {"VALID": true}, "valid": true}',
    ],
}


def test_an_answer_that_is_none_counts_for_nothing(service):
    for fault, bodies in HOSTILE.items():
        for body in bodies:
            service.says = body
            assert unanswered() == fault, body[:40]
    service.says = YES
    for service.status in (302, 404, 500):
        service.headers = {"Location": f"{service.url}/elsewhere"}
        assert unanswered() == f"HTTP_{service.status}"
    service.status, service.headers = 200, {"Content-Encoding": "gzip"}
    assert unanswered() == "PACKED"
    assert set(service.paths) == {"/rest-api/check-vat-number"}
    assert answers() == []


def test_it_is_not_waited_for_for_ever_however_slowly_it_answers(service, monkeypatch):
    monkeypatch.setattr(vies, "SECONDS", 0.3)
    service.pause = 0.02
    assert unanswered() == "TIMEOUT"
    monkeypatch.setenv("PROVISION_VIES_URL", "http://127.0.0.1:9")
    settings.cache_clear()
    assert unanswered() == "NO_CONNECTION"


def test_what_it_says_is_kept_short_and_clean(service):
    service.says = YES | {"name": "A\u202eB" * 500, "requestIdentifier": "W" * 400, "address": 7}
    asked()
    (answer,) = answers()
    assert (len(answer.details["name"]), len(answer.consultation), answer.details["address"]) == (300, 40, "")
    assert "\u202e" not in answer.details["name"]


def test_the_number_that_was_changed_while_it_was_asked_about_gets_no_answer(service, monkeypatch):
    real = vies.ask

    def ask(question):
        change(vat_id=OTHER)
        return real(question)

    monkeypatch.setattr(vies, "ask", ask)
    asked()
    assert answers() == []


@pytest.mark.parametrize(
    ("today", "since"),
    [
        ("2027-03-01", "2027-02-15"),
        ("2027-03-17", "2027-02-15"),
        ("2027-03-18", "2027-03-18"),
        ("2027-04-02", "2027-03-18"),
    ],
)
def test_an_answer_counts_if_it_is_young_enough_at_the_end_of_the_month(today, since):
    assert good_since(MARCH, date.fromisoformat(today), 14).date().isoformat() == since
