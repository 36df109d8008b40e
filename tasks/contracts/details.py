"""What stands on the page of the contract beside its modules, section by section: who may change what, and how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from json import dumps

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models.audit import evidence, of, record
from models.contracts.catalogue import Authority
from models.contracts.contract import (
    CUSTOMER_NUMBER_MOST,
    ORDER_NUMBER_MOST,
    Addressee,
    Contract,
    Named,
    PartnerMissing,
    Recipient,
    SentAs,
    TaxTreatment,
    recipients,
)
from models.db import reading, transaction
from models.errors import N_, Faults, ProvisionError
from models.onboarding import Onboarding
from models.settings import settings
from models.text import fitting, one_line
from models.time.clock import now
from tasks.contracts.orders import Who, require_manager
from tasks.contracts.vies import ask_soon

Written = Mapping[str, str]
ROWS = 5
"""So many recipients a form offers at least."""


class SectionChanged(ProvisionError):
    says = N_("Somebody else has changed this meanwhile: look at what stands there now, and send the form again.")


class Section(StrEnum):
    """What is changed together."""

    PARTNER = "partner"
    BILLING = "billing"
    PAYMENT = "payment"
    NUMBER = "number"
    TAX = "tax"
    INVOICES = "invoices"
    ORDER = "order"
    TEST = "test"


def _partner(_session: Session, contract: Contract, written: Written, faults: Faults) -> None:
    contract.partner = Addressee.read(written, faults, PartnerMissing).to_json()


def _billing(_session: Session, contract: Contract, written: Written, faults: Faults) -> None:
    fields = ("name", "person", "street", "postcode", "city")
    is_empty = not any(one_line(written.get(name, "")) for name in fields)
    contract.billing_address = None if is_empty else Addressee.read(written, faults).to_json()


def _payment(_session: Session, contract: Contract, written: Written, faults: Faults) -> None:
    with faults.at("payment_days"):
        contract.pay_within(written.get("payment_days", ""))


def _number(_session: Session, contract: Contract, written: Written, faults: Faults) -> None:
    with faults.at("customer_number"):
        text = one_line(written.get("customer_number", ""))
        contract.customer_number = fitting(text, CUSTOMER_NUMBER_MOST, "customer_number")


def _tax(_session: Session, contract: Contract, written: Written, faults: Faults) -> None:
    chosen = written.get("tax")
    with faults.at("vat_id"):
        treatment = TaxTreatment(chosen) if chosen in list(TaxTreatment) else contract.tax
        contract.tax_as(treatment, written.get("vat_id", ""), settings().provider_country)


def _invoices(session: Session, contract: Contract, written: Written, faults: Faults) -> None:
    rows = [name.removeprefix("email-") for name in written if name.startswith("email-")]
    chosen: list[Named] = []
    for row in rows:
        with faults.at(f"email-{row}"):
            chosen += recipients(
                [(written[f"email-{row}"], written.get(f"copy-{row}", ""), written.get(f"sent_as-{row}", ""))]
            )
    if faults:
        return
    with faults.at("email-0"):
        kept = recipients(chosen)
        session.execute(delete(Recipient).where(Recipient.firm_id == contract.firm_id))
        session.add_all(Recipient(firm_id=contract.firm_id, **one._asdict()) for one in kept)
    sent_as = written.get("sent_as")
    contract.sent_as = SentAs(sent_as) if sent_as in list(SentAs) else contract.sent_as


def _order(_session: Session, contract: Contract, written: Written, faults: Faults) -> None:
    with faults.at("order_number"):
        contract.order_number = fitting(one_line(written.get("order_number", "")), ORDER_NUMBER_MOST, "order_number")


def _test(_session: Session, contract: Contract, written: Written, _faults: Faults) -> None:
    contract.is_test = written.get("is_test") == "yes"


def _invoices_now(session: Session, contract: Contract) -> dict[str, str]:
    rows: dict[str, str] = {"sent_as": contract.sent_as.value}
    for number, recipient in enumerate(Recipient.of(session, contract.firm_id)):
        rows |= {
            f"email-{number}": recipient.email,
            f"copy-{number}": recipient.copy.value,
            f"sent_as-{number}": recipient.sent_as.value,
        }
    return rows


@dataclass(frozen=True)
class Rule:
    """Who changes a section, how what was typed is taken over, and what then stands in its form."""

    authority: Authority
    take: Callable[[Session, Contract, Written, Faults], None]
    shown: Callable[[Session, Contract], dict[str, str]]


RULES: Mapping[Section, Rule] = {
    Section.PARTNER: Rule(Authority.MANAGER, _partner, lambda _, contract: {**contract.partner}),
    Section.BILLING: Rule(Authority.CLIENT, _billing, lambda _, contract: {**(contract.billing_address or {})}),
    Section.PAYMENT: Rule(
        Authority.MANAGER, _payment, lambda _, contract: {"payment_days": str(contract.payment_days)}
    ),
    Section.NUMBER: Rule(
        Authority.OPERATOR, _number, lambda _, contract: {"customer_number": contract.customer_number}
    ),
    Section.TAX: Rule(
        Authority.OPERATOR, _tax, lambda _, contract: {"tax": contract.tax.value, "vat_id": contract.vat_id}
    ),
    Section.INVOICES: Rule(Authority.CLIENT, _invoices, _invoices_now),
    Section.ORDER: Rule(Authority.CLIENT, _order, lambda _, contract: {"order_number": contract.order_number}),
    Section.TEST: Rule(Authority.MANAGER, _test, lambda _, contract: {"is_test": "yes" if contract.is_test else ""}),
}


def may_change(section: Section, who: Who) -> bool:
    return who.authority.reaches(RULES[section].authority)


def fields_of(session: Session, contract: Contract, section: Section) -> dict[str, str]:
    """What stands in the form of a section."""
    return RULES[section].shown(session, contract)


def stamp(fields: Mapping[str, str]) -> str:
    """By which a form knows whether what it was made of still stands there."""
    return sha256(dumps(dict(fields), sort_keys=True).encode()).hexdigest()[:16]


def form(firm_id: int, who: Who, section: Section) -> tuple[dict[str, str], str]:
    """What stands in the form, and its stamp; raises NoContract, and what ``change`` raises for who may not."""
    _require(section, who)
    with reading() as session:
        contract = Contract.get(session, Onboarding.of_firm(session, firm_id).firm)
        fields = fields_of(session, contract, section)
        return fields, stamp(fields)


def change(firm_id: int, who: Who, section: Section, written: Written, was: str) -> int:
    """Take over what a form says that had this stamp; returns the case's id. The same again changes nothing.

    Raises ManagersAlone or NotFound for who may not, AccountClosed, NoContract, SectionChanged, and FormRefused with
    all that does not fit.
    """
    _require(section, who)
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        contract = Contract.get(session, case.firm)
        before = fields_of(session, contract, section)
        if stamp(before) != was:
            raise SectionChanged
        faults = Faults()
        RULES[section].take(session, contract, written, faults)
        faults.check()
        session.flush()
        after = fields_of(session, contract, section)
        if after != before:
            facts = {"before": of(contract, before), "after": of(contract, after), "part": section.value}
            record(session, case.id, at, "contract.changed", who.by, rows=evidence(contract), **facts)
    if section is Section.TAX:
        ask_soon(firm_id)
    return case.id


def _require(section: Section, who: Who) -> None:
    if not may_change(section, who):
        require_manager(who)
