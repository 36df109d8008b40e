import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from deployments import up
from deployments.__main__ import app
from deployments.processes import Process, Record
from models.audit import Entry, Value, erase
from models.db import Base, engine, reading, transaction
from models.inbox import Incoming
from models.link import Purpose
from models.people.login import Login
from models.queries.board import as_json, board
from models.queries.casefile import case_detail
from models.settings import settings
from models.time.clock import now
from tasks.agreement import legal_check
from tasks.agreement.contract_texts import SAMPLES, Texts
from tasks.agreement.rendering import render_agreement
from tasks.agreement.seal import own_seal
from tasks.people import sessions
from tests import factories
from tests.tasks.logos.conftest import site as site  # noqa: PLC0414  (a fixture)


def run(*arguments, status=0):
    """What the command wrote to the standard output and to the standard error."""
    ended = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert ended.exit_code == status, (ended.output, ended.exception)
    return ended.stdout, ended.stderr


def company_id(case_id):
    with reading() as session:
        return str(case_detail(session, case_id).case.company_id)


@pytest.fixture
def two_cases():
    """One that wants advice from us, one just opened."""
    advised = factories.opened(plan=None, interval=None, question="Was passt zu uns?")
    factories.advance(advised)
    factories.opened(
        "test:2", firm_name="[red]Steuerbüro[/red] Über & Söhne", line_of_business="tax",
        organiser={"name": "Max Muster", "email": "max@ueber.example"},
    )  # fmt: skip
    return advised


def test_every_command_explains_itself():
    commands = {
        command.name or command.callback.__name__.replace("_", "-"): command for command in app.registered_commands
    }

    assert set(commands) == {
        "up",
        "demo",
        "migrate",
        "status",
        "cases",
        "operator",
        "webhook-secret",
        "prefect-sign-in",
        "logo",
        "remind",
        "bounces",
        "tidy",
        "forget",
        "person",
        "backup",
        "check",
        "restore",
        "mails",
    }
    for name in (
        *commands,
        "audit",
        "audit verify",
        "audit heads",
        "agreement",
        "agreement check",
        "agreement export",
        "agreement seal",
        "contract dates",
    ):
        said, _ = run(*name.split(), "--help")
        assert re.search(r"[A-Z][^│]{20,}\.", said), name


def test_help_does_not_wait_for_the_product_to_load():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, deployments.__main__; print(*sys.modules)"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip

    assert not {"sqlalchemy", "prefect", "fastapi", "models.db", "tasks"} & set(loaded)


def test_the_cases_are_told_to_machines_as_the_board_has_them(two_cases):
    said, noted = run("cases", "--json")

    with reading() as session:
        assert json.loads(said) == as_json(board(session))
    assert noted == ""
    assert [one["open_decisions"] for one in json.loads(said)["cases"]] == [0, 1]


def test_the_cases_are_told_to_people_by_their_names(two_cases):
    said, _ = run("cases")

    assert "[red]Steuerbüro[/red] Über & Söhne" in said  # A name is shown, never obeyed.
    assert re.search(r"1 The right subscription +provider", said)
    assert "2 cases, page 1 of 1." in said


def test_cases_are_searched(two_cases):
    found = json.loads(run("cases", "--json", "--search", "ueber soehne")[0])

    assert [case["line_of_business"] for case in found["cases"]] == ["tax"]


def test_a_firm_is_told_to_machines_as_the_board_has_it(two_cases):
    said, _ = run("status", company_id(two_cases), "--json")

    with reading() as session:
        assert json.loads(said) == as_json(case_detail(session, two_cases))


def test_a_firm_is_told_to_people_with_its_steps_and_what_is_to_be_decided(two_cases):
    said, _ = run("status", company_id(two_cases))

    for words in (
        "Anwaltskanzlei Freitag & Kollegen",
        "Our agreement",
        "Advice on the subscription",
        "erika@freitag.example",
    ):
        assert words in said
    assert factories.token("erika@freitag.example", Purpose.REGISTER) not in said


@pytest.mark.parametrize(
    ("number", "says"), [("123456", "123456 was not found"), ("12", "six digits"), ("x", "“x” cannot be")]
)
def test_a_company_id_that_is_nobodys_is_refused_in_one_sentence(number, says):
    for how in ([], ["--json"]):
        said, noted = run("status", number, *how, status=1)
        assert says in noted
        assert (said, noted.count("\n")) == ("", 1)


