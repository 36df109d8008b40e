"""How somebody wants to be spoken to."""

from enum import StrEnum


class Language(StrEnum):
    GERMAN = "de"
    FRENCH = "fr"
    ENGLISH = "en"


class AddressForm(StrEnum):
    """How a German speaker is addressed."""

    SIE = "sie"
    DU = "du"
