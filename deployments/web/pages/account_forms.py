"""What the pages about accounts and contacts have in common: what their forms offer, take and say again."""

import json
from typing import Any

from starlette.responses import Response

from deployments.web.pages.firm import tabs_of
from deployments.web.visit import Submission, Visit
from models.clients.address import countries
from models.clients.card import PHONES
from models.clients.client import ClientKind
from models.clients.custom_field import CustomField, FieldOf
from models.clients.folders import FolderTemplate
from models.clients.group import Group
from models.clients.phone import PhoneKind
from models.clients.portfolio import Portfolio
from models.clients.tag import Tag
from models.db import reading
from models.errors import N_, ProvisionError
from models.firm import Firm
from models.people.manners import AddressForm, Language
from models.text import one_line, row_number
from tasks.clients import accounts
from tasks.clients.contacts import SWITCHES, ContactMissing
from tasks.clients.edits import ChangedMeanwhile
from tasks.onboarding import firm_page
from tasks.people.sessions import Membership

FIELD_NAMES = {
    "kind": N_("Kind of client"),
    "name": N_("Account name"),
    "company_name": N_("Company name"),
    "number": N_("Customer number"),
    "street": N_("Street and number"),
    "postcode": N_("Postcode"),
    "city": N_("Town"),
    "country": N_("Country"),
    "website": N_("Website"),
    "vat_id": N_("VAT identification number"),
    "tags": N_("Tags"),
    "template": N_("Folder template"),
    "title": N_("Title"),
    "given_name": N_("First name"),
    "family_name": N_("Family name"),
    "email": N_("E-mail address"),
    "language": N_("Language"),
    "address_form": N_("Form of address"),
    "hours": N_("Hours"),
    "time_zone": N_("Time zone"),
    "groups": N_("Groups"),
    "portfolios": N_("Portfolios"),
    "is_listed": N_("Shown in the public list"),
    "phone-primary": N_("Number for short messages"),
}
"""What people read for the fields of both forms."""


def of_firm(visit: Visit, staff: Membership, tab: str = "accounts") -> dict[str, Any]:
    """Whose page it is, and what stands above it."""
    head = firm_page.head(staff.firm_id)
    return {
        "firm": head.firm,
        "overview": head,
        "tabs": tabs_of(visit, staff.firm_id),
        "tab": tab,
        "manages": staff.rights.may_manage and not head.stopped and head.agreement_done,
        "staff": staff,
    }


def offered(visit: Visit, staff: Membership) -> dict[str, Any]:
    """What the forms about accounts and contacts offer."""
    with reading() as session:
        firm = session.get_one(Firm, staff.firm_id)
        templates = FolderTemplate.of(session, firm.id)
        account_fields = CustomField.shown(session, firm.id, FieldOf.ACCOUNT)
        contact_fields = CustomField.shown(session, firm.id, FieldOf.CONTACT)
        groups, tags, portfolios = (kind.of(session, firm.id) for kind in (Group, Tag, Portfolio))
    territories = visit.reader.locale.territories
    lands = sorted(((code, territories.get(code, code)) for code in countries()), key=lambda land: land[1])
    return {
        **of_firm(visit, staff),
        "kinds": visit.options(ClientKind),
        "phone_kinds": visit.options(PhoneKind),
        "countries": sorted(lands, key=lambda land: land[0] not in NEAR),
        "templates": [(template.id, template.name) for template in templates],
        "account_fields": account_fields,
        "contact_fields": contact_fields,
        "names": {field.key: field.name for field in (*account_fields, *contact_fields)},
        "groups": groups,
        "portfolios": portfolios,
        "all_tags": [tag.name for tag in tags],
        "languages": visit.options(Language),
        "forms": visit.options(AddressForm),
        "phones": PHONES,
        "switches": SWITCHES,
        "missing": ContactMissing,
    }


NEAR = ("DE", "AT", "CH", "LI", "LU", "FR")
"""Countries that stand first in a list."""


def entered(visit: Submission) -> dict[str, str]:
    """Everything that was typed, in one line each; groups and members as one list of their numbers.

    What is too long is refused at its field, with all else that does not fit.
    """
    apart = {"form_token", "was", "act", "block"}
    values = {name: one_line(text) for name, text in visit.values.items() if name not in apart}
    for name in [name for name in values if name.endswith(("groups", "portfolios", "members"))]:
        values[name] = ",".join(sorted(visit.texts(name), key=lambda key: row_number(key) or 0))
    return values


def again(
    visit: Submission, template: str, refusal: ProvisionError, values: dict[str, str], page: dict[str, Any]
) -> Response:
    """The form as it was sent, with what somebody else has changed meanwhile, if that is the matter."""
    if isinstance(refusal, ChangedMeanwhile):
        changed = [
            (visit.reader.gettext(FIELD_NAMES.get(name, "")) or page["names"].get(name, name), before, current)
            for name, (before, current) in refusal.changed.items()
        ]
        was = json.dumps(refusal.standing)
        return visit.again(template, refusal, values=refusal.merged, was=was, changed=changed, **page)
    return visit.again(template, refusal, values=values, was=visit.secret("was"), changed=[], **page)


def next_page(staff: Membership, client_id: int, said: str, added: int | None = None) -> str:
    """Who may sign in and was not told yet is asked about next: the first contact, or the one who was added."""
    shown = accounts.view(staff, client_id)
    page = f"/firm/{staff.firm_id}/accounts/{client_id}"
    for contact, person in shown.row.contacts if shown.row.client.archived_at is None else ():
        if contact.login and person.email and contact.told_at is None and added in {None, person.id}:
            return f"{page}/contacts/{person.id}/invite?said={said}"
    return f"{page}?said={said}"
