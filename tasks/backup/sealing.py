"""Encryption of a back-up with a passphrase, as a stream: memory stays flat, and nothing of it is believed unproven.

The key is made of the passphrase by scrypt, with a salt of its own for each file. What follows is cut into pieces, each
encrypted and authenticated by itself (ChaCha20-Poly1305); its number and whether it is the last one are part of it, so
that no piece can be changed, left out, moved or cut off.
"""

import io
import os
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from models.errors import N_, ProvisionError

MARK = b"provision back-up, sealed: 1\n"
SALT = 16
PIECE = 2**20
TAG = 16


class PassphraseMissing(ProvisionError):
    status = 422
    says = N_("%(file)s is encrypted: set PROVISION_BACKUP_PASSPHRASE to the passphrase that it was made with.")

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class PassphraseWrong(ProvisionError):
    status = 422
    says = N_(
        "%(file)s does not open with this passphrase, or its beginning is damaged: nothing was changed. Give the"
        " passphrase that it was made with."
    )

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class BrokenSealError(Exception):
    """A piece was changed, or lacks."""


def _cipher(passphrase: str, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(Scrypt(salt, length=32, n=2**16, r=8, p=1).derive(passphrase.encode()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class Sealing(io.RawIOBase):
    """Writes to *file* what is written to it, encrypted; whole once it was closed. The file itself stays open."""

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        salt = os.urandom(SALT)
        self._file, self._cipher, self._head = file, _cipher(passphrase, salt), MARK + salt
        self._rest, self._number = bytearray(), 0
        file.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._rest += content
        while len(self._rest) > PIECE:  # The last one is known only at the end.
            self._put(bytes(self._rest[:PIECE]), last=False)
            del self._rest[:PIECE]
        return len(content)

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._rest), last=True)
        super().close()

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._head))
        self._number += 1


class Unsealing(io.RawIOBase):
    """Reads in the clear what is in *file*, from behind the mark on; raises PassphraseWrong, BrokenSealError."""

    def __init__(self, file: IO[bytes], passphrase: str, name: str) -> None:
        salt = file.read(SALT)
        self._file, self._cipher, self._head, self._name = file, _cipher(passphrase, salt), MARK + salt, name
        self._next, self._clear, self._number, self._ended = file.read(PIECE + TAG), memoryview(b""), 0, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._clear and not self._ended:
            self._clear = memoryview(self._piece())
        count = min(len(buffer), len(self._clear))
        buffer[:count] = self._clear[:count]
        self._clear = self._clear[count:]
        return count

    def _piece(self) -> bytes:
        piece, self._next = self._next, self._file.read(PIECE + TAG)
        self._ended = not self._next
        try:
            clear = self._cipher.decrypt(_nonce(self._number, last=self._ended), piece, self._head)
        except InvalidTag as error:
            raise (BrokenSealError if self._number else PassphraseWrong(self._name)) from error
        self._number += 1
        return clear
