import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from alembic import command
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import START, first_broken, record_each, trail
from models.contracts.contract import Recipient
from models.contracts.handover import Billing
from models.db import Base, engine
from models.firm import Firm
from models.mail.outbox import Outgoing
from models.migrate import config, upgrade
from models.people.login import Login, SignIn
from models.settings import settings
from tasks.mail.compose import write
from tests import postgres


@pytest.fixture
def nothing(product, request, tmp_path, monkeypatch):
    """An empty database that the settings name."""
    if product == "postgresql":
        url = postgres.make_database(request.getfixturevalue("postgres_server"), "migrated")
    else:
        url = f"sqlite:///{tmp_path / 'migrated.db'}"
    monkeypatch.setenv("PROVISION_DATABASE_URL", url)
    settings.cache_clear()
    return url


def test_a_new_database_gets_every_table(nothing):
    upgrade()

    assert {*Base.metadata.tables, "alembic_version"} == set(inspect(engine(nothing)).get_table_names())


def test_bringing_up_to_date_again_changes_nothing(nothing):
    upgrade()
    with engine(nothing).begin() as connection:
        connection.execute(text("INSERT INTO company_id_pool (id, free) VALUES (1, 42)"))

    upgrade()

    with engine(nothing).begin() as connection:
        assert connection.execute(text("SELECT free FROM company_id_pool")).scalar() == 42


def test_the_migrations_lead_to_the_tables_that_the_models_describe(nothing):
    upgrade()

    command.check(config())


def constraints(url):
    read = inspect(engine(url))
    return {
        (table, kind, str(found["name"]), str(found.get("sqltext") or found.get("column_names")))
        for table in Base.metadata.tables
        for kind in ("check_constraints", "unique_constraints", "foreign_keys", "indexes")
        for found in getattr(read, f"get_{kind}")(table)
    }


def test_checks_and_constraints_are_migrated_as_well(nothing):
    """What ``alembic check`` does not compare."""
    upgrade()
    migrated = constraints(nothing)

    with engine(nothing).begin() as connection:
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)

    assert migrated == constraints(nothing)
    assert len(migrated) > 60


def test_an_agreement_sent_before_codes_and_expiry_can_be_signed_for_ninety_days(nothing):
    command.upgrade(config(), "0004")
    with engine(nothing).begin() as connection:
        for statement in (
            (
                "INSERT INTO firms (id, name, line_of_business, business, street, postcode, city, website, created_at) "
                "VALUES (1, 'F', 'law', '', '', '', '', '', '2026-01-01')"
            ),
            (
                "INSERT INTO onboardings (id, firm_id, request_key, opened_at, attempts, version) "
                "VALUES (1, 1, 'x', '2026-01-01', 0, 1)"
            ),
            (
                "INSERT INTO documents (id, sha256, name, media_type, size, content, created_at) "
                "VALUES (1, 'x', 'x', 'x', 1, '', '2026-01-01')"
            ),
            (
                "INSERT INTO agreements (id, onboarding_id, version, language, data, document_id, sent_at) "
                "VALUES (1, 1, 1, 'de', '{}', 1, '2026-01-01 10:00:00.000000')"
            ),
        ):
            connection.execute(text(statement))

    upgrade()

    with Session(engine(nothing)) as session:
        found = session.scalars(select(Agreement)).one()
        assert (found.expires_at, found.parts_read) == (datetime(2026, 4, 1, 10, tzinfo=UTC), {})
        assert found.is_open


def test_firms_from_before_can_be_searched_for_and_operators_from_before_are_managers(nothing):
    command.upgrade(config(), "0008")
    with engine(nothing).begin() as connection:
        for statement in (
            (
                "INSERT INTO firms (id, name, line_of_business, business, street, postcode, city, website, created_at) "
                "VALUES (1, 'Müller & Söhne', 'law', 'O’Neill', '', '', '', '', '2026-01-01')"
            ),
            (
                "INSERT INTO onboardings (id, firm_id, request_key, opened_at, attempts, version) "
                "VALUES (1, 1, 'x', '2026-01-01', 0, 1)"
            ),
            "INSERT INTO accounts (id, email, is_operator, created_at) VALUES (1, 'a', true, '2026-01-01')",
            "INSERT INTO accounts (id, email, is_operator, created_at) VALUES (2, 'b', false, '2026-01-01')",
            ("INSERT INTO sign_ins (id, account_id, token_sha256, expires_at) VALUES (1, 1, 'x', '2026-01-01')"),
        ):
            connection.execute(text(statement))

    upgrade()

    with Session(engine(nothing)) as session:
        migrated = session.get_one(Firm, 1).search
        assert migrated == Firm(name="Müller & Söhne", business="O’Neill").search
        assert session.scalars(select(Login.is_manager).order_by(Login.id)).all() == [True, False]
        session.add(SignIn(account_id=99, token_sha256="y", expires_at=datetime(2026, 1, 1, tzinfo=UTC)))
        with pytest.raises(IntegrityError):
            session.flush()


