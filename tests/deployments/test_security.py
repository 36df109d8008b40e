import asyncio
import logging
import re

import pytest
from pydantic import ValidationError

from deployments.web import security
from deployments.web.app import app
from deployments.web.security import FORM_MOST, WithoutTokens, limit_uploads, sign
from models.link import Purpose
from models.settings import Settings, settings
from tests.deployments.browser import Browser, entries
from tests.each import each
from tests.factories import PASSWORD, advance, firm_of, opened, operator, registered, token, with_organiser

pytestmark = pytest.mark.usefixtures("quiet")

CSP = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"


def browser(session: str = "") -> Browser:
    return Browser(session, follow=False, raises=False)


def all_routes(routes):
    """The routes with their paths, those of included routers as well."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from all_routes(route.effective_candidates())
        elif getattr(route, "methods", None):
            yield route


POSTS = sorted({route.path for route in all_routes(app.routes) if "POST" in route.methods})
# Those are signed; one click in a mail program carries no form (RFC 8058).
POSTS = [path for path in POSTS if not path.startswith(("/webhooks", "/unsubscribe"))]


def test_the_walk_over_the_routes_finds_the_forms():
    assert {"/auth/login", "/firm/{firm_id}/clients", "/agreement/{token}/sign", "/language"} <= set(POSTS)


@each("path", POSTS)
def test_no_form_is_taken_without_its_token(path):
    client = browser()
    client.form_token()

    answer = client.post(re.sub(r"{\w+(:\w+)?}", "1", path), data={"email": "a@b.example", "password": PASSWORD})

    assert answer.status_code == 403
    assert "in einem anderen Browser" in answer.text


def test_a_form_is_good_only_for_the_browser_it_was_given_to():
    stolen = browser().form_token()
    victim = browser()
    victim.form_token()

    answer = victim.post("/language", data={"form_token": stolen, "language": "fr"})

    assert answer.status_code == 403


def test_a_signature_for_one_purpose_is_not_good_for_another():
    client = browser()
    client.form_token()

    answer = client.post("/language", data={"form_token": sign(client.cookies["browser"], "renew"), "language": "fr"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/firm/abc", "/static/style.css", "/auth/activate/unknown", "/openapi.json"]
)
def test_every_answer_carries_the_headers_that_keep_a_page_to_itself(path):
    headers = browser().get(path).headers

    assert headers["content-security-policy"] == CSP
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in headers


def test_over_https_cookies_are_secure_and_the_browser_is_told_to_stay_there(monkeypatch):
    monkeypatch.setenv("PROVISION_BASE_URL", "https://provision.example")
    settings.cache_clear()
    case_id = opened()
    advance(case_id)
    registered()
    client = browser()

    answer = client.post(
        "/auth/login",
        data={"form_token": client.form_token(), "email": "erika@freitag.example", "password": PASSWORD},
    )

    assert "max-age=31536000" in answer.headers["strict-transport-security"]
    cookies = answer.headers.get_list("set-cookie")
    assert any(cookie.startswith("__Host-session=") for cookie in cookies)
    for cookie in cookies:
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}


def test_a_page_that_breaks_apologises_with_a_reference_and_tells_nothing_else(monkeypatch, caplog):
    def burst(*_):
        raise RuntimeError("the inside of the machine")

    monkeypatch.setattr("tasks.onboarding.registration.opened", burst)
    secret = "s" * 43

    answer = browser().get(f"/auth/activate/{secret}")

    reference = re.search(r"<strong class=\"number\">([0-9A-F]{8})<", answer.text)[1]
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == CSP
    assert "inside" not in answer.text
    assert "RuntimeError" not in answer.text
    said = [record.getMessage() for record in caplog.records if record.name == "deployments.web.app"]
    assert said == [f"GET /auth/activate/{{token}} failed, reference {reference}"]


def test_the_eleventh_sign_in_within_a_quarter_of_an_hour_is_refused_for_this_address_only():
    client = browser()
    data = {"form_token": client.form_token(), "email": "erika@freitag.example", "password": "wrong"}

    answers = [client.post("/auth/login", data=data) for _ in range(11)]
    other = client.post("/auth/login", data=data | {"email": "somebody@else.example"})

    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 15 * 60
    assert "zu oft versucht" in answers[-1].text
    assert other.status_code == 403


@pytest.mark.parametrize("path", ["/auth/forgot", "/auth/register?business_member", "/privacy/data"])
def test_the_fourth_request_for_a_link_within_ten_minutes_is_refused(path):
    client = browser()
    data = {"form_token": client.form_token(), "email": "erika@freitag.example", "company_id": "123456"}

    answers = [client.post(path, data=data).status_code for _ in range(4)]

    assert answers == [200, 200, 200, 429]


def test_one_network_address_has_twenty_people_written_to_within_ten_minutes_and_no_more():
    client = browser()
    token = client.form_token()

    answers = [
        client.post("/auth/forgot", data={"form_token": token, "email": f"person{n}@freitag.example"}).status_code
        for n in range(21)
    ]

    assert answers == [200] * 20 + [429]


def test_the_twenty_first_file_within_an_hour_is_refused():
    client = browser()

    answers = [client.post("/firm/1/logo", files={"file": ("a.png", b"x")}).status_code for _ in range(21)]

    assert answers == [403] * 20 + [429]
    # Others behind the same address have files of their own to send.
    assert client.post("/firm/2/logo", files={"file": ("a.png", b"x")}).status_code == 403
    assert client.post("/agreement/a/upload", files={"file": ("a.pdf", b"x")}).status_code == 403


def test_one_network_address_sends_two_hundred_files_within_an_hour_and_no_more():
    client = browser()

    answers = [client.post(f"/firm/{n // 20}/logo", files={"file": ("a", b"x")}).status_code for n in range(201)]

    assert answers == [403] * 200 + [429]


def test_who_is_said_to_ask_counts_only_where_a_proxy_of_ours_says_so(monkeypatch):
    def statuses():
        security._limiter.cache_clear()
        sent = [{"x-forwarded-for": f"203.0.113.{n}"} for n in range(21)]
        file = {"file": ("a.png", b"x")}
        return {browser().post("/firm/1/logo", files=file, headers=headers).status_code for headers in sent}

    assert statuses() == {403, 429}

    monkeypatch.setenv("PROVISION_PROXIES", "127.0.0.1 10.0.0.0/8")
    settings.cache_clear()
    assert statuses() == {403}


@pytest.mark.parametrize("told", ["all", "*", "proxy.example", "10.0.0.1/8"])
def test_a_proxy_is_named_by_its_address(told):
    with pytest.raises(ValidationError, match="proxies"):
        Settings(proxies=told)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:0DB8:1:2::7", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/web.sock", "/run/web.sock"),
    ],
)
def test_limits_count_a_line_of_ipv6_as_one(address, counted):
    assert security.network_of(address) == counted


def test_what_is_limited_is_kept_as_a_short_digest_without_names():
    client = browser()
    long = "erika@freitag.example" * 20_000

    for email in (long, "erika@freitag.example"):
        client.post("/auth/login", data={"form_token": client.form_token(), "email": email, "password": "x"})

    kept = list(security._limiter(settings().rate_limit_storage).storage.events)
    assert kept
    assert not [key for key in kept if len(key) > 120 or "freitag" in key or "127.0.0.1" in key]


@pytest.mark.parametrize(
    "header", ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]
)
@pytest.mark.parametrize("page", ["/mail", "/metrics"])
def test_what_only_this_machine_may_see_is_not_there_for_whom_a_proxy_asks(page, header):
    assert browser().get(page).status_code == 200
    assert browser().get(page, headers={header: "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize("page", ["/mail", "/metrics"])
def test_what_only_this_machine_may_see_is_not_there_for_others(page):
    assert Browser(raises=False, client="::1").get(page).status_code == 200
    assert Browser(raises=False, client="203.0.113.9").get(page).status_code == 404


NUMBERED = sorted(
    (route.path, method)
    for route in all_routes(app.routes)
    for method in route.methods
    if re.search(r"{(\w+_id|\w+:number)\b", route.path)
)


def test_the_walk_over_the_routes_finds_numbers():
    assert {("/board/cases/{case_id}", "GET"), ("/firm/{firm_id}/clients", "POST")} <= set(NUMBERED)


@pytest.mark.parametrize(
    ("product", "number"),
    [
        *(("sqlite", each) for each in (str(2**63), "9" * 30, "-" + "9" * 30, "9" * 5000, "9_" * 20 + "9")),
        ("sqlite", "9" * 20 + ".0"),
        ("postgresql", str(2**31)),  # The first that its columns do not hold.
    ],
    indirect=["product"],
)
def test_a_number_that_no_database_can_hold_names_nothing(number):
    client = browser(operator())

    for path, method in NUMBERED:
        address = re.sub(r"{(\w+_id|\w+:number)(:\w+)?}", number, path)
        address = re.sub(r"{ending(:\w+)?}", ".png", re.sub(r"{name}", "20260915T090000000000-000000.eml", address))
        answer = client.request(method, re.sub(r"{\w+(:\w+)?}", "x", address))
        assert (address, method, answer.status_code) == (address, method, 404)


@pytest.mark.parametrize("number", ["01", "+1", "1%20", "1.0", "１"])
def test_a_thing_has_one_address_so_that_limits_count_it_once(number):
    client = browser(registered_organiser())

    assert client.get("/firm/1/logo").status_code == 200
    assert client.get(f"/firm/{number}/logo").status_code == 404


def test_a_number_in_a_query_or_a_form_that_no_database_can_hold_does_no_harm():
    client = browser(operator())
    much, token = "9" * 30, client.form_token("/board/start")

    answers = [client.get(f"/board?page={much}"), client.get(f"/board/cases/1/documents/1/pages/1.png?width={much}")]
    for path in (
        "/board/countersign",
        "/board/operators/absence",
        "/board/decisions/1",
        "/board/cases/1/reminders/pause",
    ):
        fields = dict.fromkeys(("decision", "whose", "deputy", "owner", "d1-choice", "d1-number", "person"), much)
        answers.append(client.post(path, data={"form_token": token, **fields}))

    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []


def test_a_form_that_is_too_large_is_refused_whether_it_says_so_or_not():
    client = browser()

    def chunks():
        for _ in range(20):
            yield b"x" * 2**16

    declared = client.post("/auth/login", content=b"a=" + b"x" * FORM_MOST, headers=FORM)
    undeclared = client.post("/auth/login", content=chunks(), headers=FORM)

    assert declared.status_code == undeclared.status_code == 413
    assert "bis zu 20\u00a0MB" in declared.text


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/auth/login", "/webhooks"])
def test_whoever_hangs_up_half_way_is_no_fault_of_ours(path, caplog):
    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    sent: list[dict] = []
    head = {"http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 8080), "client": ("203.0.113.9", 50000)}
    headers = [
        (b"host", b"127.0.0.1:8080"),
        (b"content-type", FORM["content-type"].encode()),
        (b"content-length", b"9"),
    ]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", **head}

    asyncio.run(app(scope | {"root_path": "", "headers": headers}, receive, send))

    assert sent[0]["status"] == 408
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_page_that_takes_files_takes_more_than_others_but_not_everything():
    client = browser(registered_organiser())
    path = f"/firm/{firm_of(1)}/logo"
    data = {"form_token": client.form_token(path)}

    five = client.post(path, data=data, files={"file": ("logo.png", b"x" * 5 * 2**20)})
    many = client.post(path, data=data, files={"file": ("logo.png", b"x" * 21 * 2**20)})

    assert five.status_code == 422
    assert many.status_code == 413


def test_every_page_whose_uploads_are_counted_takes_files():
    takes = {
        route.path
        for route in all_routes(app.routes)
        if "POST" in route.methods and any(each.call is limit_uploads for each in route.dependant.dependencies)
    }
    assert "/firm/{firm_id}/contract/consent/{text_id}" in takes
    assert [path for path in takes if security._most(re.sub(r"{\w+(:\w+)?}", "1", path)) == FORM_MOST] == []


def registered_organiser() -> str:
    case_id = opened()
    advance(case_id)
    return registered()


def test_the_access_log_shows_no_personal_link():
    secret = token_like = "Zk3-" + "x9_" * 13
    path = f"/auth/register?business_member={secret}"
    record = logging.LogRecord("uvicorn.access", 20, "", 0, '%s - "%s %s"', ("127.0.0.1:5", "GET", path), None)

    assert WithoutTokens().filter(record)
    assert token_like not in record.getMessage()
    assert "/auth/register?business_member=…" in record.getMessage()


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\t/evil"])
def test_nobody_is_led_elsewhere_after_signing_in(elsewhere):
    registered_organiser()
    client = browser()

    answer = client.post(
        "/auth/login",
        params={"next": elsewhere},
        data={"form_token": client.form_token(), "email": "erika@freitag.example", "password": PASSWORD},
    )

    assert answer.headers["location"] == "/"


def test_signing_in_gives_the_browser_a_new_name_so_that_older_forms_are_void():
    registered_organiser()
    client = browser()
    old = client.form_token()
    client.post("/auth/login", data={"form_token": old, "email": "erika@freitag.example", "password": PASSWORD})

    answer = client.post("/auth/logout", data={"form_token": old})

    assert answer.status_code == 403


@pytest.mark.parametrize(("query", "there"), [("", "/"), ("?next=/profile", "/profile"), ("?next=//evil.example", "/")])
def test_the_second_tab_in_which_somebody_signs_in_leads_on_as_well(query, there):
    registered_organiser()
    client = browser()
    sent = {"form_token": client.form_token(), "email": "erika@freitag.example", "password": PASSWORD}

    answers = [client.post(f"/auth/login{query}", data=sent) for _ in range(2)]

    assert [(answer.status_code, answer.headers["location"]) for answer in answers] == [(303, there)] * 2


def test_the_second_tab_in_which_somebody_registers_tells_that_it_is_done():
    advance(opened())
    page = f"/auth/register?business_member={token('erika@freitag.example', Purpose.REGISTER)}"
    client = Browser(raises=False)
    sent = entries(client.read(page).select_one("main form")) | {"password": PASSWORD, "contact": "self"}

    first, second = (client.post(page, data=sent) for _ in range(2))

    assert first.status_code == 200
    assert (second.status_code, str(second.url.path)) == (410, "/auth/register")


def test_signing_out_ends_the_session_on_the_server_too():
    client = browser(registered_organiser())
    session = client.cookies["session"]

    client.post("/auth/logout", data={"form_token": client.form_token("/portal")})

    assert browser(session).get("/portal").headers["location"] == "/auth/login?next=/portal"


def test_a_new_link_for_another_persons_link_cannot_be_asked_for_by_number():
    client = browser()

    answer = client.post("/auth/renew", data={"form_token": client.form_token(), "key": "1"})

    assert answer.status_code == 403


def test_a_link_opens_nothing_but_what_it_is_for():
    with_organiser()
    agreement = token("erika@freitag.example", Purpose.AGREEMENT)

    for path in (f"/auth/register?business_member={agreement}", f"/progress/{agreement}", f"/auth/reset/{agreement}"):
        assert browser().get(path).status_code == 404
