"""Files with many clients: compared, written, taken back; every record once, whatever happens meanwhile."""

import itertools
import os
import signal
from pathlib import Path
from random import Random
from types import NoneType

import pytest
from sqlalchemy import event, func, select

from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact, ClientState
from models.clients.imports import Import, ImportContact, ImportState
from models.clients.words import is_found
from models.db import engine, reading, transaction
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role
from models.people.staff import Rank, Rights
from models.settings import settings
from models.time.clock import now
from tasks.audit.faults import Kind
from tasks.audit.verification import verify
from tasks.clients import selection
from tasks.clients.audience import Audience
from tasks.clients.bulk_invitations import ask_to_invite, hand_over
from tasks.clients.imports import again, compare, course, errors, undo, work
from tasks.clients.imports.course import AnswerUnfit
from tasks.clients.imports.draft import CHOICES, Choice, Question
from tasks.onboarding.stopping import stop_case
from tests.factories import at_once, countersigned, firm_of
from tests.tasks.test_accounts import ERIKA, give, member, with_staff

LONG = pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "many", reason="takes minutes: make test-long")
FILES = Path(__file__).parent / "imports"
HEADER = "Kundennummer;Firma;Vorname;Nachname;E-Mail;Telefon;Straße;PLZ;Ort\n"
ALPHA = "1;Alpha GmbH;Anna;Arndt;anna@alpha.example;0221 4710156;Weg 1;50667;Köln\n"
BETA = "2;Beta GmbH;Bernd;Berg;;;Weg 2;53111;Bonn\n"


@pytest.fixture
def firm_id(no_runs):
    return firm_of(countersigned())


def rows(*lines: str) -> bytes:
    return (HEADER + "".join(lines)).encode()


def planned(firm_id: int, content: bytes, name: str = "mandanten.csv", **options) -> int:
    import_id = course.start(firm_id, "command line", name, content, **options)
    work.go_on(import_id)
    return import_id


def written(firm_id: int, content: bytes, name: str = "mandanten.csv", **options) -> int:
    import_id = planned(firm_id, content, name, **options)
    course.begin(firm_id, import_id)
    work.go_on(import_id)
    return import_id


def outcomes(import_id: int) -> list[str]:
    return [f"{record.outcome} {record.reason}" for record in course.each_record(import_id)]


def short(import_id: int) -> list[str]:
    return [str(record.outcome) for record in course.each_record(import_id)]


def names(firm_id: int) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(Client.name).where(Client.firm_id == firm_id).order_by(Client.name)))


def contacts() -> list[tuple[str, str]]:
    with reading() as session:
        at = select(Client.name, Person.given_name + " " + Person.family_name)
        at = at.join(ClientContact, ClientContact.client_id == Client.id)
        at = at.join(Person, Person.id == ClientContact.person_id).order_by(
            Client.name, Person.family_name, Person.given_name
        )
        return list(session.execute(at).tuples())


def faults() -> list:
    """Agreements that nobody reads have no seal."""
    return [fault for trail in verify() for fault in trail.faults if fault.kind is not Kind.SEAL]


