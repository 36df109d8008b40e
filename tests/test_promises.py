"""What was promised is tested or has its reason to come later, and the list of it is whole."""

import pytest

from tests.promises import SOURCES, Promise, main, told

WRITTEN = "def test_there_is_one():\n    pass\n\n\ndef helper():\n    pass\n"


@pytest.fixture
def tests(tmp_path):
    """Where one file with one test is."""
    (tmp_path / "test_a.py").write_text(WRITTEN, encoding="utf-8")
    return tmp_path


def test_nothing_that_was_promised_is_open():
    assert [str(line) for line in told(SOURCES) if line.state == "open"] == []


@pytest.mark.parametrize("source", SOURCES)
def test_every_sentence_of_a_source_has_its_number_and_says_what_it_promises_or_why_nothing(source):
    sentences = SOURCES[source]
    assert [*sentences] == [*range(1, len(sentences) + 1)]
    for sentence in sentences.values():
        assert sentence.says.strip() if isinstance(sentence, Promise) else sentence.strip()


def test_the_last_line_counts_what_stands_above_it(capsys):
    assert main() == 0
    *lines, last = capsys.readouterr().out.splitlines()
    tested, later = (sum(line.endswith(f"| {state}") for line in lines) for state in ("tested", "later"))
    assert last == f"promises: sentences={len(lines)} tested={tested} later={later} open=0"
    assert tested
    assert later


OPEN = {
    "neither test nor reason": Promise("Something"),
    "an empty reason": Promise("Something", later=" "),
    "no such test": Promise("Something", "test_a.py::test_there_is_another"),
    "no such test although there is a reason": Promise("Something", "test_a.py::test_gone", later="the rest"),
    "no such file": Promise("Something", "test_b.py::test_there_is_one"),
    "no test": Promise("Something", "test_a.py::helper"),
    "no name": Promise("Something", "test_a.py"),
}


@pytest.mark.parametrize("how", OPEN)
def test_it_fails_and_names_the_sentence_that_is_open(tests, capsys, how):
    tested = Promise("Anything", "test_a.py::test_there_is_one")
    assert main({"S9": {1: tested, 2: "a heading", 3: OPEN[how]}}, tests) == 1
    *_, line, last = capsys.readouterr().out.splitlines()
    assert (line.startswith("S9.3 | Something | "), line.endswith(" | open")) == (True, True)
    assert last == "promises: sentences=2 tested=1 later=0 open=1"


def test_what_comes_later_in_part_is_later_and_told_with_its_test_and_its_reason(tests, capsys):
    assert main({"S9": {1: Promise("Both", "test_a.py::test_there_is_one", later="the rest")}}, tests) == 0
    line, last = capsys.readouterr().out.splitlines()
    assert line == "S9.1 | Both | test_a.py::test_there_is_one; later: the rest | later"
    assert last == "promises: sentences=1 tested=0 later=1 open=0"
