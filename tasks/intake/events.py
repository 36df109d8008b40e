"""Events from outside, stored by the web or by a form, and what each of them does."""

from collections.abc import Callable
from datetime import datetime

from prefect.logging import get_logger

from models.audit import HOUSE, record
from models.db import Facts, reading, transaction
from models.errors import ProvisionError
from models.inbox import Incoming
from models.request import OnboardingRequest
from models.time.clock import now
from tasks.agreement.responses import decline_by_notice, sign_by_notice
from tasks.contracts.notices import order_by_notice, terminate_by_notice
from tasks.engine.passes import kick
from tasks.engine.prefect_client import start_run
from tasks.engine.retry import side_effect
from tasks.intake.decision_effects import answer_decision
from tasks.mail.address_holds import note_bounce
from tasks.onboarding.opening import start_case
from tasks.onboarding.registration import registered_elsewhere

EVENTS_AT_ONCE = 200


@side_effect(name="handle events")
def handle_events() -> int:
    """Do what the stored events say, oldest first; returns how many were handled.

    An event that a rule refuses is handled, with the reason. One that breaks down is tried again in the next run and
    holds nobody else up. Handling one twice changes nothing: every act knows what was done.
    """
    with reading() as session:
        waiting = [event.id for event in Incoming.waiting(session, EVENTS_AT_ONCE)]
    return sum(handle(event_id) for event_id in waiting)


def handle_again(event_id: int, by: str) -> bool:
    """An operator wants an event tried once more that nobody tries any longer; False if there is no such event.

    Who has read that the firm has a case already, and wants the request handled all the same, means a second one.
    """
    with transaction() as session:
        event = session.get(Incoming, event_id, with_for_update=True)
        if event is not None and event.is_refused and event.type == "onboarding.requested":
            event.payload = {**event.payload, "again": True}
        asked = Incoming.try_again(session, event_id)
        if asked:
            record(session, HOUSE, now(), "event.retried", by, event=event_id)
    if asked:
        start_run("receive/receive", {}, key=f"receive-again-{event_id}-{now().isoformat()}")
    return asked


def dismiss(event_id: int, by: str) -> bool:
    """An operator takes note of an event that a rule refused; False if it does not wait for that."""
    with transaction() as session:
        noted = Incoming.dismiss(session, event_id, now())
        if noted:
            record(session, HOUSE, now(), "event.dismissed", by, event=event_id)
        return noted


def handle(event_id: int) -> bool:
    """Handle one event; False if it broke down and is to be tried again."""
    with transaction() as session:
        event = session.get_one(Incoming, event_id)
        if event.handled_at is not None:
            return True
        event.attempts += 1
    cases, refusal = list[int](), None
    try:
        cases = _HANDLERS[event.type](event)
    except ProvisionError as error:
        refusal = str(error)[:1000]
    except Exception:  # noqa: BLE001  (one event must not hold up the others; it is tried again)
        get_logger(__name__).exception("Event %s (%s) broke down", event_id, event.type)
        return False
    with transaction() as session:
        event = session.get_one(Incoming, event_id)
        if event.handled_at is None:
            event.handled_at, event.refusal, event.onboarding_id = now(), refusal, next(iter(cases), None)
    for case_id in cases:
        kick(case_id)
    return True


def _requested(event: Incoming) -> list[int]:
    request = OnboardingRequest.model_validate(event.payload)
    return [start_case(request, f"{event.source}:{event.external_id}", event.source)]


def _registered(event: Incoming) -> list[int]:
    payload = event.payload
    return registered_elsewhere(
        payload["email"], payload["external_id"], payload.get("given_name", ""), payload.get("family_name", "")
    )


def _signed(event: Incoming) -> list[int]:
    payload = event.payload
    company_id, version = int(payload["company_id"]), int(payload["version"])
    return [sign_by_notice(company_id, version, payload["signer"], str(payload.get("signed_at", "")))]


def _declined(event: Incoming) -> list[int]:
    payload = event.payload
    return [decline_by_notice(int(payload["company_id"]), int(payload["version"]), payload.get("reason", ""))]


def _bounced(event: Incoming) -> list[int]:
    return note_bounce(event.payload)


def _answered(event: Incoming) -> list[int]:
    answer: Facts = dict(event.payload)
    decision_id, verdict = int(answer.pop("decision_id")), str(answer.pop("verdict"))
    return [answer_decision(decision_id, verdict, "operator", **answer)]


def _terminated(event: Incoming) -> list[int]:
    payload, received_at = event.payload, datetime.fromisoformat(event.payload["received_at"])
    return [terminate_by_notice(int(payload["company_id"]), payload["module"], received_at)]


def _ordered(event: Incoming) -> list[int]:
    payload, key = event.payload, f"{event.source}:{event.external_id}"
    company_id = int(payload["company_id"])
    return [order_by_notice(company_id, payload["module"], payload["tariff"], payload.get("fields", {}), key)]


_HANDLERS: dict[str, Callable[[Incoming], list[int]]] = {
    "onboarding.requested": _requested,
    "account.registered": _registered,
    "agreement.signed": _signed,
    "agreement.declined": _declined,
    "mail.bounced": _bounced,
    "decision.answered": _answered,
    "contract.terminated": _terminated,
    "module.ordered": _ordered,
}
