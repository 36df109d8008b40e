"""What operators read for states, mails, answers and acts, by their values."""

from typing import Any

from models.clients.recipients import Item
from models.contracts.contract import Copy, SentAs, TaxTreatment
from models.decision import DecisionKind, Verdict
from models.errors import N_
from models.mail.outbox import MailKind
from models.queries.board import CaseState, Order, Trouble
from models.queries.casefile import MailState
from models.subscription import Interval, Plan
from tasks.text.i18n import Reader

STATES = {
    CaseState.OPEN: N_("open"),
    CaseState.FINISHED: N_("live"),
    CaseState.STOPPED: N_("stopped"),
    CaseState.CLOSED: N_("account closed"),
}

ORDERS = {
    Order.URGENT: N_("overdue first"),
    Order.NEWEST: N_("newest first"),
    Order.OLDEST: N_("oldest first"),
    Order.WAITING: N_("longest wait first"),
    Order.NEARLY_DONE: N_("nearly done first"),
    Order.FIRM: N_("by name"),
}

MAIL_STATES = {
    MailState.WAITING: N_("waiting"),
    MailState.DELIVERED: N_("delivered"),
    MailState.FAILED: N_("not accepted"),
    MailState.BOUNCED: N_("came back"),
    MailState.COMPLAINED: N_("marked as spam"),
    MailState.DROPPED: N_("not sent, no longer needed"),
}

MAILS = {
    MailKind.WELCOME: N_("Welcome"),
    MailKind.REGISTER: N_("Request to register"),
    MailKind.AGREEMENT: N_("Agreement to be signed"),
    MailKind.AGREEMENT_DONE: N_("Agreement signed by both sides"),
    MailKind.AGREEMENT_DECLINED: N_("Notice that the agreement was declined"),
    MailKind.AGREEMENT_WITHDRAWN: N_("Notice that nothing is to be signed any more"),
    MailKind.SIGN_CODE: N_("One-time code to sign"),
    MailKind.CASE_TAKEN_UP: N_("Notice that the set-up goes on"),
    MailKind.YOUR_TURN: N_("Notice whose turn it is"),
    MailKind.COMPANY_ID: N_("Decision on the company ID"),
    MailKind.LOGO_FOUND: N_("Question which logo to keep"),
    MailKind.INVITATION: N_("Invitation of a client"),
    MailKind.GRANTED: N_("Notice that a contact sees one more account"),
    MailKind.PREVIEW: N_("Preview of a mail to a contact"),
    MailKind.CONFIRM_ADDRESS: N_("Question whether an address is right"),
    MailKind.FIRM_CHANGED: N_("Notice that the firm is called or lies otherwise"),
    MailKind.CLIENT_ACTIVE: N_("Notice that a client is active"),
    MailKind.ACCOUNT_GIVEN: N_("Notice that a member sees one more account"),
    MailKind.ACCESS_CHANGED: N_("Notice that an access has ended, rests or goes on"),
    MailKind.SUCCESSION_ASKED: N_("Question whether to take over the account"),
    MailKind.SUCCESSION_TOLD: N_("Notice what becomes of the account's owner"),
    MailKind.PEOPLE_SILENT: N_("Notice who has not answered"),
    MailKind.SIGN_UP_CONFIRM: N_("Request to confirm a registration"),
    MailKind.SIGN_UP_WAITS: N_("Notice that somebody has registered"),
    MailKind.SIGN_UP_DECLINED: N_("Notice that a registration was declined"),
    MailKind.ALREADY_CLIENT: N_("Notice that a client has access already"),
    MailKind.MODULE_ORDERED: N_("Confirmation that a module was ordered"),
    MailKind.CHANGE_DECLARED: N_("Confirmation of a termination or change of tariff"),
    MailKind.UNDO_ASKED: N_("Request to let a module go on"),
    MailKind.TAKEOUT_READY: N_("Notice that the firm's data are ready"),
    MailKind.VAT_UNCONFIRMED: N_("Notice that VAT ids are not confirmed"),
    MailKind.UNDO_REFUSED: N_("Notice that a termination stands"),
    MailKind.CHANGE_UNDONE: N_("Notice that a module goes on as before"),
    MailKind.TARIFF_BEGUN: N_("Notice that another tariff has begun"),
    MailKind.MODULE_ENDED: N_("Notice that a module has ended"),
    MailKind.NOTICE_NEARS: N_("Reminder of the last day to give notice"),
    MailKind.PRICES_CHANGE: N_("Announcement of new prices"),
    MailKind.CONSENT_ASKED: N_("Question whether new terms are agreed to"),
    MailKind.CLOSING_ASKED: N_("Confirmation that an account is to be closed"),
    MailKind.ACCOUNT_CLOSED: N_("Notice that an account is closed"),
    MailKind.PRIVACY_WAITS: N_("Notice that somebody asks about own data"),
    MailKind.PRIVACY_ANSWERED: N_("Answer to somebody about own data"),
    MailKind.PRIVACY_STUCK: N_("Notice that an erasure cannot be carried out"),
    MailKind.DECISIONS_WAIT: N_("Open decisions"),
    MailKind.RESET_PASSWORD: N_("New password"),
    MailKind.OWN_DATA: N_("Link to the data that are stored"),
    MailKind.OPERATOR_INVITED: N_("Invitation of an operator"),
    MailKind.DIGEST: N_("Weekly digest"),
}