def test_a_database_that_is_not_there_is_told_in_one_sentence():
    Base.metadata.drop_all(engine(settings().database))

    for command in (["cases"], ["status", "123456"], ["audit", "verify"], ["operator", "op@convent-it.example"]):
        said, noted = run(*command, status=1)
        assert "provision migrate" in noted
        assert said == ""


def test_migrate_makes_the_database_and_may_be_repeated():
    Base.metadata.drop_all(engine(settings().database))

    run("migrate")
    run("migrate")

    assert json.loads(run("cases", "--json")[0])["total"] == 0


def test_an_operator_sets_a_password_with_the_link_once():
    said, noted = run("operator", " Op@Convent-IT.example ")

    assert said.startswith(settings().base_url + "/auth/reset/")
    assert "op@convent-it.example is an operator" in noted
    session_token = sessions.reset_password(said.strip().rpartition("/")[2], factories.PASSWORD)
    assert sessions.signed_in(session_token).is_operator
    with pytest.raises(Exception, match="done its work"):
        sessions.reset_password(said.strip().rpartition("/")[2], factories.PASSWORD)


def test_somebody_who_has_an_account_becomes_an_operator_with_the_same_account():
    factories.with_organiser()

    run("operator", "erika@freitag.example")
    noted = run("operator", "erika@freitag.example", "--manager")[1]

    with reading() as session:
        account = Login.by_email(session, "erika@freitag.example")
    assert "erika@freitag.example is a manager" in noted
    assert account.is_operator
    assert account.is_manager
    assert account.password_hash is not None


def test_an_operators_address_must_be_one():
    assert "is not an e-mail address" in run("operator", "nobody", status=1)[1]


def test_the_webhook_secret_is_told_with_where_it_lies(tmp_path, monkeypatch):
    kept = run("webhook-secret")
    monkeypatch.setenv("PROVISION_WEBHOOK_SECRET", "whsec_bmV3 whsec_b2xk")
    settings.cache_clear()
    given = run("webhook-secret")

    assert kept[0].strip() == (tmp_path / "webhook-secret").read_text()
    assert str(tmp_path / "webhook-secret") in kept[1]
    assert given[0].split() == ["whsec_bmV3", "whsec_b2xk"]
    assert "PROVISION_WEBHOOK_SECRET" in given[1]


def test_a_whole_audit_trail_is_verified(two_cases):
    said, _ = run("audit", "verify")

    assert re.fullmatch(r"3 chains, \d+ entries: unbroken\.\n", said)
    assert run("audit", "verify", company_id(two_cases))[0].startswith("1 chains")


def test_a_forged_audit_trail_is_told_and_the_status_is_1(two_cases):
    with transaction() as session:
        session.query(Entry).filter(Entry.case_id == two_cases, Entry.number == 2).update({"actor_id": "nobody"})

    said, noted = run("audit", "verify", status=1)

    assert re.search(rf"Case {two_cases}: entry 2 of \d+ is not what it was when it was written\. .*backup", said)
    assert said.endswith("1 faults.\n")
    assert "cannot see entries cut off" in noted


def test_what_was_erased_is_told_with_the_act_and_is_no_fault(two_cases):
    with transaction() as session:
        erased = erase(session, now(), "operator", Value.case_id == two_cases, Value.about.startswith("person:"))

    said, _ = run("audit", "verify")

    assert re.search(rf"^Case {two_cases}: {erased} values were erased by entry \d+, 2026-09-15\.$", said, re.MULTILINE)
    assert said.endswith(f", {erased} values erased: unbroken.\n")


@cache
def printed(data, texts: bytes) -> bytes:
    return render_agreement(data, Texts.from_bundle(texts))


@pytest.fixture
def printed_once(monkeypatch):
    """The same texts are printed once, however often they are looked at."""
    monkeypatch.setattr(legal_check, "render_agreement", lambda data, texts: printed(data, texts.bundle))


def test_the_sample_texts_lack_nothing_and_are_called_samples(printed_once):
    said, noted = run("agreement", "check")

    assert re.search(r"de/processing.html +16 of 16 +– +–", said)
    assert "samples" in noted


