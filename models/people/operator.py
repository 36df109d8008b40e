"""Operators: the provider's people, with accounts. Managers look after them; an absent one has a deputy.

What is done to operators belongs to no case and stands in the audit chain ``models.audit.HOUSE``.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import N_, ProvisionError
from models.people.login import Login
from models.people.person import name_parts


class ManagersOnly(ProvisionError):
    status = 403
    says = N_("That is for managers: ask one of them to do it.")


class LastManager(ProvisionError):
    says = N_("%(address)s is the only manager: make somebody else a manager first.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class OperatorAlready(ProvisionError):
    says = N_("%(address)s is an operator already: change the role in the list.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class OperatorNameMissing(ProvisionError):
    status = 422
    says = N_("The name is missing: give first and last name, which stand under the agreements that are countersigned.")


class AbsenceInvalid(ProvisionError):
    status = 422
    says = N_("An absence has a first and a last day, the last one not before the first and not in the past.")


class DeputyUnfit(ProvisionError):
    status = 422
    says = N_("A deputy is another operator: choose one from the list.")


def operator_name(written: str) -> str:
    """First and last name of an operator; raises OperatorNameMissing, TextTooLong."""
    parts = name_parts(written)
    if not all(parts):
        raise OperatorNameMissing
    return " ".join(parts)


def operators(session: Session) -> list[Login]:
    """Who works as an operator now, in the order of their accounts.

    Locked for this transaction (not while only reading), so that acts on operators come one after the other.
    """
    query = select(Login).where(Login.is_operator).order_by(Login.id)
    if not session.info.get("reading"):
        query = query.with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(query))


def appoint(session: Session, account: Login, *, manager: bool) -> bool:
    """Make the account an operator or manager; False if it is just that. Raises LastManager."""
    if account.is_operator and account.is_manager == manager:
        return False
    if not manager:
        _require_another_manager(session, account)
    account.is_operator, account.is_manager, account.deactivated_at = True, manager, None
    return True


def deactivate(session: Session, account: Login, now: datetime) -> bool:
    """No operator any more, and signed out at once; False if that is so already. Raises LastManager."""
    if not account.is_operator:
        return False
    _require_another_manager(session, account)
    account.is_operator = account.is_manager = False
    account.deactivated_at = now
    account.absent_from = account.absent_until = account.deputy_id = None
    account.sign_out(session)
    return True


def _require_another_manager(session: Session, account: Login) -> None:
    if account.is_manager and not any(other.is_manager and other.id != account.id for other in operators(session)):
        raise LastManager(account.email)


def set_absence(
    session: Session, account: Login, first: date | None, last: date | None, deputy_id: int | None, today: date
) -> None:
    """Absent from the *first* to the *last* day, both included; no days: not absent. The deputy may be none.

    Raises AbsenceInvalid, DeputyUnfit.
    """
    if (first is None) != (last is None) or (first and last and not (first <= last >= today)):
        raise AbsenceInvalid
    if deputy_id is not None and deputy_id not in {operator.id for operator in operators(session)} - {account.id}:
        raise DeputyUnfit
    account.absent_from, account.absent_until = first, last
    account.deputy_id = deputy_id if first else None


def is_absent(account: Login, day: date) -> bool:
    return bool(account.absent_from and account.absent_until and account.absent_from <= day <= account.absent_until)


def readers(meant: Iterable[Login], everybody: Sequence[Login], day: date) -> list[tuple[Login, list[Login]]]:
    """Who gets a mail that is *meant* for these operators: they themselves, and the deputies of the absent ones.

    Each once, with those whose deputy they are. The deputy of a deputy who is absent as well gets it, too.
    """
    accounts = {operator.id: operator for operator in everybody}
    represented: dict[int, list[Login]] = {operator.id: [] for operator in meant}
    for absent in [accounts[account_id] for account_id in represented if account_id in accounts]:
        at, seen = absent, {absent.id}
        while is_absent(at, day) and at.deputy_id in accounts and at.deputy_id not in seen:
            at = accounts[at.deputy_id]
            seen.add(at.id)
            represented.setdefault(at.id, []).append(absent)
    return [(accounts[account_id], instead) for account_id, instead in represented.items() if account_id in accounts]
