"""How what is billed is taxed, why, and what the law wants to be said of it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict

from models.contracts.contract import Contract, TaxTreatment
from models.contracts.vat import KNOWN_THERE, VatAnswer, VatResult

REVERSE_CHARGE = {"DE": "Steuerschuldnerschaft des Leistungsempfängers"}
"""§ 14a Abs. 5 UStG, by the provider's country; elsewhere as the directive has it (2006/112/EC, Article 226, 11a)."""
NOT_TAXABLE = {"DE": "Nicht steuerbare Leistung: Der Leistungsort liegt nicht im Inland (§ 3a Abs. 2 UStG)."}


class TaxReason(StrEnum):
    """Why it is taxed so."""

    HOME = "home"  # The customer is in the provider's country.
    STANDARD = "standard"  # The customer is elsewhere, and nothing else was set.
    REVERSE_CHARGE = "reverse_charge"
    NOT_TAXABLE = "not_taxable"
    NEVER_AT_HOME = "never_at_home"  # Reverse charge was set, but the customer is in the provider's country.
    NO_VAT_ID = "no_vat_id"  # Reverse charge was set, but there is no VAT id of the customer.
    INVALID_VAT_ID = "invalid_vat_id"  # Reverse charge was set, but VIES says that the customer's VAT id is none.
    HELD = "held"  # Reverse charge was set, but there is no VAT id of the provider.
    UNCONFIRMED = "unconfirmed"  # Reverse charge was set, but VIES has not answered.


@dataclass(frozen=True)
class Provider:
    """What tax depends on at the provider's."""

    country: str
    vat_id: str
    rate: Decimal
    """In percent."""
    asks: bool = False
    """Whether VIES is asked about the VAT ids of customers."""


class _Numbers(TypedDict):
    vat_id: str
    provider_vat_id: str


@dataclass(frozen=True)
class Taxation:
    treatment: TaxTreatment
    reason: TaxReason
    rate: Decimal | None
    """In percent; None: no tax is shown, which is not the same as one of 0 %."""
    note: str = ""
    """The words that the invoice must have."""
    vat_id: str = ""
    provider_vat_id: str = ""
    answer: VatAnswer | None = None
    """What VIES has said of the customer's VAT id, where that counts."""

    @property
    def is_held(self) -> bool:
        """Nothing is billed before this is settled."""
        return self.reason in {TaxReason.HELD, TaxReason.UNCONFIRMED}


def is_at_home(contract: Contract, provider: Provider) -> bool:
    """Whether anything says that the customer is in the provider's country."""
    return contract.is_in(provider.country, contract.vat_id)


def is_asked_about(contract: Contract, provider: Provider) -> bool:
    """Whether tax depends on what VIES says of the customer's VAT id. Of those at home nobody is asked."""
    wanted = provider.asks and contract.tax is TaxTreatment.REVERSE_CHARGE and contract.vat_id[:2] in KNOWN_THERE
    return wanted and not is_at_home(contract, provider)


def taxation(contract: Contract, provider: Provider, answer: VatAnswer | None = None) -> Taxation:
    """Looked at anew with each billing: addresses and ids may have changed since the treatment was chosen.

    *answer*: what VIES has said of the VAT id that the customer has, unless that is too old to count.
    """
    both = _Numbers(vat_id=contract.vat_id, provider_vat_id=provider.vat_id)
    at_home, asked = is_at_home(contract, provider), is_asked_about(contract, provider)

    def standard(reason: TaxReason) -> Taxation:
        return Taxation(TaxTreatment.STANDARD, reason, provider.rate, **both)

    match contract.tax:
        case TaxTreatment.NOT_TAXABLE:
            note = NOT_TAXABLE.get(provider.country, "")
            return Taxation(TaxTreatment.NOT_TAXABLE, TaxReason.NOT_TAXABLE, None, note, **both)
        case TaxTreatment.REVERSE_CHARGE if at_home:
            return standard(TaxReason.NEVER_AT_HOME)
        case TaxTreatment.REVERSE_CHARGE if not contract.vat_id:
            return standard(TaxReason.NO_VAT_ID)
        case TaxTreatment.REVERSE_CHARGE if asked and answer is not None and answer.result is VatResult.INVALID:
            return replace(standard(TaxReason.INVALID_VAT_ID), answer=answer)
        case TaxTreatment.REVERSE_CHARGE:
            unsettled = TaxReason.UNCONFIRMED if asked and answer is None else None
            reason = (unsettled or TaxReason.REVERSE_CHARGE) if provider.vat_id else TaxReason.HELD
            note = REVERSE_CHARGE.get(provider.country, "Reverse charge")
            return Taxation(TaxTreatment.REVERSE_CHARGE, reason, None, note, **both, answer=answer if asked else None)
        case TaxTreatment.STANDARD:
            return standard(TaxReason.HOME if at_home else TaxReason.STANDARD)