def test_what_texts_lack_is_told_and_the_status_is_1(printed_once, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(SAMPLES, own)
    text = (own / "de" / "processing.html").read_text()
    (own / "de" / "processing.html").write_text(re.sub(r"<h2[^>]*>12\..*?</p>", "", text, flags=re.DOTALL))
    (own / "fr" / "secrecy_law.html").unlink()

    said, _ = run("agreement", "check", str(own), status=1)
    told = json.loads(run("agreement", "check", str(own), "--json", status=1)[0])

    assert re.search(r"de/processing.html +15 of 16 .*art28-3-g: erasure or return", said)
    assert re.search(r"fr/processing.html .*fr/secrecy_law.html is missing", said)
    assert [one["lacks"] for one in told if one["file"] == "de/processing.html"] == [["art28-3-g"]]


def test_a_trail_cut_off_is_told_from_a_list_that_was_kept(two_cases, tmp_path):
    (tmp_path / "heads").write_text(run("audit", "heads")[0])
    with transaction() as session:
        last = session.query(Entry).filter(Entry.case_id == two_cases).count()
        session.query(Entry).filter(Entry.case_id == two_cases, Entry.number == last).delete()

    said, _ = run("audit", "verify", "--heads", str(tmp_path / "heads"), status=1)

    assert f"Case {two_cases}: entry {last} is missing, there are {last - 1}. Look" in said


def test_signed_agreements_are_taken_out(tmp_path):
    factories.countersigned()

    assert run("agreement", "export", str(tmp_path / "out"))[0].endswith("out: 1 written, 0 there already.\n")
    assert "0 written, 1 there already" in run("agreement", "export", str(tmp_path / "out"))[0]
    assert len(list((tmp_path / "out").glob("*/agreement.pdf"))) == 1


def test_the_seal_is_shown_with_its_fingerprint():
    said, _ = run("agreement", "seal")

    assert own_seal().fingerprint in said
    assert "PAdES B-B" in said
    assert "self-made" in said


def test_what_would_keep_agreements_back_is_told_at_the_start(tmp_path, monkeypatch, capsys):
    up._warn()
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" are not whole")[0] for line in told] == ["Imprint and privacy notice"]
    assert not list(tmp_path.glob("seal-*"))  # The processes that seal make it, where their data are.

    monkeypatch.setenv("PROVISION_SEAL_PKCS12", str(tmp_path / "none.p12"))
    monkeypatch.setenv("PROVISION_TEXTS", str(tmp_path))
    settings.cache_clear()
    up._warn()

    told = capsys.readouterr().err
    assert "none.p12 cannot be read" in told
    assert "provision agreement check" in told


def test_a_dry_run_of_reminders_tells_whom_when_and_why_and_sends_nothing(two_cases, monkeypatch):
    monkeypatch.setenv("PROVISION_TIME_SHIFT", "P20D")
    settings.cache_clear()
    before = factories.outbox()

    shown, _ = run("remind", "--dry-run")
    told = json.loads(run("remind", "--dry-run", "--json")[0])

    assert "Erika Muster" in shown
    assert "operators" in shown
    assert "Nothing was sent" in shown
    assert {line["kind"] for line in told} == {"organiser", "advice"}
    assert factories.outbox() == before


def test_reminders_are_sent_from_the_command_line_as_well(two_cases, monkeypatch):
    monkeypatch.setenv("PROVISION_TIME_SHIFT", "P20D")
    settings.cache_clear()

    told = json.loads(run("remind", "--json")[0])

    assert told["sent"] + sum(one["count"] for one in told["held"]) > 0


def test_a_day_that_is_none_is_refused(two_cases):
    _, said = run("remind", "--dry-run", "--until", "tomorrow", status=1)

    assert "“tomorrow” is not a day" in said


MARK = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><circle cx="10" cy="10" r="9" fill="#06c"/></svg>'


@pytest.fixture
def firm_site(site, monkeypatch):
    """A website on this machine, which only --allow-private lets us reach."""
    monkeypatch.setenv("PROVISION_FETCH_PRIVATE", "false")
    settings.cache_clear()
    site.pages["/"] = b'<header><a href="/"><img class="logo" src="/l.svg"></a></header><h1>Kanzlei</h1>'
    site.pages["/l.svg"] = MARK
    return site


