"""The German federal states, where a postcode lies, and public holidays."""

import re
from bisect import bisect_right
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Self

import holidays


class Land(StrEnum):
    """The German federal states, by their official letters; public holidays are their law."""

    BADEN_WUERTTEMBERG = "BW"
    BAVARIA = "BY"
    BERLIN = "BE"
    BRANDENBURG = "BB"
    BREMEN = "HB"
    HAMBURG = "HH"
    HESSE = "HE"
    MECKLENBURG_VORPOMMERN = "MV"
    LOWER_SAXONY = "NI"
    NORTH_RHINE_WESTPHALIA = "NW"
    RHINELAND_PALATINATE = "RP"
    SAARLAND = "SL"
    SAXONY = "SN"
    SAXONY_ANHALT = "ST"
    SCHLESWIG_HOLSTEIN = "SH"
    THURINGIA = "TH"

    @classmethod
    def of_postcode(cls, postcode: str) -> Self | None:
        """Where most addresses with this German postcode lie; None if it is not one.

        A suggestion: some postcodes along a border serve villages on both sides of it.
        """
        if not re.fullmatch(r"\d{5}", postcode, re.ASCII) or postcode < FIRST_POSTCODES[0]:
            return None
        return cls(LAENDER[bisect_right(FIRST_POSTCODES, postcode) - 1])


# From this postcode on, up to the next one that is named.
_POSTCODES = """
01000 SN 01940 BB 02000 SN 03000 BB 04000 SN 04580 TH 04640 SN 04890 BB 04940 SN 06000 ST 06550 TH 06600 ST 07000 TH
07919 SN 07920 TH 07952 SN 07953 TH 07985 SN 07986 TH 08000 SN 10000 BE 12529 BB 12530 BE 14400 BB 17000 MV 17261 BB
17300 MV 17326 BB 17327 MV 17337 BB 17338 MV 19271 NI 19274 MV 19309 BB 19358 MV 20000 HH 21200 NI 21450 SH 21522 NI
21523 SH 21600 NI 22000 HH 22800 SH 23920 MV 24000 SH 26000 NI 27483 SH 27499 HH 27500 HB 27600 NI 28000 HB 28784 NI
29410 ST 29420 NI 32000 NW 34000 HE 34346 NI 34347 HE 34355 NI 34356 HE 34400 NW 34441 HE 36400 TH 36470 HE 37000 NI
37200 HE 37300 TH 37400 NI 37650 NW 37691 NI 37692 NW 37697 NI 38480 ST 38490 NI 38800 ST 40000 NW 48442 NI 48466 NW
48478 NI 48481 NW 48486 NI 48489 NW 48497 NI 48540 NW 49000 NI 49460 NW 49550 NI 50000 NW 51598 RP 51599 NW 53400 RP
53580 NW 53614 RP 53620 NW 54000 RP 55240 HE 55253 RP 57000 NW 57500 RP 58000 NW 60000 HE 63700 BY 64000 HE 65558 RP
65583 HE 65621 RP 65627 HE 65628 RP 65630 HE 66000 SL 66460 RP 66510 SL 66840 RP 68000 BW 68501 HE 68520 BW 68600 HE
68700 BW 69235 HE 69240 BW 69430 HE 69435 BW 69470 HE 69489 BW 69503 HE 69510 BW 69515 HE 69519 BW 76710 RP 77000 BW
80000 BY 88000 BW 88100 BY 88147 BW 88148 BY 88180 BW 89200 BY 89500 BW 90000 BY 96500 TH 96530 BY 97860 BW 97888 BY
97893 BW 97901 BY 97910 BW 98000 TH
""".split()  # noqa: SIM905  (a table)


FIRST_POSTCODES, LAENDER = _POSTCODES[::2], _POSTCODES[1::2]


_CATHOLIC = {
    # Assumption Day: in 1,704 of 2,056 municipalities; in the others a mail comes a day later, which hurts nobody.
    Land.BAVARIA: re.compile(r""),
    # Corpus Christi: Sorbian and Eichsfeld towns.
    Land.SAXONY: re.compile(r"01920|02997"),
    Land.THURINGIA: re.compile(r"373(08|18|27|39|45|51|55|59)"),
}
"""Where a day is a holiday in Catholic towns alone: their postcodes."""


_PEACE_FESTIVAL = re.compile(r"861[5-9]\d")
"""Postcodes of Augsburg, which has a holiday of its own."""


@cache
def _holidays(place: str | None, year: int, *, catholic: bool) -> frozenset[date]:
    categories = ("public", "catholic") if catholic else ("public",)
    return frozenset(holidays.country_holidays("DE", subdiv=place, years=year, categories=categories))


def is_holiday(day: date, land: Land | None, postcode: str = "") -> bool:
    """Whether it is a public holiday in *land* (none given: one of the whole country), in the town of this postcode."""
    catholic = land in _CATHOLIC and _CATHOLIC[land].match(postcode) is not None
    place = "Augsburg" if land is Land.BAVARIA and _PEACE_FESTIVAL.fullmatch(postcode) else land and land.value
    return day in _holidays(place, day.year, catholic=catholic)