TROUBLES = {
    Trouble.BOUNCED: N_("mail came back"),
    Trouble.MAIL_FAILED: N_("mail not delivered"),
    Trouble.DECISION_OVERDUE: N_("decision overdue"),
    Trouble.STUCK: N_("stuck"),
}

ANSWERS = {
    (DecisionKind.ADVICE, Verdict.AGREED): N_("Record what was agreed"),
    (DecisionKind.COMPANY_ID, Verdict.GRANT): N_("Grant the number"),
    (DecisionKind.COMPANY_ID, Verdict.REFUSE): N_("Refuse and offer the others"),
    (DecisionKind.COUNTERSIGN, Verdict.COUNTERSIGN): N_("Countersign"),
    (DecisionKind.COUNTERSIGN, Verdict.REFUSE): N_("Do not accept the signature"),
    (DecisionKind.SIGNED_COPY, Verdict.ACCEPT): N_("Accept and countersign"),
    (DecisionKind.SIGNED_COPY, Verdict.REFUSE): N_("Do not accept the signed copy"),
    (DecisionKind.DECLINED, Verdict.RESEND): N_("Send a new version"),
    (DecisionKind.DECLINED, Verdict.TALK): N_("Talk to the firm first"),
    (DecisionKind.DECLINED, Verdict.STOP): N_("End the case"),
    (DecisionKind.LAPSED, Verdict.RESEND): N_("Send a new version"),
    (DecisionKind.LAPSED, Verdict.TALK): N_("Talk to the firm first"),
    (DecisionKind.LAPSED, Verdict.STOP): N_("End the case"),
    (DecisionKind.TALK, Verdict.RESEND): N_("Send a new version"),
    (DecisionKind.TALK, Verdict.STOP): N_("End the case"),
    (DecisionKind.BAD_ADDRESS, Verdict.CORRECT): N_("Correct and send again"),
    (DecisionKind.BAD_ADDRESS, Verdict.WITHDRAW): N_("No longer invite"),
    (DecisionKind.CONSENT_REFUSED, Verdict.RESEND): N_("Ask the firm once more"),
    (DecisionKind.CONSENT_REFUSED, Verdict.LEAVE): N_("Leave it at the version before"),
    (DecisionKind.MAIL_FAILED, Verdict.RESEND): N_("Send it once more"),
    (DecisionKind.MAIL_FAILED, Verdict.LEAVE): N_("Let it be"),
    (DecisionKind.LOGO, Verdict.ACCEPT): N_("Take this picture"),
    (DecisionKind.LOGO, Verdict.REFUSE): N_("None of them: ask the firm for a file"),
    (DecisionKind.SILENT, Verdict.RESEND): N_("Remind once more"),
    (DecisionKind.SILENT, Verdict.CORRECT): N_("Correct the address and remind"),
    (DecisionKind.UNDO, Verdict.AGREED): N_("Agree that it goes on"),
    (DecisionKind.UNDO, Verdict.REFUSE): N_("Leave it terminated"),
    (DecisionKind.SILENT, Verdict.WITHDRAW): N_("No longer invite"),
    (DecisionKind.SILENT, Verdict.LEAVE): N_("No more reminders"),
}
"""What stands on the button of each answer."""
ACTIONS = {
    "case.opened": N_("Case opened"),
    "person.invited": N_("Asked to register"),
    "person.registered": N_("Registered"),
    "person.withdrawn": N_("No longer invited"),
    "invitations.allowed": N_("Invitations a day set"),
    "client.opened": N_("Account opened"),
    "client.changed": N_("Account changed"),
    "client.archived": N_("Account archived"),
    "contract.concluded": N_("Contract concluded"),
    "contract.changed": N_("Contract data changed"),
    "module.data_changed": N_("Data of a module changed"),
    "option.added": N_("Option added"),
    "option.ended": N_("Option ended"),
    "contract.moved_on": N_("Change of the contract took effect"),
    "module.ordered": N_("Module ordered"),
    "prices.announced": N_("New prices announced"),
    "consent.asked": N_("Asked for consent to new terms"),
    "consent.accepted": N_("Agreed to new terms"),
    "consent.refused": N_("Refused new terms"),
    "legal.published": N_("Version of the terms published"),
    "owner.asked": N_("Somebody asked to take over the account"),
    "owner.stays": N_("Account not handed over"),
    "owner.changed": N_("Account handed over to another owner"),
    "closing.asked": N_("Asked for the account to be closed"),
    "closing.taken_back": N_("Account is not to be closed after all"),
    "closing.done": N_("Account closed"),
    "change.declared": N_("Termination or change of tariff received"),
    "change.undo_asked": N_("Asked to undo a termination"),
    "takeout.asked": N_("All data asked for"),
    "takeout.made": N_("All data put together"),
    "takeout.fetched": N_("All data fetched"),
    "vat.answered": N_("VAT identification number asked about at VIES"),
    "change.undo_refused": N_("Did not agree to undo a termination"),
    "change.undone": N_("Termination or change of tariff undone"),
    "clients.imported": N_("Accounts taken over from a file"),
    "clients.import_undone": N_("Accounts of a file taken back"),
    "import.begun": N_("Import begun"),
    "import.done": N_("Import finished"),
    "import.cancelled": N_("Import stopped"),
    "import.undo_begun": N_("Taking an import back"),
    "import.undone": N_("Import taken back"),
    "client.restored": N_("Account taken back from the archive"),
    "client.tagged": N_("Tags added"),
    "client.untagged": N_("Tags removed"),
    "client.put_in_portfolio": N_("Put into a portfolio"),
    "client.left_portfolio": N_("Taken out of a portfolio"),
    "contact.linked": N_("Contact added"),
    "contact.unlinked": N_("Contact taken off"),
    "contact.changed": N_("Contact changed"),
    "person.removed": N_("Access ended"),
    "person.paused": N_("Access paused"),
    "person.resumed": N_("Access given back"),
    "password.set": N_("Password set"),
    "password.given": N_("First password set for a contact"),
    "contact.invited": N_("Contact invited to an account"),
    "contacts.reinvited": N_("Contacts invited again"),
    "bulk.asked": N_("Invitations to many asked for"),
    "bulk.paused": N_("Invitations to many paused"),
    "bulk.resumed": N_("Invitations to many resumed"),
    "bulk.stopped": N_("Invitations to many stopped"),
    "bulk.done": N_("Invitations to many are done"),
    "notify.declined": N_("Reminders declined by one click"),
    "contact.switched": N_("Switch of a contact changed"),
    "address.confirmed": N_("Address confirmed"),
    "access.given": N_("Access to an account given"),
    "access.taken": N_("Access to an account taken"),
    "contact.named": N_("Contact person named"),
    "organiser.named": N_("Another organiser named"),
    "firm.corrected": N_("Name or line of business corrected"),
    "link.resent": N_("New link sent"),
    "details.told": N_("Details completed"),
    "mail.failed": N_("Mail could not be delivered"),
    "company_id.assigned": N_("Company ID assigned"),
    "company_id.chosen": N_("Company ID chosen"),
    "logo.permitted": N_("Taking the logo from the website permitted"),
    "logo.chosen": N_("Logo taken over"),
    "logo.offered": N_("The firm was asked which logo to keep"),
    "logo.kept": N_("The firm keeps its logo"),
    "subscription.agreed": N_("Subscription agreed anew"),
    "agreement.sent": N_("Agreement sent"),
    "agreement.opened": N_("Agreement opened by the signer"),
    "agreement.read": N_("Part of the agreement read"),
    "agreement.code_sent": N_("One-time code sent"),
    "agreement.code_refused": N_("Wrong or expired code typed"),
    "agreement.delegated": N_("Signature handed over"),
    "agreement.taken_back": N_("Signature taken back"),
    "agreement.expired": N_("Agreement not signed in time"),
    "agreement.asked_anew": N_("New version asked for after the time had run out"),
    "agreement.withdrawn": N_("Agreement withdrawn"),
    "agreement.countersigned": N_("Agreement signed by the provider"),
    "agreement.uploaded": N_("Signed copy uploaded"),
    "agreement.copy_unjudged": N_("Signed copy replaced before it was judged"),
    "agreement.signed": N_("Agreement signed by the firm"),
    "agreement.reopened": N_("Signature not accepted"),
    "agreement.declined": N_("Agreement declined"),
    "agreement.completed": N_("Agreement signed by both sides"),
    "caseworkers.named": N_("Caseworkers named"),
    "caseworkers.none": N_("No caseworkers wanted"),
    "clients.named": N_("Clients named"),
    "sign_up.confirmed": N_("Somebody registered on the firm's page"),
    "sign_up.answered": N_("Registration answered by the firm"),
    "privacy.asked": N_("Erasure or correction of own data asked for"),
    "privacy.withdrawn": N_("Request about own data withdrawn"),
    "privacy.granted": N_("Request about own data granted"),
    "privacy.refused": N_("Request about own data refused"),
    "privacy.extended": N_("Time to answer about own data made longer"),
    "decision.answered": N_("Decided"),
    "decision.escalated": N_("Decision overdue, managers told"),
    "case.stopped": N_("Case ended"),
    "case.taken_up": N_("Case taken up again"),
    "case.finished": N_("All steps done"),
    "pass.restarted": N_("Pass started again"),
    "mail.bounced": N_("Mail came back"),
    "address.corrected": N_("Address corrected"),
    "person.reminded": N_("Reminded"),
    "setting.added": N_("Added to the firm's settings"),
    "setting.changed": N_("Changed in the firm's settings"),
    "setting.deleted": N_("Deleted from the firm's settings"),
    "setting.put_away": N_("Field put away"),
    "setting.taken_back": N_("Field taken back"),
    "functions.opened": N_("Functions for contacts without a group set"),
    "firm.set_up": N_("Names of accounts, search or registration set"),
    "token.made": N_("Token for other systems made"),
    "token.revoked": N_("Token for other systems revoked"),
    "rights.given": N_("Rights of one of the firm's people set"),
    "reach.set": N_("Reachability set by the firm"),
    "organiser.told": N_("Organiser told who has not answered"),
    "reminders.paused": N_("Reminders paused"),
    "reminders.resumed": N_("Reminders resumed"),
    "reminders.deferred": N_("Asked for peace until a day"),
    "documents.erased": N_("Files past their time erased"),
    "case.emptied": N_("All that told of people was removed: its time was over"),
    "clients.emptied": N_("All that told of clients was removed: its time was over"),
    "hold.set": N_("Legal hold set"),
    "hold.lifted": N_("Legal hold lifted"),
    "person.erased": N_("A person was erased"),
    "data.removed": N_("What was past its time was removed"),
    "data.restored": N_("A back-up was restored; mails rest"),
    "mails.released": N_("Mails leave again after a restore"),
    "cadence.set": N_("Cadence set"),
    "cadence.inherited": N_("Cadence inherited again"),
    "mail.complained": N_("Marked as spam"),
    "values.erased": N_("Personal data erased"),
    "chain.renewed": N_("Trail continued in another form"),
    "person.not_me": N_("Says that the mail is not for them"),
}
"""What people read for the acts of the audit trail."""

