"""What everybody who is signed in may see, and the pages that everybody may read."""

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.visit import Visiting
from models.clients.standing import without_account
from models.db import reading
from models.logo import Logo
from models.people.person import Role

router = APIRouter()


@router.get("/portal")
def portal(visit: Visiting) -> Response:
    """The firms that the visitor belongs to; a client's home."""
    visitor = visit.signed_in()
    firms = [membership for membership in visitor.memberships if membership.role is not Role.CONTACT]
    with reading() as session:
        logos = {membership.firm_id for membership in firms if Logo.of(session, membership.firm_id) is not None}
        shut = without_account(session, [one.person_id for one in firms if one.role is Role.CLIENT])
    return visit.page("portal.html", firms=firms, logos=logos, shut=shut)


@router.get("/imprint")
def imprint(visit: Visiting) -> Response:
    return visit.page("imprint.html")


@router.get("/privacy")
def privacy(visit: Visiting) -> Response:
    return visit.page("privacy.html")
