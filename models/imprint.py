"""What the law wants a provider to say of itself on its pages, and which of it nobody has set yet."""

from models.settings import settings

NEEDED = {
    "provider_name": "§ 5(1) no. 1 DDG",
    "provider_address": "§ 5(1) no. 1 DDG",
    "provider_representatives": "§ 5(1) no. 1 DDG",
    "provider_email": "§ 5(1) no. 2 DDG",
    "provider_phone": "§ 5(1) no. 2 DDG",
    "provider_register": "§ 5(1) no. 4 DDG",
    "provider_vat_id": "§ 5(1) no. 6 DDG",
    "privacy_authority": "Art. 13(2)(d) GDPR",
}
"""Settings that the pages cannot do without, and the law that wants them. A chamber, or whoever oversees the trade, and
a data protection officer not every provider has."""
IF_ANY = {"provider_register", "provider_vat_id"}
"""Not every provider has these either: whoever has none says so by setting the variable to nothing."""


def missing() -> list[str]:
    """The variables that are not set, are empty, or still have the sample that the product comes with."""
    config = settings()
    return [
        f"PROVISION_{name.upper()}"
        for name in NEEDED
        if name not in config.model_fields_set or not (name in IF_ANY or str(getattr(config, name)).strip())
    ]


def warning() -> str:
    """One sentence about what is missing, and what to do; empty if nothing is."""
    lacks = ", ".join(missing())
    return f"Imprint and privacy notice are not whole: set {lacks}, see provision check." if lacks else ""
