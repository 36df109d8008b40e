"""Whoever answers a form by a program meets Prefect at its most awkward moments."""

import json

import httpx
import pytest

from deployments.rehearsal import Stalled, answer_form


class Prefect(httpx.BaseTransport):
    """Shows one suspended form and says these things, one after the other, to who answers it."""

    def __init__(self, *says: dict | int) -> None:
        self.says = list(says)
        self.given: list[dict] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/filter"):
            return httpx.Response(200, json=[{"id": "7", "name": "decide-7"}], request=request)
        self.given.append(json.loads(request.content))
        told = self.says.pop(0)
        return httpx.Response(told if isinstance(told, int) else 200, json=told, request=request)


ACCEPT = {"status": "ACCEPT", "details": {"type": "accept_details"}}
UNREADY = {"status": "REJECT", "details": {"type": "reject_details", "reason": "Run input schema not found"}}
WRONG = {"status": "REJECT", "details": {"type": "reject_details", "reason": "Run input validation failed: verdict"}}


@pytest.fixture
def prefect(monkeypatch):
    def use(*says: dict | int) -> Prefect:
        made = Prefect(*says)
        client = httpx.Client
        monkeypatch.setattr(
            "deployments.rehearsal.httpx.Client", lambda **options: client(**options | {"transport": made})
        )
        monkeypatch.setattr("deployments.rehearsal.time.sleep", lambda _: None)
        return made

    return use


def test_a_form_that_prefect_has_not_stored_yet_is_answered_again_until_it_has(prefect):
    server = prefect(UNREADY, UNREADY, 503, ACCEPT)

    assert answer_form("http://127.0.0.1:4200", lambda _: True, verdict="grant") == "decide-7"
    assert server.given == [{"run_input": {"verdict": "grant"}}] * 4


def test_an_answer_that_does_not_fit_the_form_is_not_given_again(prefect):
    server = prefect(WRONG)

    with pytest.raises(Stalled, match="validation failed"):
        answer_form("http://127.0.0.1:4200", lambda _: True, verdict="perhaps")
    assert len(server.given) == 1
