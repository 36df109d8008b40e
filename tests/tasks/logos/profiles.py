"""Colour profiles (ICC), small ones made here: what they say is easily told from what would be seen without them."""

import struct

_SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
"""Red, green and blue as XYZ under D50."""


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _profile(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    white = b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249)
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": name, b"wtpt": white, b"cprt": b"text\0\0\0\0none\0", **tags}
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, kind, space, connection)
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def exchanged() -> bytes:
    """RGB in which red and blue have changed places."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256))
    red, green, blue = (b"XYZ \0\0\0\0" + _fixed(*column) for column in _SRGB)
    tags = {b"rXYZ": blue, b"gXYZ": green, b"bXYZ": red, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def dark_grey() -> bytes:
    """Grey of a steep curve: the middle is much darker than usual."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, 5 * 256)})


def cyan_is_red() -> bytes:
    """A press on which the ink that is called cyan prints a strong red; black is black, the others are nothing."""
    straight = bytes(range(256))
    paper, red, black = (255, 128, 128), (137, 205, 190), (3, 128, 128)
    cube = b"".join(bytes(black if node % 2 else red if node & 8 else paper) for node in range(16))
    table = (
        b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + straight * 4 + cube + straight * 3
    )
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table})