def test_a_logo_is_told_as_one_json_object(firm_site, tmp_path):
    out = tmp_path / "new" / "logo"

    told, _ = run("logo", firm_site.url, "--firm", "Kanzlei", "--out", str(out), "--json", "--allow-private")

    said = json.loads(told)
    assert set(said) == {"choice", "candidates", "report", "files"}
    assert (said["choice"]["kind"], said["choice"]["source"]) == ("url", f"{firm_site.url}/l.svg")
    assert 0.7 < said["choice"]["confidence"] <= 1
    assert {key: value for key, value in said["candidates"][0]["reasons"][0].items() if key != "text"} == {
        "sign": "home_link",
        "points": 35,
    }
    assert said["candidates"][0]["reasons"][0]["text"]["de"] == "Es führt zur Startseite."
    assert said["report"]["score"] == 4
    assert {"logo.png", "logo.svg"} <= {path.name for path in out.iterdir()}
    assert sorted(said["files"].values()) == sorted(map(str, out.iterdir()))


def test_a_drawing_and_a_data_address_are_told_as_the_page_has_them(firm_site):
    drawing = '<svg viewBox="0 0 40 20"><path d="M0 0h40v20z" fill="#06c"/></svg>'
    firm_site.pages["/"] = f'<header><a href="/" class="logo">{drawing}</a></header>'.encode()

    choice = json.loads(run("logo", firm_site.url, "--json", "--allow-private")[0])["choice"]

    assert (choice["kind"], choice["source"]) == ("inline-svg", drawing)


def test_no_logo_has_an_exit_status_of_its_own(firm_site):
    firm_site.pages["/"] = b"<h1>Kanzlei</h1>"

    said = json.loads(run("logo", firm_site.url, "--json", "--allow-private", status=3)[0])
    told, _ = run("logo", firm_site.url, "--allow-private", status=3)

    assert (said["choice"]["kind"], said["choice"]["source"], said["report"], said["files"]) == ("none", None, None, {})
    assert "No logo was found." in told


def test_a_site_that_cannot_be_searched_is_one_sentence(firm_site):
    for arguments in ((firm_site.url,), ("file:///etc/passwd",), ("http://127.0.0.1:9/", "--allow-private")):
        told, noted = run("logo", *arguments, "--json", status=1)
        assert told == ""
        assert noted.count("\n") == 1


def test_a_file_becomes_a_logo(tmp_path):
    file = tmp_path / "zeichen.svg"
    file.write_bytes(MARK)

    said = json.loads(run("logo", str(file), "--out", str(tmp_path), "--json")[0])

    assert said["choice"] == {"kind": "url", "source": file.as_uri(), "confidence": 1.0}
    assert (tmp_path / "logo.png").read_bytes().startswith(b"\x89PNG")
    assert "4 of 4 criteria" in run("logo", str(file))[0]


def test_a_file_that_is_no_picture_is_one_sentence(tmp_path):
    file = tmp_path / "brief.txt"
    file.write_text("Sehr geehrte Damen und Herren")

    assert "not a picture" in run("logo", str(file), "--json", status=1)[1]


def test_a_case_in_which_somebody_else_signs_is_told_like_any_other():
    case_id = factories.handed_over()

    assert "signatory" in run("cases")[0]
    assert "Konrad Zeichner" in run("status", company_id(case_id))[0]


