"""Whoever lets a name of their own point to this machine gets nothing, neither of the web pages nor of Prefect."""

import asyncio
import socket

import httpx
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_CORS_ALLOWED_ORIGINS,
    PREFECT_UI_API_URL,
    temporary_settings,
)
from pydantic import ValidationError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from deployments import server
from models.settings import Settings, settings
from tests.deployments.browser import Browser


def answers(host: str) -> bool:
    answer = Browser(follow=False).get("/health", headers={"Host": host})
    return answer.status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST.", "[::1]:8080", "portal.example"])
def test_the_pages_are_there_by_the_name_in_every_mail_and_by_those_of_this_machine(monkeypatch, host):
    monkeypatch.setenv("PROVISION_BASE_URL", "https://portal.example")
    settings.cache_clear()

    assert answers(host)


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "attacker.example:8080", "portal.example.attacker.example", "127.0.0.1.attacker.example", "",
     "[::1", "127.0.0.1@attacker.example", "2130706433", "a" * 300, "x..y"],
)  # fmt: skip
def test_by_any_other_name_nothing_is_there(monkeypatch, host):
    monkeypatch.setenv("PROVISION_BASE_URL", "https://portal.example")
    settings.cache_clear()

    answer = Browser(follow=False).get("/", headers={"Host": host})

    assert answer.status_code == 400
    assert "PROVISION_ALLOWED_HOSTS" in answer.text


def test_further_names_are_a_setting(monkeypatch):
    monkeypatch.setenv("PROVISION_ALLOWED_HOSTS", "intern.example, 192.0.2.7:8080")
    settings.cache_clear()

    assert [answers(host) for host in ("intern.example", "192.0.2.7", "192.0.2.8")] == [True, True, False]


def test_a_name_with_an_umlaut_is_what_browsers_make_of_it(monkeypatch):
    monkeypatch.setenv("PROVISION_BASE_URL", "https://bücher.example")
    settings.cache_clear()

    assert answers("xn--bcher-kva.example")


@pytest.mark.parametrize("names", ["https://portal.example/", "*", "*.portal.example", "x..y"])
def test_what_is_no_name_of_a_host_is_said_at_the_start(names):
    with pytest.raises(ValidationError, match="is no name of a host: write names, separated by blanks"):
        Settings(allowed_hosts=names)


def test_two_names_at_once_are_none():
    async def ask() -> int:
        sent = []
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"",
                 "headers": [(b"host", b"127.0.0.1"), (b"host", b"attacker.example")]}  # fmt: skip

        async def send(message):
            sent.append(message)

        await server.KnownHosts(None, lambda: {"127.0.0.1"})(scope, None, send)
        return sent[0]["status"]

    assert asyncio.run(ask()) == 400


def test_prefect_answers_to_the_names_in_its_own_addresses():
    addresses = {
        PREFECT_API_URL: "http://prefect:4200/api",
        PREFECT_UI_API_URL: "https://prefect.provider.example/api",
        PREFECT_SERVER_CORS_ALLOWED_ORIGINS: "https://prefect.provider.example,https://old.provider.example",
    }

    with temporary_settings(addresses):
        names = server.names()

    assert names - settings().host_names == {"prefect", "prefect.provider.example", "old.provider.example"}


def test_prefect_is_there_by_no_other_name(prefect, prefect_address):
    _, address = prefect_address

    for path in ("/api/health", "/api/deployments/filter", "/", "/ui-settings"):
        answer = httpx.get(address.removesuffix("/api") + path, headers={"Host": "attacker.example"})
        assert answer.status_code == 400
    assert prefect.get("/health").is_success


def test_no_web_socket_of_prefect_is_there_by_another_name(prefect_address):
    _, address = prefect_address
    port = int(address.split(":")[2].partition("/")[0])

    with socket.create_connection(("127.0.0.1", port)) as wire, pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://attacker.example:{port}/api/events/out", subprotocols=["prefect"], sock=wire)
