"""Step 3: the firm's logo, supplied or taken from its website by permission."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session, undefer

from models import questions
from models.audit import evidence, of, record
from models.db import Facts, reading, transaction
from models.decision import Decision, DecisionKind, Verdict
from models.document import Document
from models.errors import NotFound, ProvisionError
from models.firm import website_address
from models.logo import Logo, LogoChoiceMissing, LogoChosen, LogoPermission, LogoRefused, LogoReport, LogoSource
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, Party, Standing, StepName
from models.people.person import Person, Role
from models.questions import Evidence, Picture
from models.reminders.reminder import Reminder
from models.request import WebsiteMissing
from models.text import fitting, one_line
from models.time.clock import now
from tasks.engine.retry import side_effect
from tasks.logos.fetch import Faltered
from tasks.logos.find import CONFIDENT, Candidate, Kind, find
from tasks.logos.shape import ShapedLogo, shape
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import onboarding as letters

GRANTOR_MOST = 200
PATIENCE = timedelta(hours=2)
"""A website that does not answer is tried again for so long; then the firm is asked for a file."""
AGAIN = timedelta(minutes=5)
PROPOSED = 0.05
"""What is less likely than this is not even put before an operator."""
PROPOSALS = 4


@dataclass(frozen=True)
class _Proposal:
    """A picture from the website that may be the logo, in shape."""

    candidate: Candidate
    logo: ShapedLogo


@side_effect(name="3 Logo")
def publish_logo(case_id: int) -> Standing:
    """Take the logo from the firm's website if it allowed that, else wait for the firm to supply one.

    If nothing on the website is the logo beyond doubt, an operator chooses. A firm that has a logo keeps it, and is
    asked whether it likes what was found better. Repeating it changes nothing: a website is searched once per
    permission, a question is put once.
    """
    with reading() as session:
        case = Onboarding.get(session, case_id)
        name, permission = case.firm.name, LogoPermission.of(session, case.firm_id)
        if not case.may_begin(StepName.LOGO):
            return case.standing(StepName.LOGO)
    search = permission is not None and permission.searched_at is None
    proposals: list[_Proposal] = []
    outcome = ""
    try:
        if search and permission is not None:
            proposals, outcome = _search(permission, name)
    except Faltered:
        return _search_later(case_id)

    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        if not case.may_begin(StepName.LOGO):  # Stopped while we looked; once taken up, it is searched again.
            return case.standing(StepName.LOGO)
        if search and permission is not None:
            permission = session.get_one(LogoPermission, permission.id)
            if permission.searched_at is None:  # Another pass at the same moment may have done it.
                permission.searched_at, permission.outcome = at, outcome[:500]
                _found(session, case, permission, proposals)
        if _question(session, permission) is not None:
            case.wait(StepName.LOGO, Party.OPERATOR, at)
            Reminder.end(session, StepName.LOGO, at, case=case.id)
            return case.standing(StepName.LOGO)
        organiser = Person.one(session, case.firm_id, Role.ORGANISER)
        if case.wait(StepName.LOGO, Party.ORGANISER, at) and organiser is not None:
            Reminder.begin(session, case, organiser, StepName.LOGO, at)
        return case.standing(StepName.LOGO)


def _search_later(case_id: int) -> Standing:
    """The website does not answer: the other steps go on, and a later pass tries it again."""
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        if not case.may_begin(StepName.LOGO):
            return case.standing(StepName.LOGO)
        case.wait(StepName.LOGO, Party.PROVISION, at)
        Reminder.end(session, StepName.LOGO, at, case=case.id)
        case.touch(at + AGAIN)
        return case.standing(StepName.LOGO)


def _search(permission: LogoPermission, name: str) -> tuple[list[_Proposal], str]:
    """What may be the logo, the likeliest first, or why there is nothing.

    Raises Faltered while a website that is down may still come back.
    """
    try:
        result = find(permission.website, name)
    except ProvisionError as error:
        return [], str(error)
    except Faltered as error:
        if now() < permission.granted_at + PATIENCE:
            raise
        return [], str(error)
    proposals: list[_Proposal] = []
    for candidate in result.candidates:
        if candidate.confidence >= PROPOSED and candidate.source in result.pictures and len(proposals) < PROPOSALS:
            try:
                proposals.append(_Proposal(candidate, shape(result.pictures[candidate.source])))
            except LogoRefused:
                continue  # Of this picture no logo can be made; the next one may do.
            if proposals[0].candidate.confidence >= CONFIDENT:
                break
    return proposals, "" if proposals else "No usable logo was found."


def _found(session: Session, case: Onboarding, permission: LogoPermission, proposals: list[_Proposal]) -> None:
    """What follows from what the website shows."""
    current = Logo.of(session, case.firm_id)
    if not proposals or permission.withdrawn_at is not None:
        return
    if current is None:
        _take_or_ask(session, case, permission, proposals)
        return
    others = [proposal for proposal in proposals if proposal.logo.png != current.png]
    if len(others) < len(proposals):
        permission.outcome = "The website shows the logo that is there already."
        return
    candidates = [_told(session, number, proposal, permission) for number, proposal in enumerate(others, start=1)]
    permission.offer({"candidates": candidates})
    offered: Facts = {"pictures": len(candidates), "website": of(case.firm, permission.website)}
    record(session, case.id, now(), "logo.offered", **offered)
    organiser = Person.one(session, case.firm_id, Role.ORGANISER)
    if organiser is not None and organiser.registered_at is not None:
        head = letterhead(session, case.firm)
        Outgoing.post(session, letters.logo_found(case, organiser, head, now(), permission=permission))


def _take_or_ask(session: Session, case: Onboarding, permission: LogoPermission, proposals: list[_Proposal]) -> None:
    """Take the first if there is no doubt, else put it and the others before an operator."""
    first = proposals[0]
    if first.candidate.confidence >= CONFIDENT:
        address = _address(first.candidate, permission)
        keep_logo(session, case, first.logo, LogoSource.WEBSITE, address, permission, "provision")
        return
    candidates = [_told(session, number, proposal, permission) for number, proposal in enumerate(proposals, start=1)]
    Decision.ask(session, questions.logo(case, now(), permission=permission, candidates=candidates))


def _told(session: Session, number: int, proposal: _Proposal, permission: LogoPermission) -> Picture:
    """A proposal as it is put before somebody; its pictures are kept as documents."""
    versions = {"png": proposal.logo.png, "png_light": proposal.logo.png_light, "png_dark": proposal.logo.png_dark}
    documents = {
        name: Document.keep(session, content, f"logo-{number}.png", "image/png").id
        for name, content in versions.items()
        if content is not None
    }
    if proposal.logo.svg is not None:
        documents["svg"] = Document.keep(session, proposal.logo.svg.encode(), f"logo-{number}.svg", "image/svg+xml").id
    reasons = proposal.candidate.reasons
    return Picture(
        number=number,
        address=_address(proposal.candidate, permission),
        confidence=proposal.candidate.confidence,
        reasons=[Evidence(sign=each.sign.value, points=each.points, detail=each.detail) for each in reasons],
        width=proposal.logo.width,
        height=proposal.logo.height,
        report=proposal.logo.report.to_json(),
        documents=documents,
    )


def _address(candidate: Candidate, permission: LogoPermission) -> str:
    """Where it was found: the picture's address, or the website's if the picture is part of the page."""
    return candidate.source if candidate.kind is Kind.URL else permission.website


def _question(session: Session, permission: LogoPermission | None) -> Decision | None:
    """The open question which picture it is."""
    asked = Decision.by_key(session, questions.logo_key(permission)) if permission is not None else None
    return asked if asked is not None and asked.verdict is None else None


def logo_chosen(session: Session, case: Onboarding, decision: Decision) -> None:
    """An operator said which picture is the logo, or that none is; then the next pass asks the firm for a file."""
    permission = session.get_one(LogoPermission, decision.facts["permission_id"])
    if decision.verdict is Verdict.REFUSE:
        permission.outcome = "No usable logo was found."
        return
    choice = str((decision.answer or {}).get("choice", ""))
    chosen = next((picture for picture in decision.facts["candidates"] if str(picture["number"]) == choice), None)
    if chosen is None:
        raise LogoChoiceMissing
    if Logo.of(session, case.firm_id) is not None or permission.withdrawn_at is not None:
        return  # Meanwhile the firm has sent one itself, or does not want us to take it any more.
    logo = _shaped(session, chosen)
    keep_logo(session, case, logo, LogoSource.WEBSITE, chosen["address"], permission, decision.answered_by or "")


def _shaped(session: Session, picture: Facts) -> ShapedLogo:
    """The proposal that ``_told`` told of, with the pictures that were kept."""
    kept = {
        name: session.get_one(Document, number, options=[undefer(Document.content)]).content
        for name, number in picture["documents"].items()
    }
    return ShapedLogo(
        kept["png"],
        kept["svg"].decode() if "svg" in kept else None,
        picture["width"],
        picture["height"],
        LogoReport.from_json(picture["report"]),
        kept.get("png_light"),
        kept.get("png_dark"),
    )


def offered_picture(firm_id: int, number: int) -> bytes | None:
    """The PNG of one of the pictures between which the firm may choose; None if there is none of this number."""
    with reading() as session:
        permission = LogoPermission.of(session, firm_id)
        offer = next((offer for offer in permission.offers if offer["number"] == number), None) if permission else None
        return _shaped(session, offer).png if offer else None


def choose_offered(firm_id: int, by: str, choice: str) -> int:
    """The firm keeps its logo (``keep``) or takes a picture from its website, by its number; returns the case's id.

    The first answer wins. Raises LogoChoiceMissing, LogoChosen, LogoChosen.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_going()
        permission = LogoPermission.of(session, firm_id)
        if permission is None or not permission.offers:
            if permission is not None and permission.chosen == choice:
                return case.id  # Said twice.
            raise LogoChosen
        chosen = next((offer for offer in permission.offers if str(offer["number"]) == choice), None)
        if chosen is not None:
            logo = _shaped(session, chosen)
            keep_logo(session, case, logo, LogoSource.WEBSITE, chosen["address"], permission, by)
        elif choice == "keep":
            record(session, case.id, at, "logo.kept", by)
        else:
            raise LogoChoiceMissing
        permission.choose(choice)
        return case.id


