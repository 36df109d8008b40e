"""The folders that the portal makes for an account, from a template of the firm or the one for everybody."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import JSON, UniqueConstraint
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from models.clients.client import Client
from models.clients.label import Label
from models.clients.naming import safe_in_windows
from models.db import MUTE, Base
from models.errors import N_, ProvisionError
from models.text import fitting, one_line

FOLDER_MOST, FOLDERS_MOST, DEEPEST = 100, 200, 8
FROM_CLIENT = "Vom Kunden hochgeladene Dokumente"
STANDARD = [FROM_CLIENT, "Für den Kunden bereitgestellte Dokumente", "Interne Dokumente"]
"""The paths of an account without a template; where what a client uploads arrives stands on top."""


class FoldersMissing(ProvisionError):
    status = 422
    says = N_("The template has no folders: write one on each line, those within another behind it and a slash.")


class TooManyFolders(ProvisionError):
    status = 422
    says = N_("These are %(number)s folders: a template has %(most)s at most.")

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.most = FOLDERS_MOST


class TooDeep(ProvisionError):
    status = 422
    says = N_("“%(path)s” lies more than %(most)s folders deep: Windows could not open it.")

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path
        self.most = DEEPEST


class FolderNameUnfit(ProvisionError):
    status = 422
    says = N_("A folder cannot be called “%(name)s” in Windows: write “%(proposal)s”, for example.")

    def __init__(self, name: str, proposal: str) -> None:
        super().__init__(name, proposal)
        self.name = name
        self.proposal = proposal


class Folder(NamedTuple):
    """One folder with what lies in it."""

    name: str
    folders: "list[Folder]"


class FolderTemplate(Label, Base):
    """A firm's own folders, chosen for an account."""

    __tablename__ = "folder_templates"
    __table_args__ = (UniqueConstraint("firm_id", "folded"),)

    paths: Mapped[list[str]] = mapped_column(JSON, info=MUTE)
    """As “Steuern/2026/Belege”, those above before those within."""

    @classmethod
    def held(cls) -> tuple[InstrumentedAttribute[Any], ...]:
        """An account without one has the standard."""
        return (Client.folder_template_id,)


def folder_paths(written: str) -> list[str]:
    """The folders that these lines name, those above included; of two that differ in capitals only there is one.

    Raises FoldersMissing, TooManyFolders, TooDeep, FolderNameUnfit or TextTooLong.
    """
    paths: dict[str, str] = {}
    for line in written.splitlines():
        names = [name for part in line.split("/") if (name := one_line(part))]
        if len(names) > DEEPEST:
            raise TooDeep("/".join(names)[:100])
        for name in names:
            fitting(name, FOLDER_MOST, "paths")
            if safe_in_windows(name) != name:
                raise FolderNameUnfit(name, safe_in_windows(name))
        above = ""
        for name in names:
            path = f"{above}{name}"
            above = paths.setdefault(path.casefold(), path) + "/"
    if not paths:
        raise FoldersMissing
    if len(paths) > FOLDERS_MOST:
        raise TooManyFolders(len(paths))
    return [*paths.values()]


def folder_tree(paths: Sequence[str]) -> list[Folder]:
    """The same as the portal makes them, each within the one above."""
    top: list[Folder] = []
    for path in paths:
        level = top
        for name in path.split("/"):
            folder = next((each for each in level if each.name == name), None)
            if folder is None:
                folder = Folder(name, [])
                level.append(folder)
            level = folder.folders
    return top