SAMPLES = {
    "04_outlook_german.csv": ["create", "link", "refused"],
    "06_google_new.csv": ["create", "link", "refused", "refused"],
    "09_sevdesk_sep_line_bom.csv": ["create", "link", "create", "skipped", "held"],
    "12_mac_roman_cr.csv": ["create"] * 3,
    "16_taxdome_contacts.csv": ["create", "link", "create", "create", "update", "held", "duplicate"],
    "joined_sheets.xlsx": ["create", "create", "link", "link", "link"],
    "x17_uneven_and_unclosed.csv": ["create", "held", "held", "held", "held", "create"],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_is_planned_then_written_as_planned_and_the_same_file_again_changes_nothing(firm_id, name):
    content = (FILES / name).read_bytes()
    import_id = planned(firm_id, content, name)
    before = [(record.outcome, record.reason, record.told) for record in course.each_record(import_id)]
    assert (short(import_id), names(firm_id)) == (SAMPLES[name], [])

    course.begin(firm_id, import_id)
    work.go_on(import_id)

    assert [(record.outcome, record.reason, record.told) for record in course.each_record(import_id)] == before
    stands = course.progress(firm_id, import_id)
    assert (stands.state, sum(stands.counts.values())) == (ImportState.DONE, len(before))
    assert not {"create", "link", "update"} & set(short(written(firm_id, content, name)))
    with reading() as session:
        assert (
            session.scalars(
                select(func.count()).select_from(Outgoing).where(Outgoing.to_address.endswith("sonne.example"))
            ).one()
            == 0
        )
    assert faults() == []


def test_every_kind_of_file_changes_nothing_the_second_time_and_can_be_taken_back(firm_id):
    some = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "many" else 4
    files = [path for path in sorted(FILES.iterdir()) if path.suffix != ".json"][::some]
    answers = {question.value: CHOICES[question][0].value for question in Question}
    made = []
    for path in files:
        for answered in ({}, answers):
            first, second = (written(firm_id, path.read_bytes(), path.name, answers=answered) for _ in range(2))
            made += [first, second]
            assert not {"create", "link", "update"} & set(short(second)), path.name
        text = "".join(errors.error_rows(firm_id, made[-4])).encode()
        if text.count(b"\r\n") > 1:
            again = planned(firm_id, text, "fehler.csv")
            assert not {"create", "link", "update"} & set(short(again)), path.name

    for import_id in reversed(made):
        undo.undo(firm_id, import_id, ERIKA)
        work.go_on(import_id)

    assert (names(firm_id), contacts()) == ([], [])
    assert faults() == []


def test_one_contact_at_two_accounts_and_one_without_address_until_the_file_gives_it(firm_id):
    written(firm_id, (FILES / "16_taxdome_contacts.csv").read_bytes(), "taxdome.csv")

    assert contacts() == [
        ("Mond Verlag AG", "Nora Nagel"),
        ("Rau, Rita", "Rita Rau"),
        ("Sonne Handels GmbH", "Nora Nagel"),
        ("Sonne Handels GmbH", "Paul Pohl"),
    ]
    with reading() as session:
        rita = session.scalars(select(Person).where(Person.family_name == "Rau")).one()
        at = session.scalars(select(ClientContact).where(ClientContact.person_id == rita.id)).one()
        assert (rita.email, at.login, rita.invited_at) == ("rita@rau.example", True, None)
        states = set(session.scalars(select(Client.state).where(Client.firm_id == firm_id)))
        found = session.scalars(select(Client.name).where(is_found(firm_id, "pohl"))).all()
    assert (states, found) == ({ClientState.PREPARED}, ["Sonne Handels GmbH"])


def test_a_company_gets_what_its_own_row_says_also_of_numbers_and_notes(firm_id):
    written(firm_id, (FILES / "09_sevdesk_sep_line_bom.csv").read_bytes(), "sevdesk.csv")

    with reading() as session:
        alpen = session.scalars(select(Client).where(Client.company_name == "Alpen Sport OG")).one()
        hannes = session.scalars(
            select(Card).join(Person, Person.id == Card.person_id).where(Person.family_name == "Gruber")
        ).one()
        numbers = session.scalars(select(Phone.number).where(Phone.person_id == hannes.person_id)).all()
    assert (alpen.number, alpen.city, alpen.country) == ("1001", "Innsbruck", "AT")
    assert alpen.particulars["phones"] == [{"number": "+43512123456", "kind": "landline"}]
    assert alpen.particulars["note"] == "zahlt; immer\npünktlich"
    assert (hannes.particulars["birthday"], numbers) == ("1980-02-29", ["+436641234567"])


def test_a_number_beats_a_name_and_what_is_not_sure_is_asked(firm_id):
    written(firm_id, rows(ALPHA, BETA, "3;;Jörg;Müller;;;;;Köln\n"))

    import_id = planned(
        firm_id,
        rows(
            "1;Alpha & Co. GmbH;Anna;Arndt;;;;;\n",  # Called otherwise by now.
            "9;Beta GmbH;Berta;Berg;;;;;\n",
            ";BETA  GmbH;Ada;Arp;;;;;\n",
            ";;Joerg;Mueller;;;;;\n",
            ";Gamma GmbH;Otto;Arndt;Anna@Alpha.example;;;;\n",
            ";Delta GmbH;;;;;;;\n",
        ),
    )

    assert outcomes(import_id) == [
        "update changed",
        "held same_name_other_number",
        "link contact_new_without_access",
        "held resembling_name",
        "held same_address_other_name",
        "refused no_person",
    ]
    course.answer(firm_id, import_id, Question.SAME_NAME_OTHER_NUMBER, Choice.LINK)
    course.answer(firm_id, import_id, Question.RESEMBLING_NAME, Choice.LINK, 4)
    course.answer(firm_id, import_id, Question.SAME_ADDRESS_OTHER_NAME, Choice.SKIP)
    with pytest.raises(AnswerUnfit):
        course.answer(firm_id, import_id, Question.LONG_ROW, Choice.CREATE)
    work.go_on(import_id)
    course.begin(firm_id, import_id)
    work.go_on(import_id)
    assert contacts() == [
        ("Alpha & Co. GmbH", "Anna Arndt"),
        ("Beta GmbH", "Ada Arp"),
        ("Beta GmbH", "Bernd Berg"),
        ("Beta GmbH", "Berta Berg"),
        ("Müller, Jörg", "Jörg Müller"),
    ]
    assert course.progress(firm_id, import_id).counts["skipped"] == 1


def compared(import_id: int) -> tuple:
    with reading() as session:
        row = session.get_one(Import, import_id)
        columns = ("record", "outcome", "reason", "question", "told")
        records = [[getattr(each, name) for name in columns] for each in course.each_record(import_id)]
        return records, row.counts, {name: number for name, number in row.expected.items() if number}, row.state


def test_an_answer_changes_what_comparing_all_anew_would_change_and_looks_at_no_others(firm_id, monkeypatch):
    written(firm_id, rows(ALPHA, BETA, "3;;Jörg;Müller;;;;;Köln\n"))
    others = "".join(f"{n};Firma {n} GmbH;Max;Muster{n};max{n}@muster.example;;;;\n" for n in range(100, 160))
    own = (
        rows(
            "9;Beta GmbH;Berta;Berg;berta@beta.example;;;;\n",
            "9;;Bella;Berg;bella@beta.example;;;;\n",  # Of the account that the first opens, or not.
            ";Beta GmbH;Ada;Arp;;;;;\n",
            ";Gamma GmbH;Otto;Arndt;Anna@Alpha.example;;;;\n",
            "1;;Anna;Arndt;;0171 3920011;;;\n",
            ";Gamma GmbH;;;;0221 4710999;;;\n",
            ";;Bertha;Berg;berta@beta.example;;;;\n",
            ";;Joerg;Mueller;;;;;\n",
            ";;Emil;Ernst;emil@ernst;;;;\n",
        )
        + others.encode()
    )
    files = [(own, "mandanten.csv")]
    files += [
        ((FILES / name).read_bytes(), name) for name in ("16_taxdome_contacts.csv", "09_sevdesk_sep_line_bom.csv")
    ]
    looked: list[int] = []
    some = again.compare_some
    monkeypatch.setattr(again, "compare_some", lambda *given: looked.append(len(given[2])) or some(*given))
    tried = 0
    for content, name in files:
        import_id = planned(firm_id, content, name)
        held = [(each.record, each.question) for each in course.each_record(import_id) if each.outcome == "held"]
        for record, question in [*held, *((None, question) for _, question in held[:2]), *held[:1]]:
            for choice in (CHOICES[Question(question)][0].value, Choice.SKIP, ""):
                course.answer(firm_id, import_id, question, choice, record)
                work.go_on(import_id)
                quick = compared(import_id)
                with transaction() as session:
                    row = Import.get(session, firm_id, import_id)
                    row.again = None
                    row.go(ImportState.UPLOADED, now())
                work.go_on(import_id)
                assert quick == compared(import_id), (name, record, question, choice)
                tried += 1
    assert tried > len(looked) > tried // 2
    assert max(looked) < 12


def test_empty_cells_leave_what_stands_and_what_is_there_is_changed(firm_id):
    written(firm_id, rows(ALPHA))

    import_id = written(
        firm_id, rows("1;;Anna;Arndt;;0171 3920011;;;\n", "1;Alpha GmbH;Anna;Arndt;;;Allee 9;50667;Köln\n")
    )

    assert short(import_id) == ["update", "duplicate"]
    with reading() as session:
        alpha = session.scalars(select(Client)).one()
        assert (alpha.company_name, alpha.street) == ("Alpha GmbH", "Weg 1")
        assert session.scalars(select(Person.email).where(Person.role == Role.CLIENT)).all() == ["anna@alpha.example"]
        assert set(session.scalars(select(Phone.number))) == {"+492214710156", "+491713920011"}


def test_what_became_of_accounts_and_their_firm_meanwhile_counts_when_it_is_written(firm_id):
    written(firm_id, rows(ALPHA, BETA))
    import_id = planned(firm_id, rows("1;;Anna;Arndt;;;Allee 9;;\n", ";Beta GmbH;Berta;Berg;berta@beta.example;;;;\n"))
    assert outcomes(import_id) == ["update changed", "link contact_new"]
    with reading() as session:
        alpha = session.scalars(select(Client.id).where(Client.name == "Alpha GmbH")).one()
    selection.archive(member(), ERIKA, [alpha])

    course.begin(firm_id, import_id)
    work.go_on(import_id)

    assert outcomes(import_id) == ["update archived", "link contact_new"]
    with reading() as session:
        assert session.get_one(Client, alpha).state is ClientState.ARCHIVED

    import_id = planned(firm_id, rows("3;Gamma GmbH;Gerd;Groß;;;;;\n"))
    course.begin(firm_id, import_id)
    with reading() as session:
        case_id = session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm_id)).one()
    stop_case(case_id, "Abgesagt.", ERIKA)
    work.go_on(import_id)

    stands = course.progress(firm_id, import_id)
    assert (stands.state, stands.done, names(firm_id)) == (ImportState.CANCELLED, 0, ["Alpha GmbH", "Beta GmbH"])


