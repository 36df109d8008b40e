"""Variables of style sheets (CSS custom properties): what they stand for on one element.

An element has the variables that its own declarations give it, and inherits the others from what it is in. What a
variable stands for is settled where it is declared, not where it is used.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import cssselect2  # type: ignore[import-untyped]
import tinycss2  # type: ignore[import-untyped]

VALUE_MOST = 1000
"""Characters that a variable, or a value in which variables stand, may have in the end."""
FILLED_MOST = 4_000_000
"""Characters that all variables and values of one page or drawing are read and written with, together."""
DEEPEST = 30
"""Variables that stand for variables, and brackets within brackets."""
_INHERITED = frozenset({"inherit", "unset", "revert", "revert-layer"})
_VARIABLE = re.compile(r"var\(", re.IGNORECASE)
_USED = re.compile(r"var\(\s*(--(?:[^\s(),\\]|\\.)+)", re.IGNORECASE)

Declaration: TypeAlias = tuple[str, str, bool]
"""Property, value, and whether it is important."""


def winning(declarations: Iterable[Declaration]) -> dict[str, str]:
    """The value of each property, where later declarations win over earlier ones, and important ones over all."""
    return {name: value for name, value, _ in sorted(declarations, key=lambda declaration: declaration[2])}


def has_variables(value: str) -> bool:
    return _VARIABLE.search(value) is not None


def variables_in(value: str) -> set[str]:
    """The names of the variables that a value uses, also those that are only to be taken in the place of others."""
    return set(map(unescaped, _USED.findall(value)))


def unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def selectors(written: str) -> Iterator[Any]:
    """Each selector of a list, compiled; one that we cannot read does not take those beside it with it."""
    parts: list[list[Any]] = [[]]
    for piece in tinycss2.parse_component_value_list(written, skip_comments=True):
        parts.append([]) if piece == "," else parts[-1].append(piece)
    for part in parts:
        with suppress(cssselect2.SelectorError, ValueError, RecursionError):
            yield from cssselect2.compile_selector_list(part)


class Room:
    """What the scopes of one page or drawing may fill in: *each* value, and all together, whatever comes of them.

    A short sheet can have very much filled in for every element of a page. When the room is used up, nothing more is.
    """

    def __init__(self, each: int = VALUE_MOST, together: int = FILLED_MOST) -> None:
        self.each = each
        self._together = together
        self.used = 0

    @property
    def left(self) -> int:
        return max(0, self._together - self.used)

    def take(self, characters: int) -> bool:
        """Count these; whether there was room for them."""
        self.used += characters
        return self.used <= self._together


class Scope:
    """The variables as one element has them."""

    def __init__(self, own: Mapping[str, str], above: "Scope | None" = None, *, room: Room | None = None) -> None:
        """Without a *room* of its own it is in that of the scope *above*."""
        self.own = {name: value for name, value in own.items() if value.lower() not in _INHERITED}
        self.above = above
        self.room: Room = room or (above.room if above else Room())
        self._values: dict[str, str | None] = {}
        self._open: list[str] = []
        self._endless: set[str] = set()
        self._filled: dict[tuple[str, int], str | None] = {}

    def value(self, name: str, depth: int = 0) -> str | None:
        """What the variable stands for; None if it stands for nothing."""
        scope: Scope | None = self
        while scope is not None and name not in scope.own:
            scope = scope.above
        return None if scope is None else scope.own_value(name, depth)

    def fill_in(self, value: str, most: int = VALUE_MOST) -> str | None:
        """The value with what its variables stand for; None if that cannot be told, or is too long."""
        if not has_variables(value):
            return value
        if (value, most) in self._filled:
            return self._filled[value, most]
        filled = self._read(value, most, depth=0)
        if self.room.left:  # Or the values themselves would be kept without end.
            self._filled[value, most] = filled
        return filled

    def own_value(self, name: str, depth: int) -> str | None:
        """What a variable that is declared here stands for."""
        if name in self._open:  # Whatever leads in a circle stands for nothing, not even for what would take its place.
            self._endless.update(self._open[self._open.index(name) :])
            return None
        if name not in self._values:
            self._open.append(name)
            value = self.own[name]
            filled = self._read(value, self.room.each, depth + 1) if value.lower() != "initial" else None
            self._open.pop()
            is_known = filled is not None and len(filled) <= self.room.each and name not in self._endless
            self._values[name] = filled if is_known else None
        return self._values[name]

    def _read(self, value: str, most: int, depth: int) -> str | None:
        if not has_variables(value):
            return value
        if not self.room.take(len(value)):
            return None
        return self._written(tinycss2.parse_component_value_list(value), most, depth)

    def _written(self, pieces: list[Any], most: int, depth: int) -> str | None:
        if depth > DEEPEST:
            return None
        written, length = [], 0
        for piece in pieces:
            part = self._part(piece, most - length, depth)
            length += len(part or "")
            if part is None or length > most:
                return None
            written.append(part)
        if not self.room.take(length):
            return None
        return "".join(written).strip() if depth == 0 else "".join(written)

    def _part(self, piece: Any, most: int, depth: int) -> str | None:
        """One part of a value as text."""
        if piece.type == "comment":
            return " "
        if piece.type == "function" and piece.lower_name == "var":
            return self._variable(piece.arguments, most, depth)
        content = piece.arguments if piece.type == "function" else getattr(piece, "content", None)
        if content is None:
            return str(piece.serialize())
        inner = self._written(content, most, depth + 1)
        before = f"{piece.name}(" if piece.type == "function" else piece.type[0]
        behind = {"[": "]", "{": "}"}.get(before, ")")
        return None if inner is None else f"{before}{inner}{behind}"

    def _variable(self, arguments: list[Any], most: int, depth: int) -> str | None:
        """What stands between the brackets of ``var()``: a name, and what is to be taken in its place."""
        pieces = [piece for piece in arguments if piece.type != "comment"]
        while pieces and pieces[0].type == "whitespace":
            del pieces[0]
        if not pieces or pieces[0].type != "ident":
            return None
        value = self.value(pieces[0].value, depth + 1)
        if value is None and "," in pieces:
            value = self._written(pieces[pieces.index(",") + 1 :], most, depth + 1)
        return None if value is None else value.strip()


class Scopes:
    """The scope of every element of a page or a drawing, each made once."""

    def __init__(
        self,
        own: Mapping[Any, Mapping[str, str]],
        above: Callable[[Any], Any | None],
        initial: Mapping[str, str],
        *,
        room: Room | None = None,
    ) -> None:
        """*own* are the variables declared for each element, *initial* those that are there without (``@property``)."""
        self.own = own
        self._above = above
        self._outermost = Scope(initial, room=room)
        self._known: dict[Any, Scope] = {}

    def of(self, element: Any) -> Scope:
        way: dict[Any, None] = {}
        at = element
        while at is not None and at not in self._known and at not in way:  # What is used within itself has no end.
            way[at] = None
            at = self._above(at)
        scope = self._known.get(at, self._outermost)
        for step in reversed(way):
            if own := self.own.get(step):
                scope = Scope(own, scope)
            self._known[step] = scope
        return scope
