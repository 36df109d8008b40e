"""Where text meets language: catalogues, the reader, templates, and how a refusal is told.

Messages are English sentences in the code (``N_``, ``_``, ``{% trans %}``). Their translations lie in
``tasks/templates/locale/<catalogue>/*.po`` and are read as they are; nothing needs to be compiled. ``de_du`` holds
only what differs from ``de``; what is not translated appears in English.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from babel.core import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from models.clients.bulk_invitation import BulkState, Outcome, Reason, StopReason
from models.clients.client import ClientKind
from models.clients.custom_field import FieldKind, FieldOf
from models.clients.function import Function
from models.clients.naming import Doubt as NameDoubt
from models.clients.naming import NameFormat
from models.clients.phone import PhoneKind
from models.clients.recipients import Item
from models.clients.sign_up import SignUpVerdict
from models.clients.standing import State, Switch, Todo
from models.contracts.booking import CameBy, ChangeKind, ChangeState
from models.contracts.catalogue import ArticleKey, Authority
from models.contracts.contract import Copy, SentAs, TaxTreatment
from models.contracts.fault import Work
from models.contracts.legal import ConsentState, LegalKind
from models.contracts.terms import NoticeTo, Period, Unit
from models.decision import DecisionKind, Verdict
from models.document import Doubt
from models.errors import N_, NotFound, ProvisionError
from models.firm import LineOfBusiness
from models.logo import public_logo
from models.onboarding import Party, StepName, StepState
from models.people.api_token import Scope
from models.people.manners import AddressForm, Language
from models.people.person import Role
from models.people.staff import Rank
from models.reminders.cadence import Follow, Level, WaitKind
from models.retention.request import RequestKind, RequestState
from models.subscription import Interval, NoticeUnit, Plan
from models.time.clock import LOCAL_ZONE, local_day, today
from models.time.land import Land

CATALOGUES = Path(__file__).parents[1] / "templates" / "locale"
MAILS = Path(__file__).parents[1] / "templates" / "mail"
LOCALES = {Language.GERMAN: "de_DE", Language.FRENCH: "fr_FR", Language.ENGLISH: "en_GB"}

LABELS: dict[type[StrEnum], dict[Any, str]] = {
    StepName: {
        StepName.SUBSCRIPTION: N_("The right subscription"),
        StepName.DETAILS: N_("Your details"),
        StepName.LOGO: N_("Your logo"),
        StepName.ORGANISER: N_("Organiser"),
        StepName.AGREEMENT: N_("Our agreement"),
        StepName.CASEWORKERS: N_("Caseworkers"),
        StepName.CLIENTS: N_("Bringing your clients aboard"),
    },
    StepState: {
        StepState.BLOCKED: N_("not yet its turn"),
        StepState.WAITING: N_("in progress"),
        StepState.DONE: N_("done"),
        StepState.STOPPED: N_("stopped"),
    },
    Party: {
        Party.PROVISION: N_("automatic processing"),
        Party.OPERATOR: N_("provider"),
        Party.ORGANISER: N_("organiser"),
        Party.SIGNATORY: N_("signatory"),
        Party.CASEWORKER: N_("caseworkers"),
        Party.CLIENT: N_("clients"),
    },
    Role: {
        Role.ORGANISER: N_("organiser"),
        Role.CONTACT: N_("contact person"),
        Role.SIGNATORY: N_("signatory"),
        Role.SUCCESSOR: N_("asked to take over"),
        Role.CASEWORKER: N_("caseworker"),
        Role.CLIENT: N_("client"),
    },
    LineOfBusiness: {
        LineOfBusiness.TAX: N_("tax office"),
        LineOfBusiness.AUDIT: N_("audit firm"),
        LineOfBusiness.LAW: N_("law firm"),
        LineOfBusiness.OTHER: N_("another line of business"),
    },
    Plan: {Plan.BASIC: N_("Basic"), Plan.PLUS: N_("Plus"), Plan.PREMIUM: N_("Premium")},
    Interval: {
        Interval.MONTHLY: N_("monthly"),
        Interval.QUARTERLY: N_("quarterly"),
        Interval.HALF_YEARLY: N_("half-yearly"),
        Interval.YEARLY: N_("yearly"),
    },
    ClientKind: {ClientKind.INDIVIDUAL: N_("individual"), ClientKind.COMPANY: N_("company")},
    NameFormat: {
        NameFormat.FAMILY_FIRST: N_("family name first: Muster, Erika"),
        NameFormat.GIVEN_FIRST: N_("given name first: Erika Muster"),
    },
    NameDoubt: {
        NameDoubt.TWO_PEOPLE: N_("This looks like two people in one name: make a contact for each."),
        NameDoubt.COMPANY: N_("This looks like a company: its name belongs to the account, a contact is a person."),
        NameDoubt.DEGREE: N_("A degree or a salutation stands as given name: it belongs into the field for titles."),
    },
    PhoneKind: {
        PhoneKind.LANDLINE: N_("landline"),
        PhoneKind.MOBILE: N_("mobile"),
        PhoneKind.FAX: N_("fax"),
    },
    Scope: {
        Scope.ACCOUNTS_READ: N_("look at accounts"),
        Scope.ACCOUNTS_WRITE: N_("open, change and archive accounts, and say who is a contact there"),
        Scope.CONTACTS_READ: N_("look at contacts"),
        Scope.CONTACTS_WRITE: N_("change contacts, and what they may do at an account"),
        Scope.INVITATIONS_WRITE: N_("invite contacts by mail"),
        Scope.IMPORTS_WRITE: N_("import client lists"),
    },
    FieldOf: {FieldOf.ACCOUNT: N_("accounts"), FieldOf.CONTACT: N_("contacts")},
    FieldKind: {
        FieldKind.TEXT: N_("text"),
        FieldKind.NUMBER: N_("number"),
        FieldKind.DATE: N_("date"),
        FieldKind.CHOICE: N_("choice"),
        FieldKind.YES_NO: N_("yes or no"),
        FieldKind.LINK: N_("link"),
        FieldKind.PHONE: N_("phone number"),
    },
    Function: {
        Function.MESSAGES: N_("messages"),
        Function.DOCUMENTS: N_("documents"),
        Function.CONTRACT: N_("contract"),
        Function.INVOICES: N_("invoices"),
        Function.APPOINTMENTS: N_("appointments"),
    },
    Item: {
        Item.PORTAL: N_("sees the account in the portal"),
        Item.INVOICES: N_("gets the invoices and credit notes"),
        Item.INVOICE_COPIES: N_("gets copies of invoices and credit notes"),
        Item.AGREEMENTS: N_("gets what the business between both is agreed in"),
        Item.AUTOMATIC: N_("gets the automatic messages of case files and workflows"),
        Item.CASE_INBOX: N_("gets messages in the inbox of the case file"),
        Item.MAILS: N_("gets the portal's mails, reminders and bulk mail"),
        Item.MAIL_SYNC: N_("mail with them is shown at the account"),
    },
    Switch: {
        Switch.LOGIN: N_("LOGIN"),
        Switch.NOTIFY: N_("NOTIFY"),
        Switch.EMAIL_SYNC: N_("EMAIL SYNC"),
        Switch.COMMERCIAL: N_("commercial contact"),
        Switch.MAIN_COMMERCIAL: N_("main commercial contact"),
        Switch.OPERATIONAL: N_("operational contact"),
    },
    State: {
        State.UNREACHABLE: N_("no e-mail address"),
        State.NOT_INVITED: N_("not invited yet"),
        State.BOUNCED: N_("mail came back"),
        State.INVITED: N_("invited"),
        State.EXPIRED: N_("invited, link expired"),
        State.PASSWORD_GIVEN: N_("password set, not signed in yet"),
        State.ACTIVE: N_("active"),
        State.PAUSED: N_("paused"),
    },
    Todo: {
        Todo.ADDRESS_BAD: N_("Mail comes back"),
        Todo.PASSWORD_MISSING: N_("Password missing"),
        Todo.EMAIL_UNCONFIRMED: N_("E-mail unconfirmed"),
    },
    BulkState: {
        BulkState.RUNNING: N_("going on"),
        BulkState.PAUSED: N_("paused"),
        BulkState.STOPPED: N_("stopped"),
        BulkState.DONE: N_("done"),
    },
    StopReason: {
        StopReason.BY_HAND: N_("Somebody of the firm has stopped them."),
        StopReason.REFUSALS: N_("They stopped by themselves: too many mails came back. Check the addresses first."),
        StopReason.ASKER_GONE: N_("They stopped by themselves: whoever asked for them may not invite any more."),
    },
    Outcome: {
        Outcome.WAITING: N_("waits for its turn"),
        Outcome.INVITED: N_("invited"),
        Outcome.TOLD: N_("told of one more account"),
        Outcome.RESENT: N_("invited again"),
        Outcome.REFUSED: N_("not invited"),
        Outcome.LEFT_OUT: N_("left out"),
    },
    Reason: {
        Reason.NO_ADDRESS: N_("no e-mail address"),
        Reason.ADDRESS_BAD: N_("mail came back"),
        Reason.ARCHIVED: N_("The account is archived"),
        Reason.PAUSED: N_("access is paused"),
        Reason.LOGIN_OFF: N_("LOGIN is off"),
        Reason.NOTIFY_OFF: N_("NOTIFY is off"),
        Reason.SEES_ALREADY: N_("sees the account already"),
        Reason.SENT_LATELY: N_("was sent a link lately"),
        Reason.GONE: N_("not there any more"),
        Reason.ENDED: N_("they ended before"),
    },
    Rank: {
        Rank.OWNER: N_("owner"),
        Rank.ADMINISTRATOR: N_("administrator"),
        Rank.STAFF: N_("staff member"),
    },
    RequestKind: {
        RequestKind.ERASURE: N_("Erase own data"),
        RequestKind.CORRECTION: N_("Correct own data"),
    },
    RequestState: {
        RequestState.OPEN: N_("not answered yet"),
        RequestState.GRANTED: N_("request granted"),
        RequestState.REFUSED: N_("request refused"),
        RequestState.WITHDRAWN: N_("request withdrawn"),
        RequestState.MOOT: N_("settled in another way"),
    },
    SignUpVerdict: {
        SignUpVerdict.NEW: N_("new client"),
        SignUpVerdict.LINKED: N_("belongs to an existing account"),
        SignUpVerdict.DECLINED: N_("declined"),
    },
    DecisionKind: {
        DecisionKind.ADVICE: N_("Advice on the subscription"),
        DecisionKind.COMPANY_ID: N_("Preferred company ID"),
        DecisionKind.COUNTERSIGN: N_("Countersign the agreement"),
        DecisionKind.SIGNED_COPY: N_("Check the signed copy"),
        DecisionKind.DECLINED: N_("Agreement declined"),
        DecisionKind.LAPSED: N_("Agreement no longer open"),
        DecisionKind.TALK: N_("Talk to the firm about the agreement"),
        DecisionKind.BAD_ADDRESS: N_("Mail address that bounces"),
        DecisionKind.CONSENT_REFUSED: N_("Consent to new terms refused"),
        DecisionKind.MAIL_FAILED: N_("Mail that could not be delivered"),
        DecisionKind.LOGO: N_("Choose the logo"),
        DecisionKind.UNDO: N_("A module is to go on after all"),
        DecisionKind.SILENT: N_("No answer to the last reminder"),
    },
    Verdict: {
        Verdict.AGREED: N_("agreed"),
        Verdict.GRANT: N_("grant"),
        Verdict.REFUSE: N_("refuse"),
        Verdict.COUNTERSIGN: N_("countersign"),
        Verdict.ACCEPT: N_("accept"),
        Verdict.RESEND: N_("send again"),
        Verdict.STOP: N_("stop"),
        Verdict.CORRECT: N_("correct"),
        Verdict.LEAVE: N_("leave it"),
        Verdict.WITHDRAW: N_("withdraw"),
        Verdict.TALK: N_("talk"),
        Verdict.MOOT: N_("settled in another way"),
    },
    Doubt: {
        Doubt.NO_SIGNATURE: N_("It bears no digital signature: it is a scan, a print or a drawing."),
        Doubt.PAGES_MISSING: N_("It has fewer pages than the agreement that was sent."),
        Doubt.UNVERIFIED: N_("A signature in it is of a kind that cannot be checked here."),
        Doubt.SIGNER_UNKNOWN: N_("No certificate in it names one of the people who were expected to sign."),
        Doubt.ISSUER_UNCHECKED: N_("Who issued the certificate was not checked: no trust roots are set."),
        Doubt.ISSUER_UNTRUSTED: N_("The certificate leads to none of the trust roots, or it is not valid now."),
        Doubt.COVERS_PART: N_("The signature covers only a part of the file."),
        Doubt.REWRITTEN: N_("The file was built anew when it was signed; its pages look like those of the original."),
        Doubt.MARKED: N_("Notes, drawings, fields or links were put on the pages or taken from them."),
        Doubt.COVERED: N_("A visible signature covers something that stands on the page."),
        Doubt.BESIDE: N_("Beside its pages the file shows, says or does something that the original does not."),
        Doubt.SAYS_MORE: N_(
            "Something is said with a signature, such as a reason or a place: read whether it is a condition."
        ),
    },
    WaitKind: {
        WaitKind.ORGANISER: N_("Organiser makes an account"),
        WaitKind.TASK: N_("Organiser tells or supplies something"),
        WaitKind.AGREEMENT: N_("Agreement comes back signed"),
        WaitKind.CASEWORKER: N_("Caseworker makes an account"),
        WaitKind.CLIENT: N_("Client activates the access"),
        WaitKind.ADVICE: N_("Advice by an operator"),
        WaitKind.DECISION: N_("Decision by an operator"),
        WaitKind.CONSENT: N_("Consent to new terms"),
        WaitKind.NOTICE: N_("Last day to give notice"),
    },
    Follow: {
        Follow.NOTHING: N_("nothing more"),
        Follow.OPERATOR: N_("an operator is asked how it goes on"),
        Follow.ORGANISER: N_("the organiser is told who has not answered"),
        Follow.MANAGERS: N_("the managers are told that nobody has decided"),
    },
    Level: {
        Level.PROVIDER: N_("provider"),
        Level.FIRM: N_("firm"),
        Level.CASE: N_("case"),
        Level.PERSON: N_("person"),
    },
    LegalKind: {
        LegalKind.TERMS: N_("General terms"),
        LegalKind.PROCESSING: N_("Data-processing annex"),
    },
    ConsentState: {
        ConsentState.ASKED: N_("not answered"),
        ConsentState.ACCEPTED: N_("consented"),
        ConsentState.REFUSED: N_("refused"),
        ConsentState.REPLACED: N_("a newer version is asked about"),
    },
    NoticeTo: {
        NoticeTo.TERM_END: N_("to the end of the term"),
        NoticeTo.MONTH_END: N_("to the end of a month"),
        NoticeTo.QUARTER_END: N_("to the end of a quarter"),
        NoticeTo.YEAR_END: N_("to the end of a year"),
        NoticeTo.ANY_DAY: N_("to any day"),
    },
    ChangeKind: {
        ChangeKind.TERMINATION: N_("Termination"),
        ChangeKind.TARIFF: N_("Change of tariff"),
        ChangeKind.EXTRAORDINARY: N_("Termination for an important reason"),
        ChangeKind.SWITCH: N_("Switch to another provider"),
    },
    ChangeState: {
        ChangeState.PENDING: N_("waits for its day"),
        ChangeState.APPLIED: N_("took effect"),
        ChangeState.UNDONE: N_("taken back"),
        ChangeState.DROPPED: N_("replaced by another one"),
    },
    CameBy: {
        CameBy.PAGE: N_("by this page"),
        CameBy.LETTER: N_("by letter"),
        CameBy.MAIL: N_("by e-mail"),
        CameBy.WEBHOOK: N_("from another system"),
    },
    TaxTreatment: {
        TaxTreatment.STANDARD: N_("taxed as usual"),
        TaxTreatment.REVERSE_CHARGE: N_("reverse charge: the customer owes the tax"),
        TaxTreatment.NOT_TAXABLE: N_("not taxable here"),
    },
    Copy: {Copy.TO: N_("To"), Copy.CC: N_("CC")},
    SentAs: {SentAs.ATTACHMENT: N_("as an attachment"), SentAs.LINK: N_("as a link")},
    Authority: {
        Authority.CLIENT: N_("the firm and the provider"),
        Authority.OPERATOR: N_("operators and managers"),
        Authority.MANAGER: N_("managers"),
    },
    Work: {
        Work.EFFECTS: N_("ends, other tariffs and new prices"),
        Work.PRICES: N_("announcing new prices"),
        Work.REMINDERS: N_("reminding of the last day for notice"),
        Work.QUESTIONS: N_("asking about new terms"),
        Work.CONSENT: N_("reminding of new terms"),
    },
    Unit: {Unit.DAY: N_("days"), Unit.WEEK: N_("weeks"), Unit.MONTH: N_("months")},
    ArticleKey: {
        ArticleKey.BASE: N_("in every billing period"),
        ArticleKey.SETUP: N_("once"),
        ArticleKey.OPTION: N_("each, in every billing period"),
    },
    Language: {Language.GERMAN: N_("German"), Language.FRENCH: N_("French"), Language.ENGLISH: N_("English")},
    AddressForm: {AddressForm.SIE: N_("formal"), AddressForm.DU: N_("informal")},
    Land: {
        Land.BADEN_WUERTTEMBERG: N_("Baden-Württemberg"),
        Land.BAVARIA: N_("Bavaria"),
        Land.BERLIN: N_("Berlin"),
        Land.BRANDENBURG: N_("Brandenburg"),
        Land.BREMEN: N_("Bremen"),
        Land.HAMBURG: N_("Hamburg"),
        Land.HESSE: N_("Hesse"),
        Land.MECKLENBURG_VORPOMMERN: N_("Mecklenburg-Western Pomerania"),
        Land.LOWER_SAXONY: N_("Lower Saxony"),
        Land.NORTH_RHINE_WESTPHALIA: N_("North Rhine-Westphalia"),
        Land.RHINELAND_PALATINATE: N_("Rhineland-Palatinate"),
        Land.SAARLAND: N_("Saarland"),
        Land.SAXONY: N_("Saxony"),
        Land.SAXONY_ANHALT: N_("Saxony-Anhalt"),
        Land.SCHLESWIG_HOLSTEIN: N_("Schleswig-Holstein"),
        Land.THURINGIA: N_("Thuringia"),
    },
}
"""What people read where the code says an enum's member."""