def test_two_imports_at_once_make_every_account_once(firm_id):
    content = rows(*(f"{n};Firma {n} GmbH;Max;Muster{n};max{n}@muster.example;;;;\n" for n in range(60)))
    both = [planned(firm_id, content), planned(firm_id, content)]
    for import_id in both:
        course.begin(firm_id, import_id)

    results = at_once(*(lambda import_id=import_id: work.go_on(import_id) for import_id in both))

    assert results == [None, None]
    assert len(names(firm_id)) == len(contacts()) == 60
    counts = [course.progress(firm_id, import_id).counts for import_id in both]
    assert sum(each.get("create", 0) for each in counts) == 60
    assert sum(each.get("unchanged", 0) for each in counts) == 60


def test_a_batch_takes_as_many_statements_for_many_records_as_for_few(firm_id, statements):
    def asked(numbers: range, street: str) -> tuple[int, int]:
        content = rows(
            *(f"{n};Firma {n} GmbH;Max;Muster{n};m{n}@m.example;0221 47{n:05};{street};;Köln\n" for n in numbers)
        )
        import_id = planned(firm_id, content)
        course.begin(firm_id, import_id)
        with statements() as to_write:
            work.go_on(import_id)
        undo.undo(firm_id, import_id, ERIKA)
        with statements() as to_take_back:
            work.go_on(import_id)
        work.go_on(written_again := planned(firm_id, content))
        course.begin(firm_id, written_again)
        work.go_on(written_again)
        return len(to_write), len(to_take_back)

    few, many = range(100, 110), range(1000, 1200)
    assert asked(few, "") == asked(many, "")
    assert asked(few, "Weg 1") == asked(many, "Weg 1")  # They are there by now.
    with reading() as session:
        assert session.scalars(select(Client.street).where(Client.firm_id == firm_id)).all() == ["Weg 1"] * 210


