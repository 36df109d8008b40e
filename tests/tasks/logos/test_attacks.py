"""Hostile files and sites: all refused or made harmless, soon, and in little memory."""

import re
import subprocess
import sys
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image

from tasks.logos.shape import LogoRefused, shape
from tasks.untrusted.confinement import MEMORY
from tests import forks
from tests.memory import peak_memory
from tests.soon import within
from tests.tasks.logos.attacks import ENDING, HARMLESS, REFUSED, SEEN_EVERYWHERE

FORBIDDEN = re.compile(
    r"<script|alert\(1\)[\"/*]|javascript|evil|passwd|\son\w+=|foreignObject|iframe|import|<\?|<style|style=|data:text"
    r"|<!|xmlns:|<a\b|animate|<set|expression|binding|behavior|feImage",
    re.IGNORECASE,
)


@pytest.fixture(scope="module", autouse=True)
def peak():
    """What the largest process for one of these files took so far."""
    with peak_memory() as peak:
        yield peak


@pytest.fixture
def impatient(request, monkeypatch):
    """Its process gets a quarter of the time, so that what takes all of it does not take long; the others do not."""
    if request.node.callspec.params["name"] != "a hundred thousand declarations for everything":
        monkeypatch.setattr(forks, "cpu_seconds", 2)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_time(name, impatient):
    attack = REFUSED[name]
    content = attack.content()

    with within(attack.seconds), pytest.raises(attack.refused):
        shape(content)


@pytest.mark.parametrize("name", HARMLESS)
def test_it_becomes_a_logo_and_nothing_else(name):
    attack = HARMLESS[name]
    content = attack.content()

    with within(attack.seconds):
        logo = shape(content)

    assert not FORBIDDEN.search(logo.svg or "")
    assert b"alert" not in logo.png
    picture = Image.open(BytesIO(logo.png))
    assert picture.getpixel((picture.width // 2, picture.height // 2))[3] == 255


@pytest.mark.parametrize("name", list(HARMLESS)[:80:5])
def test_what_is_made_of_it_for_another_ground_is_a_picture_as_well(name):
    shaped = shape(HARMLESS[name].content().replace(SEEN_EVERYWHERE.encode(), b"#003"))

    assert shaped.png_dark is not None
    assert b"alert" not in shaped.png_dark
    picture = Image.open(BytesIO(shaped.png_dark))
    assert picture.getpixel((picture.width // 2, picture.height // 2))[3] == 255


@pytest.mark.parametrize("name", ENDING)
def test_it_comes_to_an_end(name, impatient):
    content = ENDING[name]()

    with within(20), suppress(LogoRefused):
        shape(content)


def test_there_are_many_attacks_and_none_took_much_memory(capsys, peak):
    number = len(REFUSED) + len(HARMLESS) + len(ENDING)
    with capsys.disabled():
        print(f"\n{number} hostile files; the processes took at most {peak() / 1e6:.0f} MB")

    assert number >= 60
    assert 0 < peak() < MEMORY


def test_the_process_that_opens_pictures_gets_no_more_time_than_it_has():
    code = (
        "from tasks.untrusted import confinement; confinement.CPU_SECONDS = 1; confinement.confine()\nwhile True: pass"
    )

    with within(10):
        asked = subprocess.run([sys.executable, "-c", code], check=False)

    assert asked.returncode < 0
