"""What is stored about somebody, as they see it on their page and take it along."""

import json

import pytest

from models.link import Purpose
from tasks.people.sessions import sign_in
from tests import factories
from tests.contacts import ERIKA, MAX
from tests.deployments.browser import Browser
from tests.factories import PASSWORD

pytestmark = pytest.mark.usefixtures("quiet")


def page_of(email: str, **how) -> Browser:
    return Browser(sign_in(email, PASSWORD), **how)


def test_a_client_sees_and_takes_along_what_is_stored_and_nothing_of_others():
    factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    client = page_of(MAX)
    assert client.read("/portal").select_one('a[href="/my-data"]')

    page = client.read("/my-data").main.get_text(" ")
    file = client.get("/my-data/file")

    assert MAX in page
    assert "Max" in page
    assert "im Auftrag (Art. 28 DSGVO)" in page
    assert ERIKA not in page + file.text
    assert file.headers["content-disposition"] == 'attachment; filename="own-data.json"'
    told = json.loads(file.text)
    assert (told["format"], told["version"], told["made_at"][-1]) == ("provision-own-data", 1, "Z")
    (entry,) = [e for part in told["parts"] for e in part["entries"] if e["record"] == "persons"]
    assert entry["values"]["email"] == MAX
    assert entry["values"]["added_at"].endswith("Z")
    (account,) = [e for part in told["parts"] for e in part["entries"] if e["record"] == "accounts"]
    assert account["withheld"] == {"password_hash": "secret"}
    assert "$argon2" not in file.text


def test_nobody_sees_it_who_is_not_signed_in():
    for path in ("/my-data", "/my-data/file"):
        assert Browser().get(path).url.path == "/auth/login"
