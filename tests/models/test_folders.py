"""Folders of an account, as the portal and Windows can make them."""

import pytest

from models.clients.folders import (
    DEEPEST,
    FOLDER_MOST,
    FOLDERS_MOST,
    FROM_CLIENT,
    STANDARD,
    FolderNameUnfit,
    FoldersMissing,
    TooDeep,
    TooManyFolders,
    folder_paths,
    folder_tree,
)
from models.text import TextTooLong


def drawn(folders):
    return {folder.name: drawn(folder.folders) for folder in folders}


def test_each_line_is_a_folder_and_those_above_it_are_made_as_well():
    paths = folder_paths("Steuern/2026/Belege\n Lohn \n\nSteuern / 2025\n/Steuern//2026/")

    assert paths == ["Steuern", "Steuern/2026", "Steuern/2026/Belege", "Lohn", "Steuern/2025"]
    assert drawn(folder_tree(paths)) == {"Steuern": {"2026": {"Belege": {}}, "2025": {}}, "Lohn": {}}


def test_of_two_folders_that_differ_in_capitals_only_there_is_one_which_windows_could_not_tell_apart():
    assert folder_paths("Steuern/A\nSTEUERN/a/x\nsteuern") == ["Steuern", "Steuern/A", "Steuern/A/x"]


@pytest.mark.parametrize("nothing", ["", " \n ", "/", "\u200b", "//\n /"])
def test_a_template_has_folders(nothing):
    with pytest.raises(FoldersMissing):
        folder_paths(nothing)


@pytest.mark.parametrize("name", ["CON", "a:b", "a\\b", "a?", "Dr.", "nul", "x*", "<y>", "..", "."])
def test_a_name_that_windows_forbids_is_refused_with_one_that_it_takes(name):
    with pytest.raises(FolderNameUnfit) as refused:
        folder_paths(f"Akten/{name}")

    assert refused.value.name == name
    assert folder_paths(refused.value.proposal)


def test_umlauts_blanks_and_points_within_are_good_names():
    assert folder_paths("Jahr 2026/Größe Nr. 5 (alt)") == ["Jahr 2026", "Jahr 2026/Größe Nr. 5 (alt)"]


def test_folders_lie_so_deep_and_no_deeper():
    assert len(folder_paths("/".join("abcdefgh"))) == DEEPEST
    with pytest.raises(TooDeep):
        folder_paths("/".join("abcdefghi"))


def test_a_template_has_so_many_folders_and_no_more():
    lines = [str(number) for number in range(FOLDERS_MOST)]

    assert len(folder_paths("\n".join(lines))) == FOLDERS_MOST
    with pytest.raises(TooManyFolders) as refused:
        folder_paths("\n".join([*lines, "noch einer"]))
    assert refused.value.number == FOLDERS_MOST + 1


def test_a_name_has_its_length():
    assert folder_paths("x" * FOLDER_MOST)
    with pytest.raises(TextTooLong) as refused:
        folder_paths("x" * (FOLDER_MOST + 1))
    assert refused.value.field == "paths"


def test_what_the_client_uploads_stands_on_top_of_the_standard():
    assert STANDARD[0] == FROM_CLIENT == "Vom Kunden hochgeladene Dokumente"
    assert [*drawn(folder_tree(STANDARD))] == STANDARD
    assert folder_paths("\n".join(STANDARD)) == STANDARD
