"""An operator brings a new firm aboard by a form in the Prefect UI."""

from typing import Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from models.firm import LineOfBusiness
from models.people.manners import AddressForm, Language
from tasks.intake.artifacts import show_case
from tasks.onboarding.opening import open_case


@flow(name="start", retries=0)
async def start(
    firm_name: str = Field(
        description="Vollständig, z. B. Anwaltskanzlei Freitag & Kollegen.",
        json_schema_extra={"title": "Name des Unternehmens"},
    ),
    line_of_business: LineOfBusiness = Field(
        LineOfBusiness.TAX,
        description="tax: Steuerbüro, audit: Wirtschaftsprüferbüro, law: Rechtsanwaltskanzlei, other: anderes.",
        json_schema_extra={"title": "Aktivität"},
    ),
    business: str = Field(
        "",
        description="Nur bei „other“: die Aktivität in eigenen Worten.",
        json_schema_extra={"title": "Andere Aktivität"},
    ),
    organiser_name: str = Field(
        description="Vor- und Familienname.", json_schema_extra={"title": "Name des Organisators"}
    ),
    organiser_email: str = Field(
        description="Dorthin geht der Link zur Registrierung.", json_schema_extra={"title": "E-Mail des Organisators"}
    ),
    contact_name: str = Field(
        "",
        description="Leer: der Organisator ist auch Ansprechpartner.",
        json_schema_extra={"title": "Name des Ansprechpartners"},
    ),
    contact_email: str = Field(
        "",
        description="Nur mit dem Namen daneben; an diese Adresse schreiben wir künftig.",
        json_schema_extra={"title": "E-Mail des Ansprechpartners"},
    ),
    plan: Literal["", "basic", "plus", "premium"] = Field(
        "", description="Leer: das Unternehmen wünscht zuerst Beratung.", json_schema_extra={"title": "Abonnement"}
    ),
    interval: Literal["", "monthly", "quarterly", "half_yearly", "yearly"] = Field(
        "",
        description="Monatlich, vierteljährlich, halbjährlich oder jährlich.",
        json_schema_extra={"title": "Abrechnung"},
    ),
    question: str = Field("", description="Wozu Beratung gewünscht wird.", json_schema_extra={"title": "Frage"}),
    preferred_number: str = Field(
        "", description="Sechs Ziffern; wird reserviert und geprüft.", json_schema_extra={"title": "Wunschkennung"}
    ),
    street: str = Field(
        "",
        description="Leer: danach wird der Organisator gefragt.",
        json_schema_extra={"title": "Straße und Hausnummer"},
    ),
    postcode: str = Field(
        "",
        description="Fünf Ziffern; leer: danach wird der Organisator gefragt.",
        json_schema_extra={"title": "Postleitzahl"},
    ),
    city: str = Field("", description="Leer: danach wird der Organisator gefragt.", json_schema_extra={"title": "Ort"}),
    land: Literal[
        "", "BW", "BY", "BE", "BB", "HB", "HH", "HE", "MV", "NI", "NW", "RP", "SL", "SN", "ST", "SH", "TH"
    ] = Field("", description="Bestimmt die Feiertage.", json_schema_extra={"title": "Bundesland"}),
    website: str = Field(
        "",
        description="Z. B. www.kanzlei.example; von dort kommt das Logo, wenn es erlaubt ist.",
        json_schema_extra={"title": "Website"},
    ),
    logo_permission_by: str = Field(
        "",
        description="Name der Person, die erlaubt hat, das Logo von der Website zu nehmen. Leer: keine Erlaubnis.",
        json_schema_extra={"title": "Logo erlaubt von"},
    ),
    caseworkers: str = Field(
        "",
        description="Je Zeile eine Person: `Erika Muster <erika@kanzlei.example>`. Eingeladen nach dem Vertrag.",
        json_schema_extra={"title": "Sachbearbeiter"},
    ),
    language: Language = Field(Language.GERMAN, description="de, fr oder en.", json_schema_extra={"title": "Sprache"}),
    address_form: AddressForm = Field(
        AddressForm.SIE, description="Nur im Deutschen.", json_schema_extra={"title": "Anrede"}
    ),
    again: bool = Field(
        False,
        description="Nur wenn es mit diesem Organisator schon einen Vorgang gibt und ein zweiter gewollt ist.",
        json_schema_extra={"title": "Zweiten Vorgang eröffnen"},
    ),
) -> None:
    """Open a case for a firm; its first pass follows within seconds.

    What is wrong with the form is told in one sentence, and nothing is opened then.
    """
    case_id = open_case(
        f"run:{flow_run.id}",
        {
            "firm_name": firm_name,
            "line_of_business": line_of_business.value,
            "business": business,
            "organiser": {"name": organiser_name, "email": organiser_email},
            "contact": {"name": contact_name, "email": contact_email} if contact_name or contact_email else None,
            "plan": plan or None,
            "interval": interval or None,
            "question": question,
            "preferred_number": preferred_number,
            "street": street,
            "postcode": postcode,
            "city": city,
            "land": land or None,
            "website": website,
            "logo_permission_by": logo_permission_by,
            "language": language.value,
            "address_form": address_form.value,
            "again": again,
        },
        caseworkers,
    )
    await show_case(case_id)