def test_addresses_from_before_come_into_the_form_in_which_they_are_looked_for(nothing):
    command.upgrade(config(), "0014")
    with engine(nothing).begin() as connection:
        for number, email in enumerate(["info@xn--mller-kva.example", "a@xn--mller-kva.example", "a@müller.example"]):
            connection.execute(
                text(
                    "INSERT INTO accounts (id, email, is_operator, is_manager, language, address_form, created_at) "
                    f"VALUES ({number}, '{email}', false, false, 'de', 'sie', '2026-01-01')"
                )
            )

    upgrade()

    with Session(engine(nothing)) as session:
        assert Login.by_email(session, "info@xn--mller-kva.example").id == 0
        assert Login.by_email(session, "info@müller.example").id == 0
        assert session.get_one(Login, 1).email == "a@xn--mller-kva.example"  # Somebody else has the other form.


def test_mails_about_one_overdue_decision_say_the_same_as_those_about_several(nothing):
    command.upgrade(config(), "0017")
    told = {
        "question": "advice",
        "about": "Kanzlei",
        "opened_at": "2026-09-01T09:00:00+00:00",
        "path": "/board/cases/1",
    }
    facts = {"firm": "", "company_id": None, "logo": False, "instead_of": [], "reminders": 6, **told}
    columns = {
        "key": "a", "message_id": "<a@b.example>", "kind": "decision_overdue", "to_name": "",
        "to_address": "a@b.example", "language": "de", "address_form": "sie", "facts": json.dumps(facts),
        "created_at": "2026-09-03 09:00:00.000000",
        "addressed_at": "2026-09-03 09:00:00.000000", "attempts": 0, "urgency": 1,
    }  # fmt: skip
    insert = f"INSERT INTO outbox ({', '.join(columns)}) VALUES (:{', :'.join(columns)})"
    with engine(nothing).begin() as connection:
        connection.execute(text(insert), columns)

    upgrade()

    with Session(engine(nothing)) as session:
        mail = session.scalars(select(Outgoing)).one()
    assert mail.kind == "decisions_wait"
    assert [(one["kind"], one["firm"], one["why"]) for one in mail.facts["questions"]] == [
        ("advice", "Kanzlei", "overdue")
    ]
    assert mail.facts["path"] == "/board"


def test_mails_of_before_about_a_client_or_a_lapse_are_read_as_those_of_now(nothing):
    command.upgrade(config(), "0020")
    told = {
        "client_active": {"firm": "Kanzlei", "company_id": 100000, "logo": False, "client": "Max", "path": "/firm/1"},
        "agreement_expired": {
            "firm": "Kanzlei", "company_id": 100000, "logo": False, "signer": "Erika",
            "sent_at": "2026-09-01T09:00:00+00:00", "path": "/board/cases/1",
        },
    }  # fmt: skip
    with engine(nothing).begin() as connection:
        for kind, facts in told.items():
            columns = {
                "key": kind, "message_id": f"<{kind}@b.example>", "kind": kind, "to_name": "",
                "to_address": "a@b.example", "language": "de", "address_form": "sie", "facts": json.dumps(facts),
                "created_at": "2026-09-03 09:00:00.000000",
                "addressed_at": "2026-09-03 09:00:00.000000", "attempts": 0, "urgency": 1,
            }  # fmt: skip
            connection.execute(
                text(f"INSERT INTO outbox ({', '.join(columns)}) VALUES (:{', :'.join(columns)})"), columns
            )

    upgrade()

    with Session(engine(nothing)) as session:
        active, lapsed = session.scalars(select(Outgoing).order_by(Outgoing.id)).all()
    assert (active.facts["clients"], active.facts["more"]) == ([{"name": "Max"}], 0)
    assert (lapsed.kind, [one["firm"] for one in lapsed.facts["questions"]]) == ("decisions_wait", ["Kanzlei"])
    assert all(write(mail)["Subject"] for mail in (active, lapsed))