def test_what_was_found_new_is_compared_again_only_after_something_was_done(firm_id, monkeypatch):
    written(firm_id, rows(ALPHA))
    looked: list[int] = []
    look = work.world_of
    monkeypatch.setattr(work, "world_of", lambda *given: looked.append(len(given[2])) or look(*given))
    content = rows("1;;Anna;Arndt;;0171 3920011;;;\n", BETA, "3;Gamma GmbH;Gerd;Groß;;;;;\n")
    first, second = planned(firm_id, content), planned(firm_id, content)
    for import_id in (first, second):
        course.begin(firm_id, import_id)
        work.go_on(import_id)

    assert looked == [1, 3]
    assert [short(import_id) for import_id in (first, second)] == [["update", "create", "create"], ["unchanged"] * 3]


def test_an_import_is_taken_back_as_a_whole_unless_something_was_built_on_it(firm_id):
    written(firm_id, rows("1;Alpha GmbH;Anna;Arndt;;;;;\n"))
    with reading() as session:
        before = session.execute(select(Client.name, Client.number, Client.street, Client.state)).all()
    more = ";Alpha GmbH;Anna;Arndt;;0171 3920011;;;\n", ";Alpha GmbH;Ada;Arp;ada@alpha.example;;;;\n"
    import_id = written(firm_id, rows(ALPHA, BETA, *more))
    assert short(import_id) == ["update", "create", "update", "link"]

    undo.undo(firm_id, import_id, ERIKA)
    work.go_on(import_id)

    assert course.progress(firm_id, import_id).state is ImportState.UNDONE
    assert contacts() == [("Alpha GmbH", "Anna Arndt")]
    with reading() as session:
        assert session.execute(select(Client.name, Client.number, Client.street, Client.state)).all() == before
        assert session.scalars(
            select(Person.email).where(Person.withdrawn_at.is_(None), Person.role == Role.CLIENT)
        ).all() == [""]
        assert session.scalars(select(Phone)).all() == []
    assert faults() == []

    again = written(firm_id, rows(ALPHA, BETA))
    assert short(again) == ["update", "create"]
    with reading() as session:
        beta = session.scalars(select(Client.id).where(Client.name == "Beta GmbH")).one()
    selection.archive(member(), ERIKA, [beta])
    with pytest.raises(undo.BuiltOn) as refused:
        undo.undo(firm_id, again, ERIKA)
    assert refused.value.names == "Beta GmbH"


