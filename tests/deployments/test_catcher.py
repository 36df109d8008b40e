"""The mail catcher and the pages that show what it caught."""

import asyncio
import os
import signal
import smtplib
import socket
import subprocess
import time
from email.message import EmailMessage

import pytest

from deployments.catcher import Catcher, read_mails
from deployments.processes import spawn
from models.settings import settings
from tests.deployments.browser import Browser


def message(**headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = "Convent IT <service@convent-it.example>", "Erika Müller <erika@freitag.example>"
    made["Subject"] = headers.get("subject", "Grüße & mehr")
    made.set_content("Siehe http://127.0.0.1:8080/progress/abc und mehr.\n")
    made.add_alternative(
        '<html><head><title>x</title></head><body><a href="http://127.0.0.1:8080/progress/abc?a=1&amp;b=2">da</a>'
        "<script>alert(1)</script></body></html>",
        subtype="html",
    )
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Vertrag ü.pdf")
    return made


@pytest.fixture
def caught() -> str:
    """One mail lies in the folder; the name of its file."""
    from types import SimpleNamespace

    catcher = Catcher(settings().mail_folder)
    envelope = SimpleNamespace(original_content=message().as_bytes())
    assert asyncio.run(catcher.handle_DATA(None, None, envelope)).startswith("250")
    return read_mails(settings().mail_folder)[-1].name


@pytest.fixture
def browser() -> Browser:
    return Browser()


def test_the_catcher_keeps_every_mail_sent_to_it_and_ends_when_asked(tmp_path):
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    environment = {**os.environ, "PROVISION_DATA": str(tmp_path)}
    process, lifeline = spawn(
        "deployments.catcher", "--port", str(port), environment=environment, output=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        with smtplib.SMTP("127.0.0.1", port) as server:
            for number in range(20):
                server.send_message(message(subject=f"Nummer {number}"))
            assert int(server.esmtp_features["size"]) == 25 * 2**20
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        os.close(lifeline)

    mails = read_mails(tmp_path / "mails")
    assert [mail.subject for mail in mails] == [f"Nummer {number}" for number in range(20)]
    assert "erika@freitag.example" in mails[0].to
    assert mails[0].text.startswith("Siehe")
    assert mails[0].links == ["http://127.0.0.1:8080/progress/abc?a=1&b=2", "http://127.0.0.1:8080/progress/abc"]
    assert mails[0].attachments == [("Vertrag ü.pdf", b"%PDF")]


def test_a_mail_half_written_is_not_read(caught):
    (settings().mail_folder / f".{caught}").write_bytes(b"half")

    assert len(read_mails(settings().mail_folder)) == 1


def test_the_newest_mail_stands_first(browser, caught):
    newer = settings().mail_folder / "29990101T000000000000-000000.eml"
    newer.write_bytes(message(subject="Neuer").as_bytes())

    page = browser.get("/mail").text

    assert page.index("Neuer") < page.index("Grüße &amp; mehr")


def test_a_mail_is_shown_with_its_parts(browser, caught):
    page = browser.get(f"/mail/{caught}")

    assert page.status_code == 200
    assert "Erika Müller" in page.text
    assert "Siehe http://127.0.0.1:8080/progress/abc" in page.text
    assert "Vertrag ü.pdf" in page.text
    assert "alert(1)" not in page.text


def test_a_mail_that_cannot_be_read_is_shown_as_it_came_and_hides_no_other(browser, caught):
    strange = settings().mail_folder / "29990101T000000000000-000000.eml"
    strange.write_bytes(
        b"From: a@elsewhere.example\r\nTo: =?utf-8?q?x=0D=0ABcc:_e?= <b@elsewhere.example>\r\n"
        b"Subject: =?utf-8?q?Line=0D=0ABcc:_e?=\r\nContent-Type: text/plain; charset=klingon\r\n\r\nHallo\r\n"
    )

    page = browser.get("/mail")

    assert page.status_code == 200
    assert "Grüße &amp; mehr" in page.text
    assert "=?utf-8?q?x=0D=0ABcc:_e?= &lt;b@elsewhere.example&gt;" in page.text
    assert "Hallo" in browser.get(f"/mail/{strange.name}").text


def test_a_mail_whose_html_no_parser_takes_is_shown_and_leads_where_its_text_says(browser, caught):
    strange = settings().mail_folder / "29990101T000000000000-000000.eml"
    made = message(subject="Schief")
    made.get_body(("html",)).set_content("<p>x</p><![foo]>", subtype="html")
    strange.write_bytes(made.as_bytes())

    assert "Schief" in browser.get("/mail").text
    assert read_mails(settings().mail_folder)[-1].links == ["http://127.0.0.1:8080/progress/abc"]


def test_the_html_of_a_mail_can_do_nothing(browser, caught):
    answer = browser.get(f"/mail/{caught}/html")

    rules = answer.headers["content-security-policy"]
    assert "default-src 'none'" in rules
    assert "sandbox" in rules
    assert "allow-scripts" not in rules
    assert 'sandbox="allow-same-origin allow-popups' in browser.get(f"/mail/{caught}").text


def test_an_attachment_is_only_ever_downloaded(browser, caught):
    answer = browser.get(f"/mail/{caught}/attachment/1")

    assert answer.content == b"%PDF"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Vertrag%20%C3%BC.pdf"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert browser.get(f"/mail/{caught}/attachment/2").status_code == 404
    assert browser.get(f"/mail/{caught}/attachment/0").status_code == 404


@pytest.mark.parametrize(
    "name",
    ["..%2Fsecret", "%2e%2e/secret", "../secret", "secret", "20260101T000000000000-000000.eml", "x%00.eml", "%0a.eml"],
)
def test_no_name_leads_out_of_the_folder(browser, caught, name):
    (settings().data / "secret").write_text("geheim")

    for path in (f"/mail/{name}", f"/mail/{name}/html", f"/mail/{name}/attachment/1"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "geheim" not in answer.text


def test_a_foreign_name_that_leads_to_this_machine_opens_no_mail(browser, caught):
    assert browser.get(f"/mail/{caught}", headers={"host": "rebinding.example"}).status_code == 400


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PROVISION_MAIL_CATCHER", "false"),
        ("PROVISION_SMTP_HOST", "mail.provider.example"),
        ("PROVISION_BASE_URL", "https://portal.provider.example"),
    ],
)
def test_there_are_no_such_pages_with_a_real_mail_server(browser, caught, monkeypatch, setting, value):
    monkeypatch.setenv(setting, value)
    settings.cache_clear()

    assert browser.get("/mail").status_code == 404
    assert browser.get(f"/mail/{caught}").status_code == 404
