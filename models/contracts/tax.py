"""How what is billed is taxed, why, and what the law wants to be said of it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from models.contracts.contract import Addressee, Contract, TaxTreatment

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
    HELD = "held"  # Reverse charge was set, but there is no VAT id of the provider.


@dataclass(frozen=True)
class Provider:
    """What tax depends on at the provider's."""

    country: str
    vat_id: str
    rate: Decimal
    """In percent."""


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

    @property
    def is_held(self) -> bool:
        """Nothing is billed before this is settled."""
        return self.reason is TaxReason.HELD


def taxation(contract: Contract, provider: Provider) -> Taxation:
    """Looked at anew with each billing: addresses and ids may have changed since the treatment was chosen."""
    theirs = {contract.addressee.country, Addressee.from_json(contract.partner).country}
    prefix = contract.vat_id[:2]
    theirs |= {"GR" if prefix == "EL" else prefix} if prefix else set()
    both = {"vat_id": contract.vat_id, "provider_vat_id": provider.vat_id}
    at_home = provider.country in theirs

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
        case TaxTreatment.REVERSE_CHARGE:
            reason = TaxReason.REVERSE_CHARGE if provider.vat_id else TaxReason.HELD
            note = REVERSE_CHARGE.get(provider.country, "Reverse charge")
            return Taxation(TaxTreatment.REVERSE_CHARGE, reason, None, note, **both)
        case TaxTreatment.STANDARD:
            return standard(TaxReason.HOME if at_home else TaxReason.STANDARD)
