"""Step 3: the firm's logo, supplied or taken from its website by permission."""

from datetime import timedelta

from sqlalchemy.orm import Session

from models.audit import record
from models.db import reading, transaction
from models.errors import ProvisionError
from models.firm import website_address
from models.logo import Logo, LogoPermission, LogoSource
from models.onboarding import Onboarding, Party, Reminder, Standing, StepName
from models.person import Person, Role
from models.request import WebsiteMissing
from models.schedule import now
from tasks.logos.fetch import Faltered
from tasks.logos.find import Kind, find
from tasks.logos.shape import ShapedLogo, shape
from tasks.policy import side_effect

PATIENCE = timedelta(hours=2)
"""A website that does not answer is tried again for so long; then the firm is asked for a file."""


@side_effect(name="3 Logo")
def publish_logo(case_id: int) -> Standing:
    """Take the logo from the firm's website if it allowed that, else wait for the firm to supply one.

    Repeating it changes nothing: a website is searched once per permission, and a firm that has a logo keeps it.
    """
    with reading() as session:
        case = Onboarding.get(session, case_id)
        name, permission = case.firm.name, LogoPermission.of(session, case.firm_id)
        has_logo = Logo.of(session, case.firm_id) is not None
    search = permission is not None and permission.searched_at is None and not has_logo
    found, outcome = _search(permission, name) if search and permission else (None, "")

    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        if search and permission is not None:
            permission = session.get_one(LogoPermission, permission.id)
            permission.searched_at, permission.outcome = at, outcome[:500]
            if found is not None and Logo.of(session, case.firm_id) is None and permission.withdrawn_at is None:
                source, logo = found
                keep_logo(session, case, logo, LogoSource.WEBSITE, source, permission, "provision")
        organiser = Person.one(session, case.firm_id, Role.ORGANISER)
        if case.wait(StepName.LOGO, Party.ORGANISER, at) and organiser is not None:
            Reminder.begin(session, case, organiser, StepName.LOGO, at)
        return case.standing(StepName.LOGO)


def _search(permission: LogoPermission, name: str) -> tuple[tuple[str, ShapedLogo] | None, str]:
    """What was found where, or why nothing was. A website that is down may come back."""
    try:
        found = find(permission.website, name)
        picture = found.pictures.get(found.choice.source) if found.choice else None
        logo = shape(picture) if picture else None
    except ProvisionError as error:
        return None, str(error)
    except Faltered as error:
        if now() < permission.granted_at + PATIENCE:
            raise
        return None, str(error)
    if found.choice is None or logo is None:
        return None, "No usable logo was found."
    return (found.choice.source if found.choice.kind is Kind.URL else permission.website, logo), ""


def keep_logo(
    session: Session,
    case: Onboarding,
    logo: ShapedLogo,
    source: LogoSource,
    url: str | None,
    permission: LogoPermission | None,
    by: str,
) -> None:
    """The firm's logo from now on; earlier ones stay in the books."""
    at = now()
    session.add(
        Logo(
            firm_id=case.firm_id,
            source=source,
            source_url=url,
            permission_id=permission and permission.id,
            png=logo.png,
            svg=logo.svg,
            png_light=logo.png_light,
            png_dark=logo.png_dark,
            width=logo.width,
            height=logo.height,
            report=logo.report.to_json(),
            chosen_at=at,
        )
    )
    session.flush()
    case.finish(StepName.LOGO, at)
    Reminder.end(session, StepName.LOGO, at, case=case.id)
    record(session, case.id, at, "logo.chosen", by, source=source, url=url, score=logo.report.score)
    case.touch(at)


def supply_logo(firm_id: int, by: str, content: bytes) -> int:
    """A file becomes the firm's logo, at any time; returns the case's id. Raises LogoRefused with what is wrong."""
    logo = shape(content)
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        keep_logo(session, case, logo, LogoSource.SUPPLIED, None, None, by)
        return case.id


def permit_logo(firm_id: int, by: str, granted_by: str, website: str) -> int:
    """Write down who allowed to take the logo from which address; the next pass does it. Returns the case's id."""
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        address = website_address(website)
        if not address:
            raise WebsiteMissing
        permission = LogoPermission(firm_id=firm_id, website=address, granted_by=granted_by[:200], granted_at=at)
        session.add(permission)
        case.firm.website = case.firm.website or address
        record(session, case.id, at, "logo.permitted", by, granted_by=granted_by, website=address)
        case.touch(at)
        return case.id
