"""What a page shows, with each thing absent that may be: one at a time, and all at once."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints

from sqlalchemy import inspect
from sqlalchemy.orm import make_transient

from models.db import Base

EMPTY: dict[type, Any] = {str: "", list: [], dict: {}, set: set()}


def variants(shown: Any, never: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """The name of what is absent, and all else as it was; at last all of it at once, named ``*``.

    Absent may be what a type says may be None, a column that may be NULL, any text and any collection. *never* are
    names (``Line.field``) of what a rule of the database ties to something else.
    """
    yield from _each(shown, "", never)
    yield "*", _bare(shown, never)


def _each(shown: Any, path: str, never: frozenset[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(shown, list):
        for number, one in enumerate(shown):
            for name, made in _each(one, f"{path}[{number}]", never):
                yield name, [*shown[:number], made, *shown[number + 1 :]]
        return
    absent = _absent(shown, never)
    for name, value in absent.items():
        yield f"{path}.{name}", _changed(shown, {name: value})
    for name in _parts(shown):
        for inner, made in _each(getattr(shown, name), f"{path}.{name}", never):
            yield inner, _changed(shown, {name: made})


def _bare(shown: Any, never: frozenset[str]) -> Any:
    if isinstance(shown, list):
        return [_bare(one, never) for one in shown]
    absent = _absent(shown, never)
    # A collection that is empty shows nothing of what is in it: its entries are bare instead.
    kept = {
        name: _bare(getattr(shown, name), never) for name in _parts(shown) if name not in absent or getattr(shown, name)
    }
    return (
        _changed(shown, {name: value for name, value in absent.items() if name not in kept} | kept)
        if absent or kept
        else shown
    )


def _parts(shown: Any) -> list[str]:
    """The names of what is in it and has parts itself."""
    names = [field.name for field in fields(shown)] if is_dataclass(shown) else []
    return [
        name for name in names if isinstance(getattr(shown, name), list | Base) or is_dataclass(getattr(shown, name))
    ]


def _absent(shown: Any, never: frozenset[str]) -> dict[str, Any]:
    kind = type(shown)
    if is_dataclass(shown):
        hints = get_type_hints(kind)
        found = {field.name: hints[field.name] for field in fields(shown)}
        made = {
            name: None if NoneType in get_args(hint) else EMPTY.get(type(getattr(shown, name)), ...)
            for name, hint in found.items()
            if not isinstance(getattr(shown, name), Enum)
        }
    elif isinstance(shown, Base):
        columns = inspect(kind).columns
        made = {
            column.key: None if column.nullable else EMPTY.get(type(getattr(shown, column.key)), ...)
            for column in columns
            if column.key in vars(shown)  # What was not loaded is not shown.
        }
    else:
        return {}
    return {
        name: value
        for name, value in made.items()
        if value is not ... and getattr(shown, name) not in (None, value) and f"{kind.__name__}.{name}" not in never
    }


def _changed(shown: Any, changes: dict[str, Any]) -> Any:
    if is_dataclass(shown):
        return replace(shown, **changes)
    state = inspect(shown)
    kept = {name: value for name, value in state.dict.items() if name != "_sa_instance_state"}
    made = type(shown)(**{name: value for name, value in kept.items() if name in inspect(type(shown)).columns})
    make_transient(made)
    for name, value in {**kept, **changes}.items():
        made.__dict__[name] = value
    return made
