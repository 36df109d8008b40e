"""An operator brings a new firm aboard by a form in the Prefect UI."""

from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Failed
from pydantic import Field

from models.firm import LineOfBusiness
from models.people.manners import AddressForm, Language
from tasks.intake.artifacts import name_run, show_case
from tasks.onboarding.opening import open_case


def _entry(default: object, title: str, description: str) -> Any:
    """A field of the form; `...` for one that must be filled in. Prefect shows *title* only if it is put like this."""
    return Field(default, description=description, json_schema_extra={"title": title})


@flow(name="start", flow_run_name="start", retries=0)
async def start(
    firm_name: str = _entry(..., "Name des Unternehmens", "Vollständig, z. B. Anwaltskanzlei Freitag & Kollegen."),
    line_of_business: LineOfBusiness = _entry(
        ...,
        "Aktivität",
        "tax: Steuerbüro, audit: Wirtschaftsprüferbüro, law: Rechtsanwaltskanzlei, other: anderes.",
    ),
    business: str = _entry("", "Andere Aktivität", "Nur bei „other“: die Aktivität in eigenen Worten."),
    organiser_name: str = _entry(..., "Name des Organisators", "Vor- und Familienname."),
    organiser_email: str = _entry(..., "E-Mail des Organisators", "Dorthin geht der Link zur Registrierung."),
    contact_name: str = _entry("", "Name des Ansprechpartners", "Leer: der Organisator ist auch Ansprechpartner."),
    contact_email: str = _entry(
        "", "E-Mail des Ansprechpartners", "Nur mit dem Namen daneben; an diese Adresse schreiben wir künftig."
    ),
    plan: Literal["", "basic", "plus", "premium"] = _entry(
        "", "Abonnement", "Leer: das Unternehmen wünscht zuerst Beratung."
    ),
    interval: Literal["", "monthly", "quarterly", "half_yearly", "yearly"] = _entry(
        "", "Abrechnung", "Monatlich, vierteljährlich, halbjährlich oder jährlich."
    ),
    question: str = _entry("", "Frage", "Wozu Beratung gewünscht wird."),
    preferred_number: str = _entry("", "Wunschkennung", "Sechs Ziffern; wird reserviert und geprüft."),
    street: str = _entry("", "Straße und Hausnummer", "Leer: danach wird der Organisator gefragt."),
    postcode: str = _entry("", "Postleitzahl", "Fünf Ziffern; leer: danach wird der Organisator gefragt."),
    city: str = _entry("", "Ort", "Leer: danach wird der Organisator gefragt."),
    land: Literal[
        "", "BW", "BY", "BE", "BB", "HB", "HH", "HE", "MV", "NI", "NW", "RP", "SL", "SN", "ST", "SH", "TH"
    ] = _entry("", "Bundesland", "Bestimmt die Feiertage."),
    website: str = _entry("", "Website", "Z. B. www.kanzlei.example; von dort kommt das Logo, wenn es erlaubt ist."),
    logo_permission_by: str = _entry(
        "",
        "Logo erlaubt von",
        "Name der Person, die erlaubt hat, das Logo von der Website zu nehmen. Leer: keine Erlaubnis.",
    ),
    caseworkers: str = _entry(
        "",
        "Sachbearbeiter",
        "Je Zeile eine Person: `Erika Muster <erika@kanzlei.example>`. Eingeladen nach dem Vertrag.",
    ),
    language: Language = _entry(Language.GERMAN, "Sprache", "de, fr oder en."),
    address_form: AddressForm = _entry(AddressForm.SIE, "Anrede", "Nur im Deutschen."),
    again: bool = _entry(
        False,
        "Zweiten Vorgang eröffnen",
        "Nur wenn es mit diesem Organisator schon einen Vorgang gibt und ein zweiter gewollt ist.",
    ),
) -> State[Any] | None:
    """Open a case for a firm; its first pass follows within seconds.

    What is wrong with the form is told in one German sentence, and nothing is opened then.
    """
    opened = open_case(
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
    if isinstance(opened, str):
        return Failed(message=opened)
    await name_run(f"start-case-{opened}")
    await show_case(opened)
    return None
