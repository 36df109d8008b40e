"""Numbers as people write them."""

import re
from contextlib import suppress
from decimal import Decimal

from babel.numbers import NumberFormatError, parse_decimal

from models.people.manners import Language


def number_of(text: str, language: Language) -> Decimal | None:
    """What can be read in one way only is read so in any language: “1.234,5”, “1 234,5” and “1234.5”.

    “1.234” is what it is to the reader. None: it is no number.
    """
    digits = re.sub(r"(?<=\d)[ '’](?=\d{3}(?!\d))", "", text.replace("−", "-")).removeprefix("+")
    if re.fullmatch(r"-?[\d.,]+", digits, re.ASCII):  # No “1e999999”, which would fill the memory.
        for locale in (language.value, "en", "de"):
            with suppress(NumberFormatError):
                return Decimal(parse_decimal(digits, locale, strict=True))
    return None
