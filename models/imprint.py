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


def missing() -> list[str]:
    """The variables that are empty, or still have the sample that the product comes with."""
    config = settings()
    return [
        f"PROVISION_{name.upper()}"
        for name in NEEDED
        if name not in config.model_fields_set or not str(getattr(config, name)).strip()
    ]


def warning() -> str:
    """One sentence about what is missing, and what to do; empty if nothing is."""
    lacks = ", ".join(missing())
    return f"Imprint and privacy notice are not whole: set {lacks}, see provision check." if lacks else ""
