"""Proof that somebody reads the mail to an address: a link that shows what is stored about it, and nothing else."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy.orm import Session

from models.errors import N_, ProvisionError
from models.mail.outbox import MailKind, Outgoing
from models.settings import settings
from models.text import row_number

GOOD_FOR = timedelta(hours=1)


class ProofDead(ProvisionError):
    """Says the same of a link that is too old and of one that never was."""

    status = 410
    says = N_("This link opens nothing any more: have a new one sent to you here.")


@dataclass(frozen=True)
class Proof:
    """The link in one mail. Nobody can guess it, and no row keeps it; it dies with its mail, and after an hour.

    When the mail was written is part of it: a number that is given again means another mail.
    """

    mail_id: int
    address: str
    made_at: datetime
    used_at: None = None

    @classmethod
    def in_mail(cls, mail: Outgoing) -> Self:
        return cls(mail.id, mail.to_address, mail.addressed_at)

    @classmethod
    def opened(cls, session: Session, token: str, now: datetime) -> Self:
        """Whose mail carried this token; raises ProofDead. Opening changes nothing, and may be done again."""
        mail = session.get(Outgoing, row_number(token.partition("-")[0]) or 0)
        if mail is None or mail.kind is not MailKind.OWN_DATA or "@" not in mail.to_address:
            raise ProofDead
        proof = cls.in_mail(mail)
        if not hmac.compare_digest(proof.token.encode(), token.encode(errors="replace")) or proof.expires_at <= now:
            raise ProofDead
        return proof

    @property
    def token(self) -> str:
        seed = f"own-data:{self.mail_id}:{self.address}:{self.made_at.astimezone(UTC).isoformat()}"
        digest = hmac.digest(settings().secret_key, seed.encode(), "sha256")
        return f"{self.mail_id}-{urlsafe_b64encode(digest).decode().rstrip('=')}"

    @property
    def url(self) -> str:
        return f"{settings().base_url}/privacy/data/{self.token}"

    @property
    def expires_at(self) -> datetime:
        return self.made_at + GOOD_FOR
