"""A browser without JavaScript and without a network: keeps cookies, reads pages, fills in forms."""

import asyncio

import httpx
from bs4 import BeautifulSoup

from deployments.web.app import app
from models.settings import settings


class Wire(httpx.BaseTransport):
    """Hands each request to the application in this process."""

    def __init__(self, *, raises: bool, client: str) -> None:
        self._application = httpx.ASGITransport(app, raise_app_exceptions=raises, client=(client, 50000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())

        async def answered() -> httpx.Response:
            answer = await self._application.handle_async_request(sent)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(answered())


class Browser(httpx.Client):
    """Signed in with *session*, if one is given; asks from the address *client*."""

    def __init__(
        self,
        session: str = "",
        *,
        follow: bool = True,
        raises: bool = True,
        client: str = "127.0.0.1",
        **headers: str,
    ) -> None:
        super().__init__(
            transport=Wire(raises=raises, client=client),
            base_url=settings().base_url,
            follow_redirects=follow,
            headers=headers,
        )
        if session:
            self.cookies.set("session", session, domain=httpx.URL(settings().base_url).host)

    def read(self, path: str) -> BeautifulSoup:
        return BeautifulSoup(self.get(path).text, "lxml")

    def send_form(self, page: str, to: str = "", files: dict | list | None = None, **fields: str) -> httpx.Response:
        """Open a page, fill in one of its forms and send it; fields that are not named keep what stands in them."""
        forms = self.read(page).select("main form")
        form = next(form for form in forms if form.get("action", page) == (to or page))
        return self.post(to or page, data=entries(form) | fields, files=files)

    def send_again(self, page: httpx.Response, to: str, **fields: str) -> httpx.Response:
        """Fill in the form on a page that is shown already, and send it."""
        forms = BeautifulSoup(page.text, "lxml").select("main form[method=post]")
        form = next(form for form in forms if form.get("action", "") == to)
        return self.post(to, data=entries(form) | fields)

    def form_token(self, path: str = "/auth/login") -> str:
        """The token that the forms of this browser carry."""
        return self.read(path).select_one("[name=form_token]")["value"]


def entries(form) -> dict[str, str | list[str]]:
    """What a browser would send of this form if nothing were changed; a field that is there several times as a list."""
    values: dict[str, str | list[str]] = {}
    for field in form.select("input[name], textarea[name], select[name]"):
        if field.name == "select":
            chosen = field.select_one("option[selected]") or field.select_one("option")
            values[field["name"]] = chosen["value"]
        elif field.name == "textarea":
            values[field["name"]] = field.text
        elif field.get("type") in {"radio", "checkbox"}:
            if field.has_attr("checked"):
                values[field["name"]] = field["value"]
        elif field.get("type") != "file":
            value, before = field.get("value", ""), values.get(field["name"])
            values[field["name"]] = (
                value if before is None else [*before, value] if isinstance(before, list) else [before, value]
            )
    return values


def errors(answer: httpx.Response) -> dict[str, str]:
    """The refused fields and their sentences, as the summary above the form links them."""
    soup = BeautifulSoup(answer.text, "lxml")
    return {link["href"].removeprefix("#"): link.text for link in soup.select(".summary a")}


def assert_well_built(page: BeautifulSoup, language: str, where: str) -> None:
    """The page is one for keyboards, screen readers and a strict browser."""
    assert page.html["lang"] == language, where
    assert len(page.select("h1")) == 1, where
    assert page.title.text.strip(), where
    assert page.select_one("a.skip")["href"] == "#main", where
    assert not page.select("script:not([src]), style, [style], [onclick]"), where
    assert not [x for x in page.select("[src], link[href]") if "//" in (x.get("src") or x.get("href"))], where
    for field in page.select("input:not([type=hidden]), select, textarea"):
        assert field.get("aria-label") or page.select_one(f"label[for='{field['id']}']"), f"{field} on {where}"
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids)), where
    for form in page.select("form[method=post]"):
        assert form.select_one("[name=form_token]"), where
