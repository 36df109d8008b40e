"""How other systems use the interface, for those who write them; in English as their trade is."""

import json
from functools import cache
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.api.app import PATH, api
from deployments.web.api.calls import CALLS
from deployments.web.api.examples import ANSWERS, EXAMPLES, MUST_SAY, REFUSALS
from deployments.web.visit import Visiting
from models.people.api_token import ProviderScope, Scope
from models.settings import settings

router = APIRouter()


@router.get("/docs/api")
def documentation(visit: Visiting) -> Response:
    return visit.page(
        "docs_api.html",
        address=f"{settings().base_url}{PATH}",
        path=PATH,
        scopes=[*Scope],
        provider_scopes=[*ProviderScope],
        allowed=CALLS.amount,
        statuses=sorted((REFUSALS | MUST_SAY).items()),
        operations=_operations(),
    )


@cache
def _operations() -> list[dict[str, Any]]:
    """Each address with its scope, parameters and example, read off what OpenAPI tells."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "told": operation["summary"],
            "more": operation.get("description", "").replace("`", ""),
            "scope": operation["security"][0]["token"][0],
            "parameters": [
                {"name": one["name"], "where": one["in"], "told": one.get("description", "").replace("`", "")}
                for one in operation.get("parameters", [])
                if one["in"] != "path"
            ],
            "example": _written(EXAMPLES.get((method, path)) or ANSWERS.get((method, path))),
        }
        for path, operations in api.openapi()["paths"].items()
        for method, operation in operations.items()
    ]


def _written(example: Any) -> str:
    return "" if example is None else json.dumps(example, ensure_ascii=False, indent=2)
