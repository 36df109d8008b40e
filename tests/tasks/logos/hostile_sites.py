"""Hostile websites, each as what it does on a connection, with what must become of asking it."""

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tasks.logos.fetch import AddressRefused, Faltered, RobotsRefused, TooMuch, Unreachable

OK = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
PICTURE = f"{OK}Content-Length: 4\r\n\r\nlogo".encode()
NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Hostile:
    """Answers every connection on loopback with *act*, which gets the connection and the path that is asked for."""

    def __init__(self, act: Callable[[socket.socket, str], None]) -> None:
        self.paths: list[str] = []
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._accepting, *self._threads]:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._answer, args=(connection,))
                thread.start()
                self._threads.append(thread)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            while asked := connection.recv(65536):
                path = asked.split(b" ")[1].decode()
                self.paths.append(path)
                self._act(connection, path)


@dataclass(frozen=True)
class SiteAttack:
    act: Callable[[socket.socket, str], None]
    refused: tuple[type[Exception], ...]
    """Empty if the picture is had in spite of it."""


def _without_robots(act: Callable[[socket.socket], None]) -> Callable[[socket.socket, str], None]:
    def answer(connection: socket.socket, path: str) -> None:
        if path == "/robots.txt":
            connection.sendall(NO_ROBOTS)
        else:
            act(connection)

    return answer


def _sending(answer: bytes | str) -> Callable[[socket.socket, str], None]:
    content = answer if isinstance(answer, bytes) else answer.encode()
    return _without_robots(lambda connection: connection.sendall(content))


