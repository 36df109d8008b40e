"""An open question as a typed form in the Prefect UI, and the way of its answer back into the case."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prefect.input import RunInput
from pydantic import Field, create_model

from models.agreement import AFTERMATH
from models.db import Facts, reading, transaction
from models.decision import Decision, DecisionKind
from models.document import Doubt
from models.firm import Firm
from models.inbox import Incoming
from models.onboarding import Onboarding
from models.people.manners import Language
from models.reminders.cadence import WaitKind
from models.settings import settings
from models.subscription import Interval, Plan
from models.time.clock import now
from tasks.engine.retry import side_effect
from tasks.intake.events import handle
from tasks.text.i18n import Reader, in_markdown

QUESTIONS = {
    DecisionKind.ADVICE: "Das Unternehmen wünscht Beratung zum Abonnement",
    DecisionKind.COMPANY_ID: "Wunschkennung vergeben?",
    DecisionKind.COUNTERSIGN: "Vertrag gegenzeichnen?",
    DecisionKind.SIGNED_COPY: "Unterschriebene Fassung prüfen",
    DecisionKind.DECLINED: "Der Vertrag wurde abgelehnt",
    DecisionKind.LAPSED: "Der Vertrag kann nicht mehr unterzeichnet werden",
    DecisionKind.TALK: "Mit dem Unternehmen über den Vertrag sprechen",
    DecisionKind.BAD_ADDRESS: "E-Mail-Adresse berichtigen",
    DecisionKind.MAIL_FAILED: "Eine E-Mail ließ sich nicht zustellen",
    DecisionKind.LOGO: "Welches Bild ist das Logo?",
    DecisionKind.UNDO: "Soll ein gekündigtes Modul weiterlaufen?",
    DecisionKind.CONSENT_REFUSED: "Neue Bedingungen wurden abgelehnt: Wie geht es weiter?",
    DecisionKind.SILENT: "Keine Antwort auf die letzte Erinnerung: Wie geht es weiter?",
}
"""What the form is headed with. Operators read German; names stay on the board, since everyone sees the Prefect UI."""


UNCHANGED = "unverändert"
AGREED_FIELDS = {
    "price": (
        "Preis",
        "Für eine neue Fassung: netto je Abrechnungszeitraum, vor dem Rabatt, z. B. 147,00. Leer: unverändert.",
    ),
    "discount": ("Rabatt in Prozent", "Für eine neue Fassung: z. B. 12,5; 0 für keinen. Leer: unverändert."),
    "notice": (
        "Kündigungsfrist",
        "Für eine neue Fassung: z. B. 3 Monate, 6 Wochen oder 14 Tage; 0: wie in den AGB. Leer: unverändert.",
    ),
    "clause": (
        "Vereinbarung",
        "Für eine neue Fassung: was sonst vereinbart ist, im Wortlaut; ein Strich nimmt es heraus. Leer: unverändert.",
    ),
}
"""What is agreed with one firm alone, as typed for a new version: title and description of each field."""
ON_THE_PAGE = {
    DecisionKind.ADVICE: "Die Frage des Unternehmens steht auf der Vorgangsseite; hierher gehört, was vereinbart ist.",
    DecisionKind.DECLINED: (
        "Den Grund nennt die Vorgangsseite. resend: neue Fassung senden; talk: erst sprechen; stop: Vorgang beenden."
    ),
    DecisionKind.TALK: (
        "Was bisher gesagt wurde, steht auf der Vorgangsseite. resend: neue Fassung senden; stop: Vorgang beenden."
    ),
    DecisionKind.BAD_ADDRESS: (
        "Wessen Post zurückkam und was der Mailserver dazu sagte, steht auf der Vorgangsseite. "
        "correct: an die richtige Adresse senden; withdraw: nicht mehr auf diese Person warten."
    ),
    DecisionKind.COUNTERSIGN: "Das Dokument und die Angaben zur Unterschrift stehen auf der Vorgangsseite.",
    DecisionKind.CONSENT_REFUSED: (
        "Den Grund nennt die Vorgangsseite. resend: noch einmal fragen; leave: bei der Fassung vorher belassen."
    ),
    DecisionKind.MAIL_FAILED: (
        "Was der Mailserver dazu sagte, steht auf der Vorgangsseite. resend: noch einmal; leave: dabei belassen."
    ),
}


@dataclass(frozen=True)
class Form:
    """What to ask in the Prefect UI: the fields and the words above them."""

    model: type[RunInput]
    description: str


@side_effect(name="write the form")
def form_of(decision_id: int, problem: str = "") -> Form | None:
    """The form of an open question; None once it is answered."""
    with reading() as session:
        decision = session.get(Decision, decision_id)
        if decision is None or decision.verdict is not None:
            return None
        case = session.get_one(Onboarding, decision.onboarding_id)
        company_id = session.get_one(Firm, case.firm_id).company_id
    lines = [f"## {QUESTIONS[decision.kind]}", f"**{in_markdown(problem)}**" if problem else "", *_told(decision)]
    board = f"{settings().base_url}/board/cases/{decision.onboarding_id}"
    about = f"Vorgang {decision.onboarding_id}" + (f", Unternehmenskennung {company_id}" if company_id else "")
    lines.append(f"[{about}: alles Weitere auf der Vorgangsseite]({board})")
    return Form(_model(decision), "\n\n".join(filter(None, lines)))


def _lapsed(facts: Facts) -> list[str]:
    expired = facts["why"] == "expired"
    return ["Er wurde nicht rechtzeitig unterzeichnet." if expired else "Wir haben ihn zurückgezogen."]


def _to_go_on(facts: Facts) -> list[str]:
    day, module = Reader(Language.GERMAN).day(facts["ends_on"]), in_markdown(facts["module"])
    return [
        f"Das Unternehmen bittet, das Modul **{module}** weiterlaufen zu lassen; gekündigt ist es zum {day}.",
        "agreed: Es läuft weiter wie bisher; refuse: Die Kündigung bleibt bestehen.",
    ]


SHORTLY: dict[DecisionKind, Callable[[Facts], list[str]]] = {
    DecisionKind.LAPSED: _lapsed,
    DecisionKind.UNDO: _to_go_on,
}
"""What a sentence or two tells."""


def _told(decision: Decision) -> list[str]:
    """What must be known to decide, without names and addresses."""
    if decision.kind is DecisionKind.COMPANY_ID:
        free = ", ".join(map(str, decision.facts["alternatives"]))
        return [f"Gewünscht: **{decision.facts['number']}**, reserviert bis zur Entscheidung. Nächste freie: {free}."]
    if decision.kind is DecisionKind.SIGNED_COPY:
        facts, german = decision.facts, Reader(Language.GERMAN)
        doubts = [f"- {german.label(Doubt(doubt))}" for doubt in facts.get("doubts", [])]
        pages = f"{facts['pages']} Seiten, das Original hat {facts['original_pages']}." if "pages" in facts else ""
        signatures = f"Digitale Signaturen: {len(facts.get('signatures', []))}."
        return ["Warum jemand hinsehen muss:", "\n".join(doubts), pages, signatures]
    if decision.kind in SHORTLY:
        return SHORTLY[decision.kind](decision.facts)
    if decision.kind is DecisionKind.LOGO:
        lines = [
            f"- Bild {candidate['number']}: {candidate['confidence']:.0%}" for candidate in decision.facts["candidates"]
        ]
        return ["Auf der Website ist kein Bild zweifelsfrei das Logo. Die Bilder stehen auf der Vorgangsseite.", *lines]
    if decision.kind is DecisionKind.SILENT:
        facts, german = decision.facts, Reader(Language.GERMAN)
        wait = german.label(WaitKind(facts["wait"]))
        return [
            f"Worauf wir warten: **{wait}**; Erinnerungen bisher: {facts['reminders']}.",
            "resend: von vorn erinnern; leave: nicht mehr erinnern.",
        ]
    return [ON_THE_PAGE[decision.kind]] if decision.kind in ON_THE_PAGE else []


def _model(decision: Decision) -> type[RunInput]:
    verdict = StrEnum("verdict", {choice.name: choice.value for choice in decision.choices})  # type: ignore[misc]
    fields: dict[str, Any] = {
        "verdict": (verdict, Field(description="Ihre Entscheidung.", json_schema_extra={"title": "Entscheidung"}))
    }
    if decision.kind is DecisionKind.ADVICE:
        fields["plan"] = (Plan, Field(description="Vereinbarte Variante.", json_schema_extra={"title": "Variante"}))
        fields["interval"] = (
            Interval,
            Field(description="Vereinbarte Abrechnung.", json_schema_extra={"title": "Abrechnung"}),
        )
    if decision.kind in AFTERMATH:
        same = [("UNCHANGED", UNCHANGED)]
        for name, kind, title in (("plan", Plan, "Variante"), ("interval", Interval, "Abrechnung")):
            offered = StrEnum(name, same + [(member.name, member.value) for member in kind])  # type: ignore[misc]
            description = "Für eine neue Fassung: was sich ändert."
            default = offered(UNCHANGED)
            fields[name] = (offered, Field(default, description=description, json_schema_extra={"title": title}))
        for name, (title, description) in AGREED_FIELDS.items():
            fields[name] = (str, Field("", description=description, json_schema_extra={"title": title}))
    if decision.kind is DecisionKind.LOGO:
        description = "Nummer des Bildes, das das Logo ist; ohne Bedeutung, wenn es keines ist."
        fields["choice"] = (int, Field(1, description=description, json_schema_extra={"title": "Bild"}))
    if decision.kind in {DecisionKind.BAD_ADDRESS, DecisionKind.SILENT}:
        only = "Nur bei „correct“: die richtige Adresse. Bei „withdraw“ wird die Person nicht mehr eingeladen."
        fields["address"] = (str, Field("", description=only, json_schema_extra={"title": "E-Mail"}))
    if decision.kind in {DecisionKind.COUNTERSIGN, DecisionKind.SIGNED_COPY}:
        description = "Ihr Vor- und Nachname; er steht für den Anbieter unter dem Vertrag. Bei „refuse“ entbehrlich."
        fields["name"] = (str, Field("", description=description, json_schema_extra={"title": "Ihr Name"}))
    if decision.kind is DecisionKind.SIGNED_COPY:
        description = "Der Tag, der neben der Unterschrift steht, als JJJJ-MM-TT; leer, wenn keiner dort steht."
        fields["signed_on"] = (
            str,
            Field("", description=description, json_schema_extra={"title": "Unterschrieben am"}),
        )
    note = (
        "Bei der Kennung, einer neuen Fassung und einem gekündigten Modul steht sie in der Nachricht an das "
        "Unternehmen, nie im Vertrag."
    )
    fields["note"] = (str, Field("", description=note, json_schema_extra={"title": "Anmerkung"}))
    for position, (_, field) in enumerate(fields.values()):
        field.json_schema_extra["position"] = position
    return create_model("Answer", __base__=RunInput, **fields)


@side_effect(name="take the answer")
def take_answer(decision_id: int, key: str, answer: dict[str, str]) -> str:
    """Put the answer into the inbox and act on it; returns why it was refused, empty if it was not.

    The same *key* again is the same answer and has the same outcome.
    """
    answer = {name: text for name, text in answer.items() if text != UNCHANGED}
    with transaction() as session:
        Incoming.store(session, "prefect", key, "decision.answered", {"decision_id": decision_id, **answer}, now())
    with reading() as session:
        event_id = Incoming.by_external_id(session, "prefect", key).id
    handle(event_id)
    with transaction() as session:
        decision = Decision.get(session, decision_id)
        if decision.verdict is not None:
            decision.form_run_id = None  # The form goes by itself; while the question is open, it asks again.
        return Incoming.by_external_id(session, "prefect", key).refusal or ""