GETS = {
    Item.PORTAL: N_("You see this account in the portal."),
    Item.INVOICES: N_("You get the invoices and credit notes."),
    Item.INVOICE_COPIES: N_("You get copies of the invoices and credit notes."),
    Item.AGREEMENTS: N_("You get what is agreed between both sides."),
    Item.AUTOMATIC: N_("You get the automatic messages of case files and workflows."),
    Item.CASE_INBOX: N_("You are written to in the inbox of the case file."),
    Item.MAILS: N_("You get mails of the portal about this account."),
    Item.MAIL_SYNC: N_("Mails with you are shown at the account to those who look after it."),
}
"""What a contact reads about what they get."""

SHOWN_BESIDE = {
    "/Outlines": N_("Bookmarks"),
    "/PageLabels": N_("Names of the pages"),
    **dict.fromkeys(("/PageMode", "/PageLayout", "/ViewerPreferences", "/OpenAction"), N_("How the file opens")),
    "/Info": N_("Title and description of the file"),
    "/Thumb": N_("Small pictures of the pages"),
    **dict.fromkeys(("/StructTreeRoot", "/Lang", "/MarkInfo"), N_("How the file is read aloud")),
    "/OCProperties": N_("Layers that can be switched on and off"),
    "/AcroForm": N_("Fields that are no signatures, or say more"),
}
"""What people read for what a PDF shows beside its pages, by its name in the file; the name itself for all else."""


