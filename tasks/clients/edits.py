"""Edits by two people at once: the second is shown what the first has changed, and nothing is overwritten unseen."""

from collections.abc import Mapping

from models.errors import N_, ProvisionError

Fields = Mapping[str, str]
"""What stands in the fields of a form, by their names."""


class ChangedMeanwhile(ProvisionError):
    """Knows what the form is to show now: what was typed, and what others have changed and the reader has not."""

    says = N_("Somebody has changed this meanwhile, see below. Your entries are kept: check them, and save again.")

    def __init__(self, standing: dict[str, str], changed: dict[str, tuple[str, str]], merged: dict[str, str]) -> None:
        super().__init__(standing, changed, merged)
        self.standing = standing
        """What stands in the fields now."""
        self.changed = changed
        """By field, what stood there when the form was opened, and what stands there now."""
        self.merged = merged


def take(opened: Fields, standing: Fields, typed: Fields) -> dict[str, str]:
    """What the form says, if its fields hold what they held when it was *opened*; else raises ChangedMeanwhile.

    A form that shows only some of the fields leaves the others as they stand.
    """
    changed = {name: (opened[name], now) for name, now in standing.items() if opened.get(name, now) != now}
    mine = {name: text for name, text in typed.items() if text != opened.get(name, standing.get(name, ""))}
    if {name: now for name, (_, now) in changed.items()} != {name: mine.get(name) for name in changed}:
        raise ChangedMeanwhile({**standing}, changed, {**standing, **mine})
    return {**standing, **typed}