def test_a_trail_of_before_is_closed_and_goes_on(nothing):
    command.upgrade(config(), "0021")
    columns = "case_id, number, at, actor, action, facts, previous, hash"
    with engine(nothing).begin() as connection:
        for case_id in (0, 7):
            previous = START
            for number in (1, 2, 3):
                at = datetime(2026, 3, number, 9, tzinfo=UTC)
                content = [case_id, number, at.isoformat(), "a@b.example", "done", {"to": "„ü“"}]
                canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
                digest = sha256(f"{previous}{canonical}".encode()).hexdigest()
                row = [case_id, number, f"{at:%F %T}.000000", "a@b.example", "done", '{"to": "„ü“"}', previous, digest]
                named = dict(zip(columns.split(", "), row, strict=True))
                connection.execute(
                    text(f"INSERT INTO audit ({columns}) VALUES (:{columns.replace(', ', ', :')})"), named
                )
                previous = digest

    upgrade()
    command.downgrade(config(), "0021")
    with engine(nothing).connect() as connection:
        assert {*connection.execute(text("SELECT action FROM audit")).scalars()} == {"done"}  # As it was before.
    upgrade()

    with Session(engine(nothing)) as session:
        record_each(session, {0: {}, 7: {"note": "x"}}, datetime.now(UTC), "done", "a@b.example")
        for case_id in (0, 7):
            entries = trail(session, case_id)
            assert [entry.version for entry in entries] == [1, 1, 1, 2, 2]
            assert entries[3].plain == {"head": entries[2].hash, "entries": 3}
            assert first_broken(entries) is None
            assert (entries[0].actor, entries[0].facts) == ("a@b.example", {"to": "„ü“"})


def test_what_was_chosen_for_all_recipients_of_invoices_is_what_each_of_them_gets(nothing):
    command.upgrade(config(), "0050")
    firm = (
        "(id, name, line_of_business, business, search, website, street, postcode, city, name_format, functions, "
        "is_listed, takes_sign_ups, created_at)"
    )
    contract = (
        "(id, firm_id, zone, law, concluded_at, partner, payment_days, pays_otherwise, customer_number, tax, vat_id, "
        "order_number, sent_as, is_test)"
    )
    with engine(nothing).begin() as connection:
        for key, way in ((1, "link"), (2, "attachment")):
            document = f'{{"to": "a@x.example", "cc": "b@x.example", "sent_as": "{way}"}}'
            told = f"{key}, {key}, 'Europe/Berlin', 'germany', '2026-01-01', '{{}}', 14, false, '', 'standard', '', ''"
            for into, values in (
                (f"firms {firm}", f"{key}, 'F', 'law', '', '', '', '', '', '', '', '{{}}', false, false, '2026-01-01'"),
                (f"contracts {contract}", f"{told}, '{way}', false"),
                ("invoice_recipients (firm_id, email, copy)", f"{key}, 'a@x.example', 'to'"),
                ("invoice_recipients (firm_id, email, copy)", f"{key}, 'b@x.example', 'cc'"),
            ):
                connection.execute(text(f"INSERT INTO {into} VALUES ({values})"))
            billing = "INSERT INTO billings (id, month, firm_id, document) VALUES (:key, '2026-10-01', :key, :document)"
            connection.execute(text(billing), {"key": key, "document": document})

    upgrade()

    with Session(engine(nothing)) as session:
        rows = session.scalars(select(Recipient).order_by(Recipient.id))
        assert [(one.firm_id, one.sent_as) for one in rows] == [(1, "link")] * 2 + [(2, "attachment")] * 2
        documents = list(session.scalars(select(Billing.document).order_by(Billing.id)))
        assert documents == [
            {"to": "a@x.example", "cc": "b@x.example", "by_link": "a@x.example b@x.example"},
            {"to": "a@x.example", "cc": "b@x.example", "by_link": ""},
        ]
