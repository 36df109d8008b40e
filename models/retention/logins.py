"""Accounts that go with people: by which nobody gets in anywhere else."""

from collections.abc import Collection

from sqlalchemy import String, cast, delete, literal, select, update
from sqlalchemy.orm import Session

from models.link import FormerToken, Link, Opening
from models.people.api_token import ApiToken, ProviderToken
from models.people.login import Login, SignIn
from models.people.person import Person


def free_logins(session: Session, people: Collection[int], firm_id: int | None = None) -> list[int]:
    """The accounts of these people by which nobody gets in anywhere else; tokens at this firm end with them."""
    theirs = select(Person.account_id).where(Person.id.in_(people), Person.account_id.is_not(None))
    elsewhere = select(Person.account_id).where(
        Person.account_id.in_(theirs), Person.id.not_in(people), Person.email.contains("@")
    )
    kept = {*session.scalars(elsewhere)}
    tokens = select(ApiToken.account_id).where(ApiToken.account_id.in_(theirs))
    kept |= {*session.scalars(tokens if firm_id is None else tokens.where(ApiToken.firm_id != firm_id))}
    kept |= {*session.scalars(select(ProviderToken.account_id).where(ProviderToken.account_id.in_(theirs)))}
    mine = select(Login.id).where(Login.id.in_(theirs), Login.is_operator.is_(False), Login.id.not_in(kept))
    return [*session.scalars(mine.order_by(Login.id))]


def close_logins(session: Session, logins: Collection[int]) -> None:
    """These open nothing any more and tell of nobody. The rows stay: a link bears the number of its account."""
    if not logins:
        return
    links = select(Link.id).where(Link.account_id.in_(logins))
    whole = {"synchronize_session": False}
    for gone in (
        delete(FormerToken).where(FormerToken.link_id.in_(links)),
        delete(Opening).where(Opening.link_id.in_(links)),
        delete(SignIn).where(SignIn.account_id.in_(logins)),
        update(Link).where(Link.account_id.in_(logins)).values(expires_at=Link.made_at),
        update(Login)
        .where(Login.id.in_(logins))
        .values(
            email=literal("removed-") + cast(Login.id, String),
            **dict.fromkeys(("name", "password_hash", "external_id", "confirmed_at")),
        ),
    ):
        session.execute(gone.execution_options(**whole))
