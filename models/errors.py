"""The root of every refusal, and how a refusal becomes a sentence in the reader's language.

    ProvisionError            a business rule said no: shown with what to do, never retried
    └── one subclass per fact, next to the rule that raises it

Anything that is not a ``ProvisionError`` is a breakage: retried, then put before an operator.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar


def N_(text: str) -> str:  # noqa: N802  (the name that gettext tools look for)
    """Mark *text* for the message catalogues; it is translated where it is shown."""
    return text


class ProvisionError(Exception):
    """A business rule said no: tell the person, never retry.

    A subclass sets ``says``, an English sentence with ``%(fact)s`` placeholders: what is so, with
    the value, then what to do. Its constructor hands its arguments unchanged to
    ``super().__init__`` and keeps each as an attribute, so that an error survives pickling by
    Prefect and its sentence can be made in any language (``tasks.text.i18n.explain``).
    """

    status: ClassVar[int] = 409
    says: ClassVar[str] = "The request was refused."

    def __str__(self) -> str:
        return self.says % vars(self)


class NotFound(ProvisionError):
    """The thing asked for is not there, or not for this reader."""

    status = 404
    says = N_("%(what)s was not found: check the address or go back to the overview.")

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class FormRefused(ProvisionError):
    """What does not fit of a form, each refusal by its field, so that all are told at once."""

    status = 422
    says = N_("Some of what was typed does not fit: it stands at each field what to do.")

    def __init__(self, fields: Mapping[str, ProvisionError]) -> None:
        super().__init__(fields)
        self.fields = fields


class Faults(dict[str, ProvisionError]):
    """Refusals by field, gathered one by one."""

    @contextmanager
    def at(self, field: str) -> Iterator[None]:
        """What is refused within belongs to this field."""
        try:
            yield
        except ProvisionError as refusal:
            self[field] = refusal

    @contextmanager
    def those_of_form(self) -> Iterator[None]:
        """What does not fit of the form within is told with these: ``check`` afterwards, in the transaction."""
        try:
            yield
        except FormRefused as refusal:
            self.update({**refusal.fields, **self})

    def check(self) -> None:
        """Raise FormRefused if there is any."""
        if self:
            raise FormRefused({**self})
