"""What our own questions to Prefect bring along, against a real server that wants to see it."""

import threading

import httpx
import pytest

from tasks.engine.prefect_client import Access
from tests.servers import SIGN_IN


@pytest.fixture
def asked(prefect_address):
    """A client with a way in of its own, and the paths that it asked for."""
    _, address = prefect_address
    paths: list[str] = []
    with httpx.Client(
        base_url=address,
        auth=Access(address, SIGN_IN),
        timeout=30,
        event_hooks={"request": [lambda request: paths.append(request.url.path.removeprefix("/api"))]},
    ) as client:
        yield client, paths


def test_a_question_brings_the_password_and_no_token(asked):
    client, paths = asked

    assert client.get("/admin/version").is_success
    assert paths == ["/admin/version"]


def test_a_token_is_asked_for_once(asked):
    client, paths = asked

    assert [client.post("/flows/filter", json={}).status_code for _ in range(3)] == [200, 200, 200]
    assert paths.count("/csrf-token") == 1


def test_a_token_that_is_good_no_more_is_asked_for_anew(asked):
    client, _ = asked
    client.post("/flows/filter", json={})
    client.auth._token = "run out"

    assert client.post("/flows/filter", json={}).is_success


def test_who_shares_a_token_among_threads_is_never_refused(asked):
    client, _ = asked
    answers: list[int] = []

    def ask() -> None:
        answers.append(client.post("/flows/filter", json={}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 6


def test_a_wrong_password_is_refused_at_once(prefect_address):
    _, address = prefect_address

    answer = httpx.post(f"{address}/flows/filter", json={}, auth=Access(address, "tests:wrong"))

    assert answer.status_code in {401, 403}


def test_a_server_without_password_and_tokens_is_asked_as_it_is():
    asked: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=[])

    with httpx.Client(transport=httpx.MockTransport(server), auth=Access("http://127.0.0.1:4200/api", "")) as client:
        client.post("http://127.0.0.1:4200/api/flows/filter", json={})

    assert [request.url.path for request in asked] == ["/api/flows/filter"]
    assert "authorization" not in asked[0].headers
