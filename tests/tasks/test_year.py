"""What must hold of a whole year, with clock changes, holidays and people of every kind."""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

from models.reminders.cadence import DEFAULTS, WaitKind
from tasks.people.operators import GATHER_REMINDERS
from tests.models.test_working_time import may_be_written_to
from tests.year import BEGIN, CLOCKS, live_through, mails_about_decisions, reminders_written


def test_a_year_of_chasing_keeps_its_promises(monkeypatch, no_runs):
    at = BEGIN

    def clock(moment):
        nonlocal at
        at = moment

    for module in CLOCKS:
        monkeypatch.setattr(module, "now", lambda: at)

    year = live_through(clock, cases=60)

    operators = mails_about_decisions()
    assert operators
    assert all(b - a >= GATHER_REMINDERS for a, b in pairwise(operators))  # What is due at once is one mail.
    written = reminders_written()
    assert all(may_be_written_to(person, mail.created_at) for person, mail in written)
    assert len({mail.key for _, mail in written}) == len(written)
    apart = defaultdict(list)
    for person, mail in written:
        apart[person.id, mail.kind].append((mail.created_at, mail.facts["count"]))
    for sent in apart.values():
        numbers = [number for _, number in sent]
        assert numbers == list(range(1, len(sent) + 1))  # None left out, none twice, none too many.
        assert len(sent) <= DEFAULTS[WaitKind.ORGANISER].most
        assert all(b - a >= timedelta(days=2) for (a, _), (b, _) in pairwise(sent))
    to_people = sum(count for (kind, _), count in year.mails.items() if kind is not WaitKind.ADVICE)
    assert to_people == len(written) + sum(c for (k, _), c in year.mails.items() if k is WaitKind.DECISION)
    for kind in (WaitKind.ORGANISER, WaitKind.CASEWORKER, WaitKind.AGREEMENT):
        ended = sum(count for (one, _), count in year.answered.items() if one is kind)
        assert year.waits[kind] >= ended + sum(n for (one, _), n in year.followed.items() if one is kind)
    assert all(follow is DEFAULTS[kind].follow for kind, follow in year.followed)
    assert {WaitKind.ORGANISER, WaitKind.CASEWORKER, WaitKind.CLIENT} <= {kind for kind, _ in year.followed}
