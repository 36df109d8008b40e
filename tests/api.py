"""Another system that has a token, without a network; and tokens for it."""

import httpx
from sqlalchemy import select

from models.db import reading
from models.people.api_token import Scope
from models.people.login import Login
from models.settings import settings
from tasks.people import api_tokens
from tests.contacts import ERIKA
from tests.deployments.browser import Wire


def account_id(email: str = ERIKA) -> int:
    with reading() as session:
        return session.scalars(select(Login.id).where(Login.email == email)).one()


def token(firm_id: int, *scopes: Scope, name: str = "DATEV", by: str = ERIKA, lasts=None) -> str:
    """A token of the firm, for everything unless scopes are named."""
    return api_tokens.make(firm_id, account_id(by), by, name=name, scopes=scopes or [*Scope], lasts=lasts)


class System(httpx.Client):
    """Asks under ``/api/v1`` with this token."""

    def __init__(self, token: str = "", *, raises: bool = True, **headers: str) -> None:
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(
            transport=Wire(raises=raises, client="127.0.0.1"),
            base_url=f"{settings().base_url}/api/v1",
            headers=shown | headers,
        )

    def change(self, path: str, sent: object) -> httpx.Response:
        """Read it, and change it as it stands."""
        return self.patch(path, json=sent, headers={"If-Match": self.get(path).headers["etag"]})
