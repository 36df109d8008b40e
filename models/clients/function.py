"""What there is for clients in the portal."""

from collections.abc import Collection
from enum import StrEnum


class Function(StrEnum):
    MESSAGES = "messages"
    DOCUMENTS = "documents"
    CONTRACT = "contract"
    INVOICES = "invoices"
    APPOINTMENTS = "appointments"


def in_order(functions: Collection[str]) -> list[str]:
    """As they are kept: each once, and nothing that is none."""
    return [function.value for function in Function if function in functions]
