import os
import re
import stat
from pathlib import Path

import pytest

from models.settings import Settings, keep_private


@pytest.fixture(autouse=True)
def everybody_may_read():
    """What is written is for everybody to read until somebody says otherwise, as on most systems."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(place):
    return stat.S_IMODE(place.lstat().st_mode)


@pytest.fixture
def folder(tmp_path):
    """A data folder of before, which everybody could read."""
    made = tmp_path / "data"
    (made / "mails").mkdir(parents=True)
    for name in ("secret", "provision.db", "provision.db-wal", "mails/one.eml"):
        (made / name).write_text("x")
        (made / name).chmod(0o644)
    made.chmod(0o755)
    return made


def test_the_data_folder_is_made_for_its_user_only_and_so_is_what_is_written_afterwards(tmp_path):
    keep_private(tmp_path / "data")
    (tmp_path / "data" / "fresh").write_text("x")

    assert mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "data" / "fresh") == 0o600


def test_a_data_folder_that_others_could_read_is_narrowed_with_all_that_lies_in_it(folder):
    (folder / "mails" / "elsewhere").symlink_to("/etc/hostname")

    keep_private(folder)

    assert [str(one) for one in (folder, *folder.rglob("*")) if not one.is_symlink() and mode(one) & 0o077] == []
    assert mode(folder / "mails") == 0o700


def test_a_folder_that_is_not_the_products_is_left_as_it_is_and_told(tmp_path, caplog):
    photographs = tmp_path / "home" / "photographs"
    photographs.mkdir(parents=True)

    keep_private(tmp_path / "home")

    assert (mode(tmp_path / "home"), mode(photographs)) == (0o755, 0o755)
    assert "PROVISION_DATA" in caplog.text


def test_rights_that_are_not_ours_to_narrow_are_told(folder, caplog, monkeypatch):
    def refused(*_args, **_more):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.chmod", refused)

    keep_private(folder)

    assert f"Others can read {folder}" in caplog.text


def test_every_setting_is_explained():
    table = (Path(__file__).parents[2] / ".github" / "docs" / "settings.md").read_text().lower()
    told = set(re.findall(r"`provision_(\w+)`", table))
    # `PROVISION_SMTP_HOST`, `_PORT`: the first word stands for both.
    told |= {f"{one.rpartition('_')[0]}_{more}" for one in told for more in re.findall(r"`_(\w+)`", table)}

    assert Settings.model_fields.keys() - told == set()
