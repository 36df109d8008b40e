"""The table of what goes and what stays: whole, and as the documents have it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.db import Base
from models.migrate import register_tables
from models.retention.rules import RULES, STAYS
from models.retention.term import Term
from models.settings import Settings, settings

register_tables()
DOCS = Path(__file__).parents[2] / ".github" / "docs"
FILE = DOCS / "retention.md"


def test_of_every_table_it_is_said_when_its_rows_go_or_why_they_stay():
    goes = {table for rule in RULES for table in rule.all_tables}

    assert goes | {*STAYS} == {*Base.metadata.tables}
    assert [table for table in STAYS if len(STAYS[table]) < 20] == []


def documented() -> str:
    """The table as the documents have it."""

    def row(*cells: str) -> str:
        return f"| {' | '.join(cells)} |"

    def term(rule) -> str:
        return f"{rule.term}{f' (`PROVISION_{rule.term.setting.upper()}`)' if rule.term.setting else ''}"

    stays: dict[str, list[str]] = {}
    for table, why in STAYS.items():
        stays.setdefault(why, []).append(f"`{table}`")
    return "\n".join(
        [
            row("class", "what it is, and what becomes of it", "how long", "counted from", "by what law or reason"),
            row(*["---"] * 5),
            *(row(rule.name, rule.what, term(rule), rule.since, rule.reason) for rule in RULES),
            "",
            row("tables", "why they stay"),
            row(*["---"] * 2),
            *(row(", ".join(tables), why) for why, tables in stays.items()),
            "",
        ]
    )


def test_the_documents_say_what_the_table_says():
    """``python -m tests.models.test_retention`` writes them."""
    assert documented() in FILE.read_text()


def test_every_term_that_can_be_set_stands_among_the_settings():
    told = (DOCS / "settings.md").read_text()
    terms = {name for name in Settings.model_fields if name.startswith("keep_")}

    assert terms == {rule.term.setting for rule in RULES if rule.term.setting}
    assert [name for name in terms if f"`PROVISION_{name.upper()}`" not in told] == []


@pytest.mark.parametrize(
    ("term", "moment", "end"),
    [
        (Term(days=30), datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 31, 12, tzinfo=UTC)),
        (Term("keep_mails_days"), datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_term_ends_to_the_moment(term, moment, end):
    assert term.end(moment) == end
    assert term.limit(end) >= moment
    assert term.limit(end - timedelta(microseconds=1)) < moment


def test_a_term_can_be_set(monkeypatch):
    monkeypatch.setenv("PROVISION_KEEP_MAILS_DAYS", "40")
    settings.cache_clear()

    assert Term("keep_mails_days", days=30).number == 70


if __name__ == "__main__":
    before, mark, _ = FILE.read_text().partition("## The table\n\n")
    FILE.write_text(before + mark + documented())
