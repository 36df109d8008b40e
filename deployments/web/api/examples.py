"""What OpenAPI tells of the interface beside its models: tokens, problems, and an example of each body."""

from typing import Any

from deployments.web.api.problems import MEDIA_TYPE, Problem

REFUSALS = {
    "400": "The request cannot be read.",
    "401": "The token is missing, unknown, expired, revoked, or rests.",
    "403": "The token lacks the scope.",
    "404": "It is not there, or belongs to another firm.",
    "405": "The address does not take this method.",
    "409": "A rule says no: `code` tells which.",
    "410": "The set-up of the firm was ended.",
    "413": "The body is larger than 1 MB, or the file than 50 MB.",
    "422": "Something does not fit: `errors` tells each at its place.",
    "429": "Too many requests: again after the seconds of `Retry-After`.",
    "503": "Busy for the moment: again after the seconds of `Retry-After`.",
}
MUST_SAY = {"412": "It was changed since it was read.", "428": "`If-Match` is missing."}

CONTACT = {
    "title": "Dr.",
    "given_name": "Max",
    "family_name": "Beispiel",
    "email": "max@beispiel.example",
    "phones": [{"number": "030 5550100", "kind": "landline", "primary": True}],
    "login": True,
    "notify": True,
    "main_commercial": True,
}
ACCOUNT = {
    "kind": "company",
    "company_name": "Beispiel GmbH",
    "number": "10001",
    "vat_id": "DE136695976",
    "street": "Lindenallee 5",
    "postcode": "50667",
    "city": "Köln",
    "country": "DE",
    "tags": ["Bau"],
    "contacts": [CONTACT],
}
EXAMPLES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/accounts"): ACCOUNT,
    ("patch", "/accounts/{account_id}"): {"street": "Am Wall 4", "tags": ["Bau", "VIP"], "website": None},
    ("post", "/accounts/{account_id}/contacts"): {**CONTACT, "given_name": "Lena", "email": "lena@beispiel.example"},
    ("patch", "/accounts/{account_id}/contacts/{contact_id}"): {"email_sync": True, "operational": True},
    ("patch", "/contacts/{contact_id}"): {"family_name": "Beispiel-Neu", "phones": []},
    ("post", "/imports/{import_id}/answers"): {"question": "two_people", "choice": "create"},
    ("post", "/invitations"): {"account_id": 815, "contact_id": 4711, "message": "Willkommen, {FirstName}!"},
}
"""The body of each request that has one."""

BILLED = {
    "period": "2027-01",
    "final": True,
    "positions": [
        {
            "id": 4711,
            "period": "2027-01",
            "state": "final",
            "billing_period_from": "2027-01-31",
            "billing_period_to": "2027-02-27",
            "days_from": "2027-01-31",
            "days_to": "2027-02-27",
            "days": 28,
            "days_of_period": 28,
            "quantity": 1,
            "price": "59.00",
            "net": "59.00",
            "corrects": None,
            "company_id": 123456,
            "customer_number": "10815",
            "order_number": "PO-7",
            "name": "Kanzlei Beispiel",
            "person": "Erika Beispiel",
            "street": "Ring 1",
            "postcode": "1010",
            "city": "Wien",
            "country": "AT",
            "to": "rechnung@kanzlei.example",
            "cc": "",
            "by_link": "",
            "payment_days": 14,
            "module": "portal",
            "tariff": "plus-monthly",
            "price_version": 1,
            "article": 5,
            "article_key": "base",
            "text": "Mandantenportal, Plus, monatlich, Grundpreis",
            "currency": "EUR",
            "tax": "reverse_charge",
            "tax_rate": None,
            "tax_reason": "reverse_charge",
            "tax_note": "Steuerschuldnerschaft des Leistungsempfängers",
            "vat_id": "ATU13585627",
            "provider_vat_id": "DE136695976",
            "vat_answered_on": "2027-01-18",
            "vat_consultation": "WAPIAAAAX1b2c3d4",
        }
    ],
    "next": None,
}
ANSWERS: dict[tuple[str, str], dict[str, Any]] = {("get", "/billing"): BILLED}
"""What is answered, where nothing is sent that shows what it is about."""


def put_into(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with all of that."""
    components = schema.setdefault("components", {})
    components["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "Made in the firm's settings: `pvn_…`; the provider's on the board: `pvp_…`.",
        }
    }
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = components.setdefault("schemas", {})
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    told = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            demands = any(each["name"] == "If-Match" for each in operation.get("parameters", []))
            refusals = REFUSALS | (MUST_SAY if demands else {})
            operation["responses"] |= {
                status: {"description": says, "content": told} for status, says in refusals.items()
            }
            if method == "get":
                operation["responses"]["304"] = {"description": "You have it already (`If-None-Match`)."}
            if (method, path) in EXAMPLES:
                operation["requestBody"]["content"]["application/json"]["example"] = EXAMPLES[method, path]
            if (method, path) in ANSWERS:
                operation["responses"]["200"]["content"]["application/json"]["example"] = ANSWERS[method, path]
    return schema
