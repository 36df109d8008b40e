"""Four criteria, a score and advice; whose permission; which logo counts."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.db import Base
from models.firm import Firm, LineOfBusiness
from models.logo import Criterion, Logo, LogoPermission, LogoReport, LogoSource, Shown

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def report(**changes) -> LogoReport:
    facts = {
        "coloured": 0.4,
        "width": 600,
        "transparent": 0.5,
        "vector": True,
        "given_width": 600,
        "given_opaque": False,
    }
    return LogoReport(**{**facts, **changes})


def met(measured: LogoReport) -> set[Criterion]:
    return {finding.criterion for finding in measured.findings if finding.met}


def test_a_perfect_logo_leaves_nothing_to_wish_for():
    assert (report().score, report().advice) == (4, [])


@pytest.mark.parametrize(
    ("changes", "missed", "advice"),
    [
        ({"coloured": 0.009}, Criterion.COLOURED, "no colours"),
        ({"width": 299}, Criterion.WIDTH, "only 299 pixels wide: send one that is 300 to 800"),
        ({"transparent": 0.004}, Criterion.TRANSPARENT, "not transparent"),
        ({"vector": False}, Criterion.VECTOR, "SVG"),
    ],
)
def test_each_criterion_missed_costs_one_point_and_brings_advice(changes, missed, advice):
    measured = report(**changes)

    assert measured.score == 3
    assert met(measured) == set(Criterion) - {missed}
    assert [advice in str(one) for one in measured.advice] == [True]


def test_writing_in_a_drawing_brings_advice_and_costs_nothing():
    measured = report(written=True)

    assert measured.score == 4
    assert ["paths" in str(one) for one in measured.advice] == [True]


def test_a_report_of_a_time_that_measured_less_is_read():
    kept = {name: value for name, value in report(vector=False).to_json().items() if "on_" not in name}

    assert LogoReport.from_json(kept).on_dark == Shown.AS_IT_IS


@pytest.mark.parametrize("width", [300, 800])
def test_the_bounds_of_the_width_are_good(width):
    assert Criterion.WIDTH in met(report(width=width))


def test_a_background_that_we_took_away_is_told():
    assert "We made the background" in str(report(given_opaque=True).advice[0])


def test_a_report_survives_as_plain_json():
    facts = json.loads(json.dumps(report(vector=False).to_json()))

    assert LogoReport.from_json(facts) == report(vector=False)
    assert facts["score"] == 3
    assert facts["criteria"]["width"] == {"measured": 600, "met": True}


def test_a_criterion_says_what_it_asks_for():
    assert Criterion.COLOURED.says == "in colour"


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        opened.add(
            Firm(id=1, name="Kanzlei Muster", line_of_business=LineOfBusiness.LAW, created_at=NOW),
        )
        opened.flush()
        yield opened
    engine.dispose()


def logo(**changes) -> Logo:
    facts = {
        "firm_id": 1,
        "source": LogoSource.SUPPLIED,
        "png": b"png",
        "width": 600,
        "height": 200,
        "report": report().to_json(),
        "chosen_at": NOW,
    }
    return Logo(**{**facts, **changes})


def permission(**changes) -> LogoPermission:
    facts = {"firm_id": 1, "website": "https://muster.example", "granted_by": "Erika Muster", "granted_at": NOW}
    return LogoPermission(**{**facts, **changes})


def test_the_newest_logo_counts(session):
    assert Logo.of(session, 1) is None

    session.add(logo(png=b"old"))
    session.flush()
    session.add(logo(png=b"new", svg="<svg/>"))
    session.flush()
    session.expire_all()

    current = Logo.of(session, 1)
    assert (current.png, current.svg, current.source, current.measured) == (b"new", "<svg/>", "supplied", report())


def test_a_logo_from_a_website_needs_a_permission(session):
    session.add(logo(source=LogoSource.WEBSITE, source_url="https://muster.example/l.png"))

    with pytest.raises(IntegrityError, match="taken_by_permission"):
        session.flush()


def test_a_logo_from_a_website_by_permission_is_kept(session):
    session.add(permission(id=7))
    session.flush()
    session.add(logo(source=LogoSource.WEBSITE, source_url="https://muster.example/l.png", permission_id=7))
    session.flush()

    assert Logo.of(session, 1).permission_id == 7


def test_the_newest_permission_that_stands_counts_until_it_is_withdrawn(session):
    session.add_all([permission(id=1), permission(id=2, website="https://neu.example")])
    session.flush()
    newest = LogoPermission.of(session, 1)

    assert newest.website == "https://neu.example"
    assert newest.withdraw(NOW)
    assert not newest.withdraw(NOW)
    session.flush()
    assert LogoPermission.of(session, 1).website == "https://muster.example"


@pytest.mark.parametrize("changes", [{"website": ""}, {"granted_by": ""}])
def test_a_permission_says_who_and_for_what(session, changes):
    session.add(permission(**changes))

    with pytest.raises(IntegrityError):
        session.flush()