def changed(before: Any, after: Any) -> str:
    """What an act changed, from what to what, as “old → new”; of several things only those that changed."""
    if isinstance(before, dict) or isinstance(after, dict):
        old, new = before or {}, after or {}
        pairs = [(old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
        return "; ".join(changed(one, other) for one, other in pairs if one != other)
    return f"{_shown(before)} → {_shown(after)}"


PARTS = {
    "partner": N_("Contractual partner"),
    "billing": N_("Billing address"),
    "payment": N_("Terms of payment"),
    "number": N_("Customer number"),
    "tax": N_("Value added tax"),
    "invoices": N_("Receipt of invoices"),
    "order": N_("Purchase order number"),
    "test": N_("Test account"),
}
"""The sections of a contract's data, by their names in the trail."""


def in_words(fields: dict[str, Any], reader: Reader) -> dict[str, Any]:
    """What stands in a section of a contract's data, with words for what is chosen from a list."""
    kinds = {"tax": TaxTreatment, "sent_as": SentAs, "copy": Copy}

    def word(name: str, value: Any) -> Any:
        kind = kinds.get(name.partition("-")[0])
        if kind is not None and value in list(kind):
            return reader.label(kind(value))
        return reader.gettext(N_("yes")) if name == "is_test" and value == "yes" else value

    return {name: word(name, value) for name, value in fields.items()}


def agreed(terms: dict[str, Any], reader: Reader) -> dict[str, str]:
    """What is agreed with a firm, as it is read, by what each is called; the price after the discount follows."""
    return {
        reader.gettext(N_("Plan")): reader.label(Plan(terms["plan"])) if terms["plan"] else "",
        reader.gettext(N_("Billed")): reader.label(Interval(terms["interval"])) if terms["interval"] else "",
        reader.gettext(N_("Net price of one billing interval")): reader.money(terms["full_cents"]),
        reader.gettext(N_("Discount in percent")): reader.percent(terms["discount"]),
        reader.gettext(N_("Notice")): reader.notice(terms["notice_count"], terms["notice_unit"]),
        reader.gettext(N_("Clause")): terms["clause"],
    }


def each_changed(before: dict[str, str], after: dict[str, str]) -> str:
    """What changed of several things, each by its name."""
    return "; ".join(f"{name} {changed(before[name], after[name])}" for name in after if before[name] != after[name])


def _shown(value: Any) -> str:
    return (
        "–" if value is None or value == "" else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    )


ACTORS = {"provision": N_("automatic processing"), "operator": N_("provider"), "webhook": N_("another system")}