FIELDS = {
    "street": N_("street and number"),
    "postcode": N_("postcode"),
    "city": N_("town"),
    "land": N_("federal state"),
}
"""What people read for the fields that a firm's details may lack."""
CHANGED = {
    **FIELDS,
    "website": N_("website"),
    "name": N_("name of the firm"),
    "line_of_business": N_("line of business"),
    "business": N_("line of business in their own words"),
}
"""What people read for what may change of a firm."""


FILTERS = (
    *("date", "short_date", "day", "time", "moment", "money", "amount", "period", "percent", "grouped", "notice"),
    *("label", "listed", "fields"),
)
"""Methods of the reader that templates use."""


class Grouped(int):
    """A number with its digits as a reader groups them; plurals and sums go by its value."""

    written: str

    def __new__(cls, value: int, written: str) -> Self:
        made = super().__new__(cls, value)
        made.written = written
        return made

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True)
class Reader:
    """Somebody who reads: their language, and how they are addressed in German."""

    language: Language = Language.GERMAN
    form: AddressForm = AddressForm.SIE

    @classmethod
    def accepting(cls, header: str | None) -> Self:
        """The reader behind an ``Accept-Language`` header; German where it names none of our languages."""
        offers = []
        for position, part in enumerate((header or "")[:500].split(",")):
            tag, _, quality = part.partition(";")
            weight = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", quality)
            offers.append((-float(weight[1]) if weight else -1.0, position, tag.strip().lower()[:2]))
        languages = [Language(code) for weight, _, code in sorted(offers) if weight < 0 and code in set(Language)]
        return cls(next(iter(languages), Language.GERMAN))

    @property
    def locale(self) -> Locale:
        return Locale.parse(LOCALES[self.language])

    @property
    def catalogue(self) -> str:
        """Name of the catalogue, ``de_du`` where German is spoken informally."""
        informal = self.language is Language.GERMAN and self.form is AddressForm.DU
        return "de_du" if informal else self.language.value

    @property
    def translations(self) -> NullTranslations:
        return translations(self.catalogue)

    def gettext(self, message: str) -> str:
        return str(self.translations.ugettext(message))

    def ngettext(self, one: str, many: str, count: int) -> str:
        return str(self.translations.ungettext(one, many, count))

    def fill(self, message: str, facts: dict[str, Any]) -> str:
        """The message in this language with its ``%(placeholders)s`` filled in, enums and lists made readable."""
        return self.gettext(message) % {name: self.readable(value) for name, value in facts.items()}

    def label(self, member: StrEnum) -> str:
        """What the reader calls this member of an enum."""
        return self.gettext(LABELS.get(type(member), {}).get(member, member.value))

    def readable(self, value: Any) -> Any:
        """Enums, moments and lists as words; anything else unchanged."""
        match value:
            case StrEnum():
                return self.label(value)
            case datetime():
                return self.moment(value)
            case date():
                return self.date(value)
            case list() | tuple() | set() | frozenset():
                return self.listed(value)
        return value

    def listed(self, values: Iterable[Any]) -> str:
        """“a, b and c”."""
        return str(format_list([str(self.readable(value)) for value in values], locale=self.locale))

    def fields(self, codes: Iterable[str]) -> str:
        """The fields of a firm's details that these codes name."""
        return self.listed(self.gettext(FIELDS.get(code, code)) for code in codes)

    def date(self, value: date | datetime) -> str:
        """“3. März 2027”, in Berlin's time."""
        day = local_day(value) if isinstance(value, datetime) else value
        # Asked first, as babel takes what is missing for today. CLDR has no ordinals: in French this day is one.
        is_first = day.day == 1
        text = str(format_date(day, "long", locale=self.locale))
        return f"1er{text[1:]}" if self.locale.language == "fr" and is_first else text

    def short_date(self, value: datetime) -> str:
        """“3. März”, with the year if it is not this one, where many stand below each other."""
        day = local_day(value)
        skeleton = "MMMd" if day.year == today().year else "yMMMd"
        return str(format_skeleton(skeleton, datetime.combine(day, datetime.min.time()), locale=self.locale))

    def day(self, written: str) -> str:
        """The same as ``date`` of a day as facts hold it, like 2027-03-31."""
        return self.date(date.fromisoformat(written))

    def time(self, value: datetime) -> str:
        """“14:05”, in Berlin's time."""
        return str(format_time(value, "short", tzinfo=LOCAL_ZONE, locale=self.locale))

    def moment(self, value: datetime) -> str:
        """Date and time of day."""
        return self.gettext(N_("%(date)s, %(time)s")) % {"date": self.date(value), "time": self.time(value)}

    def money(self, cents: int, currency: str = "EUR") -> str:
        """“1.234,50 €” from an amount in cents."""
        return str(format_currency(cents / 100, currency, locale=self.locale))

    def amount(self, value: Decimal, currency: str = "EUR") -> str:
        """“1.234,50 €” from an amount; of a price with more decimals all of them."""
        is_fine = value != value.quantize(Decimal("0.01"))
        return str(format_currency(value, currency, locale=self.locale, decimal_quantization=not is_fine))

    def figure(self, value: Decimal) -> str:
        """“1.234,50”, as it is typed into a form."""
        return str(format_decimal(value, "#,##0.00##", locale=self.locale))

    def period(self, value: Period) -> str:
        """“3 months”; one of no length is none."""
        unit = {Unit.DAY: NoticeUnit.DAYS, Unit.WEEK: NoticeUnit.WEEKS, Unit.MONTH: NoticeUnit.MONTHS}[value.unit]
        return self.notice(value.count, unit) if value.count else self.gettext(N_("no notice"))

    def percent(self, hundredths: int) -> str:
        """“12,5 %” from hundredths of a percent."""
        return str(format_percent(hundredths / 100_00, decimal_quantization=False, locale=self.locale))

    def grouped(self, number: int) -> Grouped:
        """“100.000”."""
        return Grouped(number, str(format_decimal(number, locale=self.locale)))

    def notice(self, count: int, unit: NoticeUnit | str) -> str:
        """A time of notice in words, as “3 months”; 0 is what the general terms say."""
        if not count:
            return self.gettext(N_("as in the general terms"))
        match NoticeUnit(unit):
            case NoticeUnit.DAYS:
                words = self.ngettext("%(count)s day", "%(count)s days", count)
            case NoticeUnit.WEEKS:
                words = self.ngettext("%(count)s week", "%(count)s weeks", count)
            case NoticeUnit.MONTHS:
                words = self.ngettext("%(count)s month", "%(count)s months", count)
        return words % {"count": count}