def test_taken_back_while_its_contacts_are_invited_an_import_has_one_outcome(firm_id, monkeypatch):
    monkeypatch.setattr(work, "WRITTEN_AT_ONCE", 10)
    people = [f"{n};Firma {n} GmbH;Max;Muster{n};max{n}@muster.example;;;;\n" for n in range(30)]
    import_id = written(firm_id, rows(*people))
    undo.undo(firm_id, import_id, ERIKA)

    begun = work.steps(import_id)
    next(begun)  # The last ten are gone.
    bulk_id = ask_to_invite(member(), ERIKA, Audience(imported=import_id))
    hand_over(firm_id, bulk_id)  # The others wait to be invited.
    assert [*begun][-1:] == [(0, 30)]

    assert course.progress(firm_id, import_id).state is ImportState.UNDONE
    assert (names(firm_id), hand_over(firm_id, bulk_id)) == ([], None)

    import_id = written(firm_id, rows(*people))
    undo.undo(firm_id, import_id, ERIKA)
    begun = work.steps(import_id)
    next(begun)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(imported=import_id))
    assert (hand_over(firm_id, bulk_id), hand_over(firm_id, bulk_id)) == (0, 20)
    assert [*begun] == []

    assert course.progress(firm_id, import_id).state is ImportState.CANCELLED
    assert len(names(firm_id)) == 20
    with reading() as session:
        told = select(Notice.path, Notice.person_id).where(Notice.kind == NoticeKind.UNDO_STOPPED)
        assert session.execute(told).all() == [(f"/firm/{firm_id}/accounts/imports/{import_id}", member().person_id)]
    with pytest.raises(undo.BuiltOn) as refused:
        undo.undo(firm_id, import_id, ERIKA)
    assert refused.value.count == 40  # Accounts and contacts.
    assert faults() == []


def test_taken_back_and_invited_at_once_nothing_breaks(firm_id, monkeypatch):
    monkeypatch.setattr(work, "WRITTEN_AT_ONCE", 3)
    import_id = written(
        firm_id, rows(*(f"{n};Firma {n} GmbH;Max;Muster{n};m{n}@muster.example;;;;\n" for n in range(30)))
    )
    bulk_id = ask_to_invite(member(), ERIKA, Audience(imported=import_id))

    def invite() -> None:
        while hand_over(firm_id, bulk_id) is not None:
            pass

    def take_back() -> None:
        undo.undo(firm_id, import_id, ERIKA)
        work.go_on(import_id)

    went, *_ = at_once(take_back, invite)

    state = course.progress(firm_id, import_id).state
    assert (type(went), state) in {
        (undo.BuiltOn, ImportState.DONE),
        (NoneType, ImportState.CANCELLED),
        (NoneType, ImportState.UNDONE),
    }
    assert faults() == []


def test_who_does_not_see_an_account_learns_nothing_of_it_or_its_contacts_by_asking_with_a_file(no_runs):
    case_id = with_staff()
    firm_id = firm_of(case_id)
    written(firm_id, rows(ALPHA, "3;;Jörg;Müller;joerg@mueller.example;0171 3920011;;;Köln\n"))
    zoe = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=False))
    guesses = (
        "1;Beta GmbH;Bernd;Berg;;;;;\n",
        "9;Alpha GmbH;Bernd;Berg;;;;;\n",
        ";;Joerg;Mueller;;;;;\n",
        ";Gamma GmbH;Otto;Ott;anna@alpha.example;;;;\n",
        ";Gamma GmbH;Anna;Arndt;anna@alpha.example;;;;\n",
        ";;Jörg;Müller;joerg@mueller.example;;;;\n",
    )

    import_id = written(firm_id, rows(*guesses, "7;Delta GmbH;Dora;Dorn;;;;;\n"), member=zoe)

    assert outcomes(import_id) == ["refused unseen"] * 6 + ["create new_without_access"]
    assert [record.told for record in course.each_record(import_id)][:6] == [{"facts": {}}] * 6
    again = planned(firm_id, rows("7;Delta GmbH;Dora;Dorn;dora@delta.example;;;;\n"), member=zoe)
    assert short(again) == ["update"]


