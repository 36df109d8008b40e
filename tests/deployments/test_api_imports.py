"""Client lists by machine: sent, compared, answered, written and taken back."""

import pytest

from models.people.api_token import Scope
from tests.api import System, token
from tests.contacts import ERIKA, with_max
from tests.factories import advance, firm_of, opened, registered, told_by

pytestmark = pytest.mark.usefixtures("quiet")

LIST = (
    "Kundennummer;Vorname;Nachname;E-Mail\n1;Lena;Groß;lena@gross.example\n2;Paul und Ina;Klein;klein@klein.example\n"
)


@pytest.fixture
def system():
    return System(token(with_max()[0], Scope.IMPORTS_WRITE, Scope.ACCOUNTS_READ))


def send(system, content=LIST, name="mandanten.csv", **more):
    sent = content.encode("cp1252") if isinstance(content, str) else content
    return system.post("/imports", params={"file_name": name}, content=sent, **more)


def test_a_list_is_compared_answered_written_and_taken_back(system):
    sent = send(system)
    assert sent.status_code == 201, sent.text
    told = sent.json()
    path = f"/imports/{told['id']}"
    assert (told["state"], told["records"]) == ("planned", 2)
    assert sum(told["counts"].values()) == 2
    before = len(system.get("/accounts").json()["accounts"])

    records = system.get(f"{path}/records").json()["records"]
    (held,) = [one for one in records if one["outcome"] == "held"]
    (lena,) = [one for one in records if one["outcome"] == "create"]
    assert (lena["contacts"][0]["family_name"], lena["account"]["number"], lena["line"]) == ("Groß", "1", 2)
    answer = {"question": held["question"], "choice": held["choices"][0], "record": held["record"]}
    assert system.post(f"{path}/answers", json=answer).status_code == 200
    assert system.get(path).json()["questions"] == {}
    unfit = system.post(f"{path}/answers", json={"question": "none", "choice": "create"})
    assert (unfit.status_code, unfit.json()["code"]) == (422, "answer-unfit")
    again = [system.post(f"{path}/begin", headers={"Idempotency-Key": "b"}) for _ in range(2)]

    assert [one.status_code for one in again] == [200, 200]
    done = system.get(path).json()
    assert (done["state"], done["counts"].get("held", 0)) == ("done", 0)
    assert len(system.get("/accounts").json()["accounts"]) == before + 2
    twice = system.post(f"{path}/begin")
    assert (twice.status_code, twice.json()["code"]) == (409, "import-state-unfit")
    assert system.post(f"{path}/undo").status_code == 200
    assert system.get(path).json()["state"] == "undone"
    assert len(system.get("/accounts").json()["accounts"]) == before


def test_a_list_with_a_key_is_kept_once_and_the_trail_names_the_token_to_the_end(system):
    key = {"Idempotency-Key": "mandanten"}
    first, again = (send(system, headers=key) for _ in range(2))
    other = send(system, LIST.replace("Lena", "Nora"), headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (again.json(), again.headers["location"]) == (first.json(), first.headers["location"])
    assert again.headers["idempotent-replayed"] == "true"
    assert len(system.get("/imports").json()["imports"]) == 1

    path = f"/imports/{first.json()['id']}"
    assert system.post(f"{path}/begin").status_code == 200
    assert system.post(f"{path}/undo").status_code == 200

    acts = ("import.begun", "clients.imported", "import.done", "import.undo_begun", "clients.import_undone")
    for act in (*acts, "import.undone"):
        (entry,) = told_by(1, act)
        assert (entry["by"], entry["token"]) == (f"{ERIKA} (DATEV)", 1), act


def test_another_firms_token_finds_no_import_and_a_key_stands_for_one_request_alone(system):
    first, second = (send(system, LIST.replace("Lena", name)).json()["id"] for name in ("Lena", "Nora"))
    other = opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"})
    advance(other)
    registered("olga@ott.example")
    olga = System(token(firm_of(other), by="olga@ott.example"))
    answer = {"question": "two_people", "choice": "create"}
    asked = [olga.get(f"/imports/{first}"), olga.get(f"/imports/{first}/records")]
    asked += [olga.post(f"/imports/{first}/{act}") for act in ("begin", "cancel", "undo")]
    asked += [olga.post(f"/imports/{first}/answers", json=answer)]
    assert {one.status_code for one in asked} == {404, 409}  # Her firm has no agreement yet.
    assert olga.get("/imports").json()["imports"] == []

    key = {"Idempotency-Key": "k"}
    acts = [system.post(f"/imports/{each}/{act}", headers=key) for each, act in ((first, "begin"), (second, "begin"))]
    acts += [system.post(f"/imports/{first}/cancel", headers=key), system.post(f"/imports/{first}/begin", headers=key)]
    assert [one.status_code for one in acts] == [200, 422, 422, 200]
    assert [system.get(f"/imports/{each}").json()["state"] for each in (first, second)] == ["done", "planned"]
    wrong = [{**answer, "record": number} for number in (0, -1, 2**31, "all", 3)]
    sent = [system.post(f"/imports/{second}/answers", json=each).status_code for each in wrong]
    assert sent == [422, 422, 422, 422, 404]


def test_what_is_no_list_is_refused_in_one_sentence(system):
    empty, picture = send(system, b""), send(system, b"\x89PNG\r\n\x1a\n" + bytes(1000), "a.png")
    large = send(system, bytes(52 * 2**20))

    assert [(one.status_code, one.json()["code"]) for one in (empty, picture)] == [
        (422, "file-empty"),
        (422, "not-a-table"),
    ]
    assert large.status_code == 413
    assert system.get("/imports").json() == {"imports": [], "next": None}


def test_lists_and_their_records_are_paged(system):
    rows = "".join(f"{row};Vor;Nach{'abcdefg'[row]};n{row}@kunde.example\n" for row in range(5))
    ids = [send(system, f"Kundennummer;Vorname;Nachname;E-Mail\n{rows}".encode()).json()["id"] for _ in range(3)]

    def each(path, name):
        found, cursor = [], ""
        while cursor is not None:
            page = system.get(path, params={"limit": 2, "cursor": cursor}).json()
            found, cursor = found + page[name], page["next"]
        return found

    assert [one["id"] for one in each("/imports", "imports")] == ids[::-1]
    assert [one["record"] for one in each(f"/imports/{ids[0]}/records", "records")] == [1, 2, 3, 4, 5]
    system.post(f"/imports/{ids[0]}/cancel")
    assert system.get(f"/imports/{ids[0]}").json()["state"] == "cancelled"
