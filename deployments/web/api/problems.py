"""What other systems are told when something is refused or breaks: problem details of RFC 9457.

A refusal is told by its own sentence, in the language of ``Accept-Language``, German where none of ours is asked for;
``code`` stays the same whatever the language.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from models.errors import N_, FormRefused, ProvisionError
from tasks.text.i18n import Reader, explain

MEDIA_TYPE = "application/problem+json"
FAULTS_MOST = 50

SAYS = {
    "missing": N_("This is missing."),
    "extra_forbidden": N_("There is no such field here: check its name."),
    "json_invalid": N_("The body is not JSON: check its commas and quotation marks."),
    "string_type": N_("This must be text, in quotation marks."),
    "string_too_long": N_("This is too long: at most %(max_length)s characters."),
    "too_long": N_("These are too many: at most %(max_length)s."),
    "too_short": N_("These are too few: at least %(min_length)s."),
    "list_type": N_("This must be a list, in square brackets."),
    "enum": N_("This must be one of these: %(expected)s."),
    "greater_than_equal": N_("This must be at least %(ge)s."),
    "less_than_equal": N_("This must be at most %(le)s."),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), N_("This must be an object, in braces.")),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), N_("This must be a whole number.")),
    **dict.fromkeys(("bool_type", "bool_parsing"), N_("This must be true or false.")),
}
"""What is said of JSON that has another shape than is asked for, by pydantic's names; of anything else ``UNFIT``."""
UNFIT = N_("This value does not fit.")
SHAPE = N_("The request has another shape than it must: it stands at each field what to do.")
HTTP_SAYS = {
    400: N_("The request cannot be read: check how it is sent."),
    404: N_("There is nothing at this address: check its path."),
    405: N_("This address does not take this method: see the header Allow."),
    413: N_("The body is larger than 1 MB, or the file than 50 MB: send less at once."),
}
BUSY = N_("We are busy for the moment: send the request again after the seconds in Retry-After.")
BROKEN = N_("Something broke here, and nothing was kept: try again later, and tell us the reference %(reference)s.")
CALLED = {
    "is_listed": "listed",
    "is_commercial": "commercial",
    "is_main_commercial": "main_commercial",
    "is_operational": "operational",
    "template": "folder_template_id",
    "person": "id",
}
"""What fields of forms are called in JSON, where that is not the same."""


class Fault(BaseModel):
    """One thing that does not fit."""

    pointer: str | None = Field(None, description="Where in the body, as a JSON pointer: `/contacts/0/email`.")
    parameter: str | None = Field(None, description="Or in which parameter of the address, or header.")
    code: str = Field(description="What is the matter, in a word that stays the same in every language.")
    detail: str = Field(description="What is so and what to do, in the language of Accept-Language.")


class Problem(BaseModel):
    """Why it was not done. Nothing was kept."""

    type: str = Field(description="`urn:problem:provision:` and the code.")
    title: str = Field(description="What the status means.")
    status: int
    code: str = Field(description="What is the matter, in a word that stays the same in every language.")
    detail: str = Field(description="What is so and what to do, in the language of Accept-Language.")
    errors: list[Fault] = Field([], description="All that does not fit, each at its place.")


def reader_of(request: Request) -> Reader:
    return Reader.accepting(request.headers.get("accept-language"))


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer; *detail* is in the reader's language already."""
    told = Problem(
        type=f"urn:problem:provision:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        errors=list(errors),
    )
    language = {"Content-Language": reader_of(request).language.value, "Vary": "Accept-Language"}
    limits = getattr(request.state, "limits", {})
    return Response(
        told.model_dump_json(exclude_none=True), status, {**language, **limits, **(headers or {})}, MEDIA_TYPE
    )


def of_refusal(request: Request, refusal: ProvisionError, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal, with all that does not fit of what was sent."""
    reader = reader_of(request)
    errors: list[Fault] = []
    if isinstance(refusal, FormRefused):
        names = getattr(request.state, "names", {})
        errors = [
            Fault(pointer=_pointer(field, names), code=code_of(one), detail=explain(one, reader))
            for field, one in [*refusal.fields.items()][:FAULTS_MOST]
        ]
    code = code_of(refusal)
    return problem(request, refusal.status, code, explain(refusal, reader), errors=errors, headers=headers)


def of_shape(request: Request, faults: Iterable[Mapping[str, Any]]) -> Response:
    """What pydantic found, all at once."""
    reader = reader_of(request)
    errors = [_fault(one, reader) for one in [*faults][:FAULTS_MOST]]
    is_json = all(one.code != "json-invalid" for one in errors)
    code = "shape-wrong" if is_json else "json-invalid"
    return problem(request, 422 if is_json else 400, code, reader.gettext(SHAPE), errors=errors)


def code_of(refusal: ProvisionError) -> str:
    """“SeesAlready” is ``sees-already``."""
    return re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "-", type(refusal).__name__).lower()


def _fault(found: Mapping[str, Any], reader: Reader) -> Fault:
    where, *path = found["loc"]
    kind = str(found["type"])
    facts = {name: str(value).replace(" or ", ", ") for name, value in found.get("ctx", {}).items()}
    code, detail = kind.replace("_", "-"), reader.gettext(SAYS.get(kind, UNFIT)) % facts
    if where == "body":
        path = [] if kind == "json_invalid" else path
        return Fault(pointer="".join(f"/{_escaped(part)}" for part in path), code=code, detail=detail)
    return Fault(parameter=str(path[-1]) if path else str(where), code=code, detail=detail)


def _pointer(field: str, names: Mapping[str, str]) -> str:
    """Where in the body that stands which a form calls *field*; *names*: the firm's own fields by those of forms."""
    contact = re.fullmatch(r"c(\d+)-(.+)", field)
    before, field = (f"/contacts/{contact[1]}", contact[2]) if contact else ("", field)
    phone = re.fullmatch(r"phone-(\d+)-(\w+)", field)
    if phone:
        return f"{before}/phones/{phone[1]}/{phone[2]}"
    if field in names:
        return f"{before}/fields/{_escaped(names[field])}"
    if field.startswith("fields/"):
        return f"{before}/fields/{_escaped(field.removeprefix('fields/'))}"
    return f"{before}/{CALLED.get(field, field)}" if field else before


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
