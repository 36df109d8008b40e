"""Why no logo can be made of a file, as the limited process tells it to the one that asked."""

from enum import StrEnum


class Refusal(StrEnum):
    NOT_A_PICTURE = "not_a_picture"
    FILE_TOO_LARGE = "file_too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_COMPLEX = "too_complex"
    ENTITIES = "entities"
    ODD_SHAPE = "odd_shape"
    TOO_SMALL = "too_small"
    EMPTY = "empty"
    TOO_COSTLY = "too_costly"


class CannotShape(Exception):
    """Carries the numbers that the sentence for people needs."""

    def __init__(self, refusal: Refusal, *facts: int) -> None:
        super().__init__(refusal, *facts)
        self.refusal = refusal
        self.facts = facts
