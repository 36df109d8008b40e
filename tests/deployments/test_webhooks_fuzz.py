"""The webhook endpoint against whatever its own description lets one send, and what it does not."""

from collections import Counter
from hashlib import sha256

from fastapi import FastAPI
from hypothesis import given, settings

from deployments.web import webhooks
from tests.deployments.test_webhooks import kicks, signed, stored  # noqa: F401


def described():
    app = FastAPI(docs_url=None)
    app.include_router(webhooks.router)
    return app


def signing(app):
    """The same app behind a sender that signs whatever it is given."""

    async def sign(scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST":
            return await app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {
            name.encode(): value.encode() for name, value in signed(body, message_id=sha256(body).hexdigest()).items()
        }
        kept = [(name, value) for name, value in scope["headers"] if name.lower() not in headers]

        async def again():
            return {"type": "http.request", "body": body, "more_body": False}

        return await app({**scope, "headers": [*kept, *headers.items()]}, again, send)

    return sign


def fuzz(app, mode, allowed):
    """Send requests made from the app's own description, as many as all such tests; the answers' statuses, counted."""
    # Only here: it takes a second to load, and each process looks into all modules.
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    promises = [not_a_server_error, status_code_conformance, response_schema_conformance, content_type_conformance]
    mode = GenerationMode[mode]
    operation = schemathesis.openapi.from_asgi("/openapi.json", app)["/webhooks"]["POST"]
    statuses = Counter()

    @settings(derandomize=True, database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps_its_promises(case):
        response = case.call_and_validate(checks=promises)
        statuses[response.status_code] += 1

    keeps_its_promises()
    assert set(statuses) <= allowed
    return statuses


def test_whatever_comes_unsigned_is_refused_in_words(kicks):  # noqa: F811
    for mode in ("POSITIVE", "NEGATIVE"):
        assert fuzz(described(), mode, {400, 401, 413, 422})[401] > 0

    assert stored() == []


def test_what_fits_the_description_is_taken_or_refused_by_a_rule(kicks):  # noqa: F811
    assert fuzz(signing(described()), "POSITIVE", {202, 422})[202] > 0


def test_what_does_not_fit_the_description_is_refused_in_words(kicks):  # noqa: F811
    assert fuzz(signing(described()), "NEGATIVE", {202, 413, 422})[422] > 5