def restore_logo(firm_id: int, by: str, logo_id: int) -> int:
    """An earlier logo counts again; returns the case's id. Saying it again changes nothing. Raises NotFound."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        pictures = [undefer(getattr(Logo, name)) for name in ("png", "svg", "png_light", "png_dark")]
        earlier = session.get(Logo, logo_id, options=pictures)
        if earlier is None or earlier.firm_id != firm_id:
            raise NotFound(f"Logo {logo_id}")
        current = Logo.of(session, firm_id)
        if current is not None and current.png != earlier.png:
            logo = ShapedLogo(
                earlier.png,
                earlier.svg,
                earlier.width,
                earlier.height,
                earlier.measured,
                earlier.png_light,
                earlier.png_dark,
            )
            permission = session.get(LogoPermission, earlier.permission_id) if earlier.permission_id else None
            keep_logo(session, case, logo, earlier.source, earlier.source_url, permission, by)
        return case.id


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
    for question in Decision.pending(session, case.id):
        if question.kind is DecisionKind.LOGO:
            question.close(at)
    facts: Facts = {"source": source, "url": of(case.firm, url), "score": logo.report.score}
    record(session, case.id, at, "logo.chosen", by, **facts)
    case.touch(at)


def supply_logo(firm_id: int, by: str, content: bytes) -> int:
    """A file becomes the firm's logo, at any time; returns the case's id. Raises LogoRefused with what is wrong."""
    logo = shape(content)
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        keep_logo(session, case, logo, LogoSource.SUPPLIED, None, None, by)
        permission = LogoPermission.of(session, firm_id)
        if permission is not None:
            permission.offer(None)  # Whoever sends a file has seen what there is.
        return case.id


def permit_logo(firm_id: int, by: str, granted_by: str, website: str) -> int:
    """Write down who allowed to take the logo from which address; the next pass does it. Returns the case's id."""
    granted_by = fitting(one_line(granted_by), GRANTOR_MOST, "granted_by")
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_going()
        address = website_address(website)
        if not address:
            raise WebsiteMissing
        permission = LogoPermission(firm_id=firm_id, website=address, granted_by=granted_by, granted_at=at)
        session.add(permission)
        case.firm.website = case.firm.website or address
        facts: Facts = {"granted_by": granted_by, "website": of(case.firm, address), "rows": evidence(case.firm)}
        record(session, case.id, at, "logo.permitted", by, **facts)
        case.touch(at)
        return case.id