def _moving(to: str) -> Callable[[socket.socket, str], None]:
    return _sending(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")


def _without_end(begin: str, more: bytes, pause: float = 0) -> Callable[[socket.socket, str], None]:
    def act(connection: socket.socket) -> None:
        connection.sendall(begin.encode())
        until = time.monotonic() + 6
        while time.monotonic() < until:
            connection.sendall(more)
            time.sleep(pause)

    return _without_robots(act)


def _robots(rules: bytes, status: str = "200 OK", head: str = "") -> Callable[[socket.socket, str], None]:
    def answer(connection: socket.socket, path: str) -> None:
        if path == "/robots.txt":
            begin = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{head}Content-Length: {len(rules)}\r\n\r\n"
            connection.sendall(begin.encode() + rules)
        else:
            connection.sendall(PICTURE)

    return answer


def _packed(packing: str, content: bytes) -> Callable[[socket.socket, str], None]:
    head = f"{OK}Content-Encoding: {packing}\r\nContent-Length: {len(content)}\r\n\r\n"
    return _sending(head.encode() + content)


def bomb(megabytes: int) -> bytes:
    """Unpacks to so many megabytes of zeros; the sum at its end, which nobody gets to, is missing."""
    packer = zlib.compressobj(9, wbits=31)
    begin, more = (packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return begin + more * (megabytes - 1)


def _broken_off() -> bytes:
    return gzip.compress(bytes(1_000_000))[:500]


def _long_rules() -> bytes:
    return b"User-agent: *\n" + b"Disallow: /x\n" * 200_000


SITES: dict[str, SiteAttack] = {
    "a body that never ends": SiteAttack(_without_end(f"{OK}\r\n", b"x" * 65536), (TooMuch,)),
    "chunks that never end": SiteAttack(
        _without_end(f"{OK}Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"), (TooMuch,)
    ),
    "a body that drips": SiteAttack(_without_end(f"{OK}Content-Length: 999\r\n\r\n", b"x", 0.1), (Faltered,)),
    "headers that drip": SiteAttack(_without_end("HTTP/1.1 200 OK\r\nX-A: ", b"x", 0.1), (Faltered,)),
    "headers that never end": SiteAttack(
        _without_end("HTTP/1.1 200 OK\r\n", b"X-A: " + b"x" * 9000 + b"\r\n"), (Faltered,)
    ),
    "answers that are none yet, without end": SiteAttack(
        _without_end("", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.01), (Faltered,)
    ),
    "silence": SiteAttack(lambda *_: time.sleep(3), (Faltered,)),
    "a connection that is closed": SiteAttack(lambda connection, _: connection.shutdown(socket.SHUT_RDWR), (Faltered,)),
    "another language": SiteAttack(_sending(b"SSH-2.0-OpenSSH_9.9\r\n" * 9), (Faltered,)),
    "less than it says": SiteAttack(
        _without_robots(
            lambda c: (c.sendall(f"{OK}Content-Length: 999\r\n\r\nlogo".encode()), c.shutdown(socket.SHUT_WR))
        ),
        (Faltered,),
    ),
    "a length below nothing": SiteAttack(_sending(f"{OK}Content-Length: -4\r\n\r\nlogo"), (Faltered,)),
    "two lengths": SiteAttack(_sending(f"{OK}Content-Length: 4\r\nContent-Length: 9\r\n\r\nlogo"), (Faltered,)),
    "a length of a terabyte": SiteAttack(
        _without_end(f"{OK}Content-Length: 1000000000000\r\n\r\n", b"x" * 65536), (TooMuch,)
    ),
    "a gzip bomb": SiteAttack(_packed("gzip", bomb(300)), (TooMuch,)),
    "a gzip bomb in a gzip bomb": SiteAttack(_packed("gzip, gzip", gzip.compress(bomb(300))), (TooMuch,)),
    "a brotli bomb that nobody asked for": SiteAttack(_packed("br", b"\xcf\xff\xff\x7f\xf8" * 99), (Unreachable,)),
    "a zstd bomb that nobody asked for": SiteAttack(_packed("zstd", b"(\xb5/\xfd" + b"\xff" * 99), (Unreachable,)),
    "gzip that is none": SiteAttack(_packed("gzip", b"logo"), ()),
    "gzip that breaks off in damage": SiteAttack(_packed("gzip", _broken_off() + b"damage" * 99), (Unreachable,)),
    "redirects in a circle": SiteAttack(_moving("/"), (TooMuch,)),
    "a redirect to a file": SiteAttack(_moving("file:///etc/passwd"), (AddressRefused,)),
    "a redirect into the address": SiteAttack(_moving("data:text/html,x"), (AddressRefused,)),
    "a redirect with a name and a password": SiteAttack(_moving("http://a:b@127.0.0.1/"), (AddressRefused,)),
    "a redirect that smuggles a header": SiteAttack(_moving("/\rX-Evil: 1"), (Faltered, AddressRefused, TooMuch)),
    "a redirect of ninety thousand letters": SiteAttack(
        _moving("/" + "x" * 90_000), (AddressRefused, TooMuch, Faltered)
    ),
    "a redirect to nowhere": SiteAttack(_moving("http://"), (AddressRefused, TooMuch)),
    "rules without end": SiteAttack(_robots(_long_rules()), ()),
    "rules that forbid, and then much": SiteAttack(
        _robots(b"User-agent: *\nDisallow: /\n" + b"#" * 3_000_000), (RobotsRefused,)
    ),
    "rules that unpack to 300 megabytes": SiteAttack(_robots(bomb(300), head="Content-Encoding: gzip\r\n"), ()),
    "rules that lie in a circle": SiteAttack(_robots(b"", "302 Found", "Location: /robots.txt\r\n"), ()),
    "rules that lie in a file": SiteAttack(
        _robots(b"", "302 Found", "Location: file:///etc/passwd\r\n"), (AddressRefused,)
    ),
    "rules that match in very many ways": SiteAttack(
        _robots(b"User-agent: *\nDisallow: /" + b"*a" * 9000 + b"$\n" * 2), ()
    ),
    "rules that cannot be told": SiteAttack(_robots(b"", "503 Broken"), (Faltered,)),
    "a very large cookie": SiteAttack(
        _sending(f"{OK}Set-Cookie: a={'x' * 60_000}\r\nContent-Length: 4\r\n\r\nlogo"), ()
    ),
    "a language that is none": SiteAttack(
        _sending("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=zlib\r\nContent-Length: 4\r\n\r\nlogo"), ()
    ),
    "a media type that is none": SiteAttack(
        _sending("HTTP/1.1 200 OK\r\nContent-Type: ;;=\xff<script>\r\nContent-Length: 4\r\n\r\nlogo".encode("latin-1")),
        (),
    ),
}

ADDRESSES = [
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://0300.0250.0.1/",
    "http://127.1/",
    "http://0/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001::1]/",
    "http://[2001:db8::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "https://127.0.0.1/",
    "http://8.8.8.8:25/",
    "http://8.8.8.8:22/",
    "http://8.8.8.8:6379/",
    "http://8.8.8.8:0/",
    "http://8.8.8.8:99999/",
    "http://somebody:secret@8.8.8.8/",
    "http://8.8.8.8@127.0.0.1/",
    "http://127.0.0.1:80@8.8.8.8/",
    "http://127.0.0.1\\@8.8.8.8/",
    "http://8.8.8.8\\@127.0.0.1/",
    "http://127.0.0.1#@8.8.8.8/",
    "http://127.0.0.1%00.kanzlei.example/",
    "http://127.0.0.1\t/",
    "http://a\r\nHost: b/",
    "http:///nowhere",
    "http://",
    "file:///etc/passwd",
    "ftp://8.8.8.8/",
    "gopher://8.8.8.8/",
    "dict://8.8.8.8/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "//8.8.8.8/",
    "",
]
