"""What a firm's people may do: the owner, administrators, and staff with or without the right to manage accounts."""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ForeignKey, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import Base, Key
from models.errors import N_, ProvisionError
from models.people.person import Person, Role


class Rank(StrEnum):
    """Highest first. The organiser is the owner; a firm has one, who is only ever replaced."""

    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    STAFF = "staff"

    def reaches(self, other: "Rank") -> bool:
        ranks = [*Rank]
        return ranks.index(self) <= ranks.index(other)


class AboveOwnRank(ProvisionError):
    status = 403
    says = N_("Nobody gives or takes rights above their own: ask the owner of %(firm)s.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class AccountsNotManaged(ProvisionError):
    status = 403
    says = N_(
        "You may look at accounts of %(firm)s, but not change them: ask the owner or an administrator for the right to "
        "do so."
    )

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class AdministratorsOnly(ProvisionError):
    status = 403
    says = N_("Only the owner and administrators of %(firm)s set this: ask one of them.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class OwnRankGivenUp(ProvisionError):
    status = 422
    says = N_("You would take these settings from yourself: tick the box if you mean it.")


class OwnerStays(ProvisionError):
    says = N_(
        "%(name)s is the owner and keeps all rights: they go over only with the role of the organiser, to whoever is "
        "named instead."
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Rights(NamedTuple):
    """What one member may do."""

    rank: Rank
    manages_accounts: bool
    """May open, change and invite to accounts; of those that they see."""
    has_default_access: bool
    """Sees every account of which nothing else is said, and hears of its contacts."""
    is_commercial: bool = False
    """Answers for the firm's contract with the provider, as owner and administrators do."""

    @property
    def sees_all(self) -> bool:
        return self.rank is not Rank.STAFF

    @property
    def sees_contract(self) -> bool:
        return self.sees_all or self.is_commercial

    @property
    def may_manage(self) -> bool:
        return self.rank is not Rank.STAFF or self.manages_accounts

    def may_change(self, held: "Rights") -> bool:
        """Whether who has these rights may change those of somebody who holds *held*, up to their own rank."""
        return self.sees_all and self.rank.reaches(held.rank)


BY_DEFAULT = Rights(Rank.STAFF, manages_accounts=False, has_default_access=True)
NONE = Rights(Rank.STAFF, manages_accounts=False, has_default_access=False)


class Staff(Base):
    """Rights of a member that are not those that everybody begins with."""

    __tablename__ = "staff"

    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), unique=True)
    is_administrator: Mapped[bool] = mapped_column(default=False)
    manages_accounts: Mapped[bool] = mapped_column(default=False)
    has_default_access: Mapped[bool] = mapped_column(default=True)
    is_commercial: Mapped[bool] = mapped_column(default=False)

    @classmethod
    def of(cls, session: Session, people: list[Person]) -> dict[int, Rights]:
        """The rights of each of these people, by the person's id."""
        ids = [person.id for person in people]
        rows = {row.person_id: row for row in session.scalars(select(cls).where(cls.person_id.in_(ids)))}
        return {person.id: rights(person, rows.get(person.id)) for person in people}

    @classmethod
    def end(cls, session: Session, person: Person) -> None:
        """Whoever takes this role next, or comes back, begins with the rights of everybody."""
        session.execute(delete(cls).where(cls.person_id == person.id))

    @classmethod
    def give(cls, session: Session, person: Person, given: Rights) -> None:
        """Keep what a member may do from now on."""
        row = session.scalars(select(cls).where(cls.person_id == person.id)).one_or_none() or cls(person_id=person.id)
        row.is_administrator = given.rank is Rank.ADMINISTRATOR
        row.manages_accounts, row.has_default_access = given.manages_accounts, given.has_default_access
        row.is_commercial = given.is_commercial
        session.add(row)
        session.flush()


def require_within(giver: Rights, held: Rights, given: Rights, *, firm: str, name: str) -> None:
    """Whether *giver* may give *given* to who is called *name* and holds *held*.

    Owner and administrators give and take what is not above their own rank. The owner stays it, and sets alone whether
    they hear of accounts. Raises AdministratorsOnly, OwnerStays or AboveOwnRank.
    """
    if not giver.sees_all:
        raise AdministratorsOnly(firm)
    if held.rank is Rank.OWNER and (giver.rank is not Rank.OWNER or given.rank is not Rank.OWNER):
        raise OwnerStays(name)
    if not giver.may_change(held) or (given.rank is Rank.OWNER and held.rank is not Rank.OWNER):
        raise AboveOwnRank(firm)


def rights(person: Person, row: Staff | None) -> Rights:
    """Of somebody who is none of the firm's own people: none."""
    match person.role:
        case Role.ORGANISER:
            return Rights(Rank.OWNER, manages_accounts=True, has_default_access=row is None or row.has_default_access)
        case Role.CASEWORKER if row is not None:
            rank = Rank.ADMINISTRATOR if row.is_administrator else Rank.STAFF
            return Rights(rank, row.manages_accounts, row.has_default_access, row.is_commercial)
        case Role.CASEWORKER:
            return BY_DEFAULT
        case _:
            return NONE