def test_a_command_beside_the_running_product_asks_its_prefect(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    record = Record.begin(tmp_path, "http://127.0.0.1:9/api")

    done = CliRunner().invoke(app, ["prefect-sign-in"])

    said = done.stdout.splitlines()[0]
    assert said == (tmp_path / "prefect-sign-in").read_text()
    assert (os.environ.pop("PREFECT_API_URL"), os.environ.pop("PREFECT_API_AUTH_STRING")) == (record.prefect, said)


def test_links_that_a_command_prints_lead_to_the_product_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PROVISION_BASE_URL", "")  # Is put back afterwards.
    monkeypatch.delenv("PROVISION_BASE_URL")
    settings.cache_clear()
    Record.begin(tmp_path, "http://127.0.0.1:9/api", "http://127.0.0.1:9090")

    assert "http://127.0.0.1:9090/docs" in CliRunner().invoke(app, ["webhook-secret"]).stderr
    settings.cache_clear()
    monkeypatch.setenv("PROVISION_BASE_URL", "https://start.convent-it.example")
    assert "https://start.convent-it.example/docs" in CliRunner().invoke(app, ["webhook-secret"]).stderr


def test_a_command_beside_a_product_that_has_ended_asks_nobody(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    Record(tmp_path / "running.json", Process(os.getpid(), "long ago"), "http://127.0.0.1:9/api").write()

    CliRunner().invoke(app, ["prefect-sign-in"])

    assert "PREFECT_API_URL" not in os.environ


def test_a_prefect_that_was_set_is_not_given_the_password_of_another(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    Record.begin(tmp_path, "http://127.0.0.1:8/api")

    CliRunner().invoke(app, ["prefect-sign-in"])

    assert "PREFECT_API_AUTH_STRING" not in os.environ


def test_what_is_past_its_time_is_told_beforehand_and_removed(clock):
    with transaction() as session:
        Incoming.store(session, "webhook", "x", "mail.bounced", {}, now())
        session.execute(update(Incoming).values(handled_at=now()))
    assert "Nothing is past its time." in run("tidy", "--dry-run")[0]
    clock(days=91)

    (told,) = json.loads(run("tidy", "--dry-run", "--json")[0])

    assert (told["rule"], told["number"], told["kept"]) == ("events", 1, "90 days")
    assert told["counted_from"] == "when it was handled"
    assert told["reason"].startswith("Art. 5(1)(e) GDPR")
    assert "1 events, past their time since 2026-12-14" in run("tidy", "--dry-run")[0]
    assert "1 events" in run("tidy")[0]
    assert "Nothing is past its time." in run("tidy", "--dry-run")[0]


def test_somebody_is_erased_after_it_was_told_what_goes():
    factories.with_client()
    told, _ = run("forget", "max@beispiel.example", "--dry-run")
    assert "Decides: firm." in told
    assert "Nothing was erased." in told

    (share,) = json.loads(run("forget", "max@beispiel.example", "--yes", "--json")[0])

    assert share["erased"]["persons"] == 1
    assert "Nothing is stored" in run("forget", "max@beispiel.example", "--dry-run", status=1)[1]


def test_what_is_stored_about_somebody_is_told_and_written_as_they_may_take_it_along():
    factories.with_client()

    assert "the firm answers" in run("person", "max@beispiel.example")[0]
    (part,) = json.loads(run("person", "max@beispiel.example", "--json")[0])["parts"]
    assert {"persons", "outbox", "audit_values"} <= {entry["record"] for entry in part["entries"]}
    assert "Nothing is stored" in run("person", "nobody@nowhere.example", status=1)[1]


def test_who_is_still_needed_is_not_erased_and_it_is_told_what_to_do_first():
    factories.with_organiser()

    told, _ = run("forget", "erika@freitag.example", "--yes", status=1)

    assert "it is to be handed over first" in " ".join(told.split())
    assert "Nothing was erased." in told


def test_a_backup_is_made_proven_and_restored_from_the_command_line(tmp_path, monkeypatch):
    """With what must be known at three in the morning: how much, of when, what rests, and what to do next."""
    file, lost = tmp_path.with_name("nightly.backup"), tmp_path / "lost"
    monkeypatch.setenv("PROVISION_DATA", str(lost))
    monkeypatch.delenv("PROVISION_DATABASE_URL")
    settings.cache_clear()
    run("migrate")
    factories.opened()
    factories.advance(1)
    assert "not encrypted" in run("backup", str(file))[1]
    assert "is whole" in run("backup", "--check", str(file))[0]
    assert "not empty" in run("restore", str(file), status=1)[1]
    assert "Nothing was changed" in run("restore", "--dry-run", str(file))[0]

    told = run("restore", "--replace", str(file))[1]

    assert "provision audit verify" in told
    (before,) = lost.parent.glob("lost.before-*")
    assert f"What was there before lies in {before}" in told
    assert "unbroken" in run("audit", "verify")[0]
    assert "may have left" in run("mails")[0]
    resting = json.loads(run("mails", "--json")[0])["resting"]
    assert sum(resting["older"].values()) > 0
    assert f"{sum(resting['older'].values())} mails go" in run("mails", "--go")[0]
    assert run("mails")[0] == "No mail rests.\n"
    file.unlink()
