"""How long one connection is waited for, and how many one address may have; by a clock that the tests move."""

import asyncio
from types import SimpleNamespace

import pytest
from uvicorn.server import ServerState

from deployments.web import __main__ as serving
from deployments.web.__main__ import BODY_BYTES_A_SECOND, BODY_SECONDS, HEAD_SECONDS, READ_SECONDS, WaryProtocol
from models.settings import settings

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"


class Clock:
    """The part of an event loop that tells the time and calls later."""

    def __init__(self):
        self.at, self.later = 1000.0, []

    def time(self):
        return self.at

    def call_later(self, seconds, act):
        self.later.append((self.at + seconds, act))
        return SimpleNamespace(cancel=lambda: None)

    def create_task(self, work):
        work.close()
        return asyncio.Future(loop=self)

    def get_debug(self):
        return False

    def call_exception_handler(self, _):
        pass

    def pass_by(self, seconds):
        end = self.at + seconds
        while due := [one for one in self.later if one[0] <= end]:
            first = min(due, key=lambda one: one[0])
            self.later.remove(first)
            self.at = first[0]
            first[1]()
        self.at = end


class Line(asyncio.Transport):
    """One connection, as the server sees it."""

    def __init__(self, address):
        super().__init__({"peername": (address, 50000), "sockname": ("127.0.0.1", 8080)})
        self.is_cut, self.reads, self.written = False, True, b""

    def abort(self):
        self.is_cut = True

    close = abort

    def is_closing(self):
        return self.is_cut

    def write(self, data):
        self.written += data

    def pause_reading(self):
        self.reads = False

    def resume_reading(self):
        self.reads = True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def connect(clock):
    """Gives connections to one server."""
    config, state = serving.configured("127.0.0.1", 0), ServerState()
    config.load()

    def connected(address="203.0.113.9"):
        line = Line(address)
        protocol = WaryProtocol(config, state, {}, clock)
        protocol.connection_made(line)
        return protocol, line

    return connected


def test_a_connection_that_says_nothing_is_hung_up_on(connect, clock):
    _, line = connect()

    clock.pass_by(HEAD_SECONDS - 1)
    assert not line.is_cut
    clock.pass_by(3)
    assert line.is_cut


def test_a_head_that_drips_in_is_waited_for_no_longer(connect, clock):
    protocol, line = connect()
    for letter in HEAD[: HEAD_SECONDS + 5]:
        if not line.is_cut:
            protocol.data_received(bytes([letter]))
        clock.pass_by(1)

    assert line.is_cut


def test_a_body_that_drips_in_is_hung_up_on_and_one_over_a_slow_line_is_not(connect, clock):
    (dripping, drip), (slow, line) = connect(), connect()
    for protocol in (dripping, slow):
        protocol.data_received(HEAD)

    for _ in range(BODY_SECONDS * 2):
        if not drip.is_cut:
            dripping.data_received(b"x")
        slow.data_received(b"x" * BODY_BYTES_A_SECOND)
        slow.cycle.body = b""  # The application takes what comes.
        slow.flow.resume_reading()
        clock.pass_by(1)

    assert drip.is_cut
    assert not line.is_cut


def test_whoever_waits_for_us_is_not_hung_up_on(connect, clock):
    protocol, line = connect()
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    clock.pass_by(600)

    assert not line.is_cut


def test_whoever_takes_nothing_of_the_answer_is_hung_up_on(connect, clock):
    protocol, line = connect()
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    protocol.pause_writing()

    clock.pass_by(READ_SECONDS + 2)

    assert line.is_cut


def test_one_address_or_one_line_of_ipv6_cannot_take_every_connection(connect, monkeypatch):
    monkeypatch.setattr(serving, "CONNECTIONS_FROM_ONE", 3)

    lines = [connect()[1] for _ in range(5)] + [connect(f"2001:db8:1:2::{n}")[1] for n in range(5)]

    assert [line.is_cut for line in lines] == [False, False, False, True, True] * 2
    assert not connect("203.0.113.10")[1].is_cut


def test_a_proxy_of_ours_brings_many_people_and_even_it_no_more_than_the_server_can_bear(connect, monkeypatch):
    monkeypatch.setenv("PROVISION_PROXIES", "203.0.113.0/24")
    settings.cache_clear()
    monkeypatch.setattr(serving, "CONNECTIONS_FROM_ONE", 3)
    monkeypatch.setattr(serving, "CONNECTIONS", 6)

    lines = [connect()[1] for _ in range(8)]

    assert [line.is_cut for line in lines] == [False] * 6 + [True] * 2


def test_no_word_about_who_asks_is_believed_by_the_server_itself(connect):
    config = serving.configured("127.0.0.1", 0)

    assert config.proxy_headers is False


@pytest.mark.parametrize(
    "head",
    [
        b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n",
        b"POST /auth/login HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["both", "both_turned_round", "chunks_in_1_0"],
)
def test_a_request_whose_end_can_be_read_in_two_ways_is_refused_and_what_follows_is_none(connect, head):
    protocol, line = connect()

    protocol.data_received(head + b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n")

    assert line.written.startswith(b"HTTP/1.1 400 ")
    assert line.written.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in line.written.lower()
    assert line.is_cut
    assert protocol.cycle is None  # The application saw none of it.


@pytest.mark.parametrize("length", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_a_request_that_says_one_thing_of_its_length_is_taken(connect, length):
    protocol, line = connect()

    protocol.data_received(b"POST /auth/login HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n\r\n0\r\n\r\n")

    assert not line.is_cut
    assert not protocol.cycle.more_body