def test_what_was_left_out_comes_back_as_a_file_that_can_be_corrected_and_imported(firm_id):
    import_id = written(
        firm_id,
        rows(
            ALPHA,
            "2;Beta GmbH;Bernd;Berg;bernd@beta;;;;\n",
            "3;'=Gamma GmbH;Gerd;\n",
            ";=cmd|'x'!A1;;;;+49 221 47101;;;\n",
        ),
    )
    assert short(import_id)[:3] == ["create", "held", "refused"]

    text = "".join(errors.error_rows(firm_id, import_id))

    assert text.startswith("\ufeffProvision: Zeile;Provision: Grund;Kundennummer;Firma;")
    assert "\r\n4;no_family_name;3;''=Gamma GmbH;Gerd" in text
    assert ";'=cmd|'x'!A1;;;;+49 221 47101;" in text
    corrected = text.replace("bernd@beta;", "bernd@beta.example;").replace("Gerd;", "Gerd;Groß;;;;;").encode()
    again = written(firm_id, corrected, "fehler.csv")
    drafts = [record.draft["raw"][2:5] for record in course.each_record(again)]
    assert drafts[:2] == [["2", "Beta GmbH", "Bernd"], ["3", "'=Gamma GmbH", "Gerd"]]
    assert drafts[2][1] == "=cmd|'x'!A1"
    assert short(again)[:2] == ["create", "create"]


def killed_at(import_id: int, statement: int) -> bool:
    """Let a process work on it that is killed before this statement; whether it was, or came to its end."""
    process = os.fork()
    if process == 0:
        try:
            bound = engine(settings().database)
            bound.dispose(close=False)  # Its connections are those of the process that goes on.
            count = itertools.count(1)
            event.listen(
                bound,
                "before_cursor_execute",
                lambda *_: os.kill(os.getpid(), signal.SIGKILL) if next(count) == statement else None,
            )
            work.go_on(import_id)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("number", [1_000, pytest.param(100_000, marks=LONG)])
def test_killed_again_and_again_an_import_writes_every_record_once(firm_id, number, clock, monkeypatch):
    monkeypatch.setattr(work, "WRITTEN_AT_ONCE", number // 20)
    monkeypatch.setattr(compare, "AT_ONCE", number // 20)
    content = rows(
        *(f"{n};Firma {n // 2} GmbH;Max;Muster{n};max{n}@muster.example;;;;\n" for n in range(number // 2)),
        *(f";;Eva;Ott{n};eva{n}@ott.example;0171 39{n:06};;;Ulm\n" for n in range(number // 2)),
    )
    random, deaths = Random(11), 0
    import_id = course.start(firm_id, "command line", "mandanten.csv", content)
    for _ in range(2):
        deaths += killed_at(import_id, random.randrange(2, 60))
        clock(minutes=3)
    work.go_on(import_id)
    course.answer(firm_id, import_id, Question.SAME_NAME_OTHER_NUMBER, Choice.LINK)
    work.go_on(import_id)
    course.begin(firm_id, import_id)
    for _ in range(10):
        deaths += killed_at(import_id, random.randrange(2, 60))
        clock(minutes=3)
    assert course.progress(firm_id, import_id).state is ImportState.RUNNING
    work.go_on(import_id)

    assert deaths == 12
    assert course.progress(firm_id, import_id).counts == {"create": number * 3 // 4, "link": number // 4}
    with reading() as session:
        assert session.scalars(select(func.count()).select_from(Client)).one() == number * 3 // 4
        assert session.scalars(select(func.count()).select_from(ClientContact)).one() == number
        emails = select(func.count(Person.email), func.count(Person.email.distinct())).where(Person.role == Role.CLIENT)
        assert session.execute(emails).one() == (number, number)
        assert session.scalars(select(func.count()).select_from(ImportContact)).one() == number

    undo.undo(firm_id, import_id, ERIKA)
    for _ in range(5):
        deaths += killed_at(import_id, random.randrange(2, 80))
        clock(minutes=3)
    work.go_on(import_id)

    assert deaths == 17
    assert (course.progress(firm_id, import_id).state, names(firm_id), contacts()) == (ImportState.UNDONE, [], [])
    assert faults() == []