def explain(error: ProvisionError, reader: Reader) -> str:
    """What is so, and what to do, in the reader's language, with the word for what is not there."""
    facts = vars(error)
    if isinstance(error, NotFound):
        facts = {"what": reader.gettext(error.what)}
    return reader.fill(error.says, facts)


def in_markdown(text: str) -> str:
    """The text as Markdown that shows it letter for letter: what people write makes no link, picture or HTML there."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def render(folder: Path, template: str, reader: Reader, **values: Any) -> str:
    """The template of this folder, filled in for this reader. Any number of threads may do so at once."""
    return environment(reader, folder).get_template(template).render(values)


@cache
def environment(reader: Reader, *folders: Path) -> Environment:
    """Templates for one reader; knows ``reader`` and the filters that are named below, all methods of the reader.

    One environment a reader, so that nothing in it changes while others use it.
    """
    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html", "xml", "svg"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(reader.translations, newstyle=True)  # type: ignore[attr-defined]
    made.globals["reader"] = reader
    for name in FILTERS:
        made.filters[name] = getattr(reader, name)
    made.filters["public_logo"] = public_logo
    return made


@cache
def translations(catalogue: str) -> NullTranslations:
    """All ``.po`` files of a catalogue as one, with its fallback behind it."""
    whole = Catalog(locale=catalogue[:2])
    for file in sorted((CATALOGUES / catalogue).glob("*.po")):
        for message in catalogue_of(file):
            whole[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    made = Translations(compiled)
    if catalogue == "de_du":
        made.add_fallback(translations("de"))
    return made


def catalogue_of(file: Path) -> Catalog:
    """What stands in one ``.po`` file."""
    with file.open("rb") as opened:
        return read_po(opened, locale=file.parent.name[:2])
