"""Which program wrote a table, and what its columns tell, by what they are called.

Columns are known by their names in German, French and English, however these are spelled; where the same word means
something else in a program's files, its own list counts (``Ort`` is an office in Outlook's, a town elsewhere).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import combining, normalize

from models.errors import N_, ProvisionError
from tasks.clients.imports.draft import PEOPLE_MOST, Field, Format, Target


class OtherCategory(ProvisionError):
    status = 422
    says = N_(
        "This DATEV file holds %(name)s, not the master data of clients: export the category “Debitoren/Kreditoren” "
        "(16) and choose that file."
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class ColumnUnknown(ProvisionError):
    status = 422
    says = N_("The file has no column “%(column)s”: choose one of its own.")

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


HEADER_MOST = 100
"""Characters by which a column is known."""
CATEGORIES = {
    "16": "Debitoren/Kreditoren",
    "20": "Kontenbeschriftungen",
    "21": "Buchungsstapel",
    "44": "Textschlüssel",
    "46": "Zahlungsbedingungen",
    "48": "Diverse Adressen",
    "62": "Anlagenbuchführung – Buchungssatzvorlagen",
    "63": "Anlagenbuchführung – Filialen",
    "65": "Wiederkehrende Buchungen",
    "66": "Natural-Stapel",
    "67": "Buchungstextkonstanten",
}
CLIENTS_CATEGORY = "16"
DATEV_MARKS = ("EXTF", "DTVF")
DATEV_COLUMNS_LEAST = 232

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue", "ß": "ss"})


def folded(header: str) -> str:
    """A column's name as it is compared: letters and digits only."""
    text = normalize("NFKD", normalize("NFC", header[:HEADER_MOST]).translate(_UMLAUTS)).casefold()
    return "".join(char for char in text if char.isalnum() and not combining(char))


def words_of(written: str) -> list[str]:
    return written.split()


_GENERAL: dict[Field, str] = {
    Field.NUMBER: """kundennummer kundennr kundenno kdnr kdnummer kundenid mandantennummer mandantennr mandantnr
        mandnr mdnr mdtnr mandantennummern mandantid nummer nr debitor debitornr debitorennummer debitorennr
        debitorenkonto debitorkonto debitornummer personenkonto customernumber customernr customerno customerid
        clientnumber clientid clientno clientnr accountnumber accountno numeroclient numeroduclient numerodeclient
        noclient nclient ndeclient codeclient refclient adressnummer adressnr adrnr addressnumber kontaktnummer
        kontaktnr contactnumber kundenkonto mandat klientennummer klientennr klientnr klientennummern""",
    Field.SUPPLIER_NUMBER: """lieferantennummer lieferantennr lieferantnr kreditor kreditornr kreditorennummer
        kreditorennr kreditorenkonto suppliernumber vendornumber numerofournisseur""",
    Field.NAME: """name mandant mandantenname mandantname mandantenbezeichnung mandantbezeichnung kunde kundenname
        client clientname customer customername nomduclient nomclient nom bezeichnung name1 kontaktname adressat
        namefirma firmaname namefirmenname mandantin kundin namebezeichnung namedesmandanten namedeskunden klient
        vollername vollstaendigername fullname nomcomplet vorundnachname vornamenachname vornameundnachname
        vornameundname vornamename prenomnom prenometnom""",
    Field.NAME_FAMILY_FIRST: """namevorname nachnamevorname nachnameundvorname nameundvorname nomprenom nometprenom
        nomprenoms familiennamevorname lastnamefirstname""",
    Field.ACCOUNT_NAME: "accountname kontoname kontobezeichnung nomducompte kundenkontoname aktenname",
    Field.ACCOUNT_KIND: """accounttype kontotyp kundentyp mandantentyp mandantenart kundenart kontaktart kontakttyp
        personenart personentyp clienttype customertype typeclient typedeclient typedecompte typecompte rechtsform
        adressattyp adressatentyp formejuridique legalform naturedupersonne""",
    Field.COMPANY_NAME: """firma firmenname firmenbezeichnung unternehmen unternehmensname organisation organization
        organisationname organizationname company companyname business businessname societe entreprise raisonsociale
        nomdelasociete nomdelentreprise nomentreprise nomsociete firma1 firmenname1 betrieb institution gesellschaft
        firmierung denominationsociale denomination""",
    Field.COMPANY_NAME_MORE: """firma2 firmenname2 firmenzusatz namenszusatz name2 name3 namezusatz namenzusatz
        firma3 zusatzname complementnom""",
    Field.CATEGORY: "kategorie category categorie art typ type kontaktkategorie adressart",
    Field.TITLE: """titel akadtitel akademischertitel titelakadgrad akadgrad akademischergrad title titre
        titreacademique grad""",
    Field.SALUTATION: "anrede anredetext anredekz salutation civilite politesse anredeform1 genre",
    Field.GIVEN_NAME: "vorname vornamen vname rufname firstname givenname forename prenom prenoms first voornaam",
    Field.MIDDLE_NAME: "weiterevornamen zweitervorname middlename middle deuxiemeprenom additionalname",
    Field.FAMILY_NAME: """nachname familienname zuname nname lastname familyname surname last nomdefamille
        nomfamille nachnamefamilienname""",
    Field.NAME_PREFIX: "namensvorsatz vorsatzwort adelstitel namensvorsatzwort vorsatz",
    Field.NAME_SUFFIX: "suffix namesuffix namenssuffix namensuffix",
    Field.FULL_NAME: """contactname ansprechpartner ansprechpartnerin ansprechperson kontaktperson kontakt
        contactperson contact interlocuteur personnedecontact personnecontact zhd zuhaenden zuhd inhaber
        geschaeftsfuehrer gesellschafter nomducontact nomcontact""",
    Field.EMAIL: """email emailadresse emailadr emailaddress mail mailadresse mailadr mailaddress emailprivat
        emailprivate emailgeschaeftlich emaildienstlich emailfirma emailbuero emailwork emailhome privateemail
        workemail courriel adresseemail adressemail adressecourriel adresseelectronique emailkontakt emailempfaenger
        epost""",
    Field.PHONE: """telefon tel telefonnummer telnr telnummer telefonnr fon phone phonenumber phoneno telephone
        telefonprivat telefongeschaeftlich telefongesch telefondienstlich telefonbuero telefonfestnetz telprivat
        telgesch telgeschaeftlich teldienstl teldienstlich festnetz festnetznummer rufnummer businessphone homephone
        workphone telephonefixe telfixe fixe teldirekt telefondirekt telefonzentrale privattelefon geschaeftstelefon
        telp telg telbuero landline numerodetelephone telephoneprive telephoneprofessionnel telprofessionnel
        telprive dienstlichtelefon""",
    Field.COMPANY_PHONE: "telefonfirma companymainphone companyphone telefonunternehmen",
    Field.MOBILE: """mobil mobiltelefon handy mobilnummer mobilfunk mobilnr handynummer handynr natel mobile
        mobilephone mobilenumber cell cellphone cellnumber portable telephoneportable telephonemobile telmobil
        telefonmobil telmobile telportable gsm mobilprivat mobilgeschaeftlich mobilfunknummer mobiltel""",
    Field.FAX: """fax telefax faxnummer faxnr faxgeschaeftlich faxprivat businessfax homefax telecopie telecopieur
        faxnumber telefaxnummer""",
    Field.STREET: """strasse str strassehausnummer strassenr strasseundhausnummer strasseundnr strassehausnr
        strassehnr strassenname street streetaddress streetname address1 addressline1 adresszeile1 adresse1 rue
        rueetnumero ruenumero adresseligne1 strassepostfach strassennr voie strasseprivat strassegeschaeftlich
        strassenr anschriftstrasse strassenundhausnummer strasseundhausnr anschrift1""",
    Field.HOUSE_NUMBER: "hausnummer hausnr hnr housenumber housenr numerorue numerodelarue nrstrasse",
    Field.STREET_MORE: """adresszusatz zusatz adresszeile2 address2 addressline2 adresse2 complementadresse
        complementdadresse adresseligne2 versandzusatz anschriftzusatz adresszusatz1 anschrift2""",
    Field.PO_BOX: "postfach pobox boitepostale casepostale",
    Field.POSTCODE: """plz postleitzahl postcode zip zipcode postalcode codepostal cp npa plzstrasse plzwohnort
        postalzipcode plzprivat plzgeschaeftlich plzhausadresse""",
    Field.CITY: """ort stadt wohnort city town ville localite lieu ortschaft sitz ortsname firmensitz commune
        ortprivat citytown""",
    Field.POSTCODE_AND_CITY: """plzort plzundort postleitzahlort postleitzahlundort codepostalville npalocalite
        plzwohnort zipcity cpville""",
    Field.COUNTRY: """land landkz laenderkennzeichen lkz laendercode landcode country countrycode pays codepays
        staat landregion laenderkz nation countryregion landkennzeichen land1""",
    Field.ADDRESS: """adresse anschrift address adressecomplete fulladdress postanschrift adressepostale
        mailingaddress""",
    Field.WEBSITE: """internet website webseite homepage web url www siteweb siteinternet internetadresse webpage
        webadresse site internetseite""",
    Field.TAGS: """tags tag schlagworte schlagwoerter schlagwort stichworte stichwoerter kategorien categories
        gruppen gruppe group groups etiquettes merkmale labels etiquette motscles mandantengruppe kundengruppe""",
    Field.LANGUAGE: "sprache language langue korrespondenzsprache sprachcode preferredlanguage",
    Field.ADDRESS_FORM: "ansprache anredeform duzen dusie siedu tutoiement",
    Field.BIRTHDAY: """geburtsdatum geburtstag gebdatum geb gebdat birthday dateofbirth birthdate datedenaissance
        datenaissance dob""",
    Field.NOTE: """notiz notizen bemerkung bemerkungen kommentar kommentare anmerkung anmerkungen beschreibung note
        notes comment comments remarque remarques info infos freitext memo hinweis commentaire commentaires""",
    Field.LOGIN: "login portalzugang portallogin zugang portal zugangportal accesportail portalaccess acces",
    Field.NOTIFY: "notify benachrichtigung benachrichtigungen notification notifications benachrichtigen",
    Field.EMAIL_SYNC: "emailsync mailsync emailsynchronisation emailsynchronisierung synchroemail",
    Field.IS_COMMERCIAL: "kaufmaennisch kaufm kaufmaennischerkontakt commercial rechnungskontakt",
    Field.IS_OPERATIONAL: "operativ operational operativerkontakt operationnel",
    Field.VAT_ID: """ustid ustidnr ustidnummer umsatzsteuerid umsatzsteueridnr umsatzsteueridentifikationsnummer
        ustident ustidentnr vatid vat vatnumber vatno vatnr uid uidnummer uidnr uidmwst notva ntva numerotva
        numerodetva tvaintracommunautaire tva mwstnr mwstnummer mwst euustid euustidnr euustidnummer ustidnrn ide
        numeroide taxid numerotvaintracommunautaire notvaintracommunautaire umsatzsteuernummer ustidnrdeskunden""",
    Field.VAT_COUNTRY: "euland euland1",
    Field.EMAIL_LABEL: "emailkategorie emailtyp emailtype",
    Field.PHONE_LABEL: "telefonkategorie telefontyp phonetype telefonart",
    Field.IGNORE: """lfdnr lfdnummer laufendenummer briefanrede grussformel sachbearbeiter sachbearbeiterin
        mitarbeiter bearbeiter betreuer berater beraternummer beraternr zustaendig verantwortlich kundenbetreuer
        geaendertam erstelltam angelegtam adresskategorie webseitenkategorie id""",
}
GENERAL = {name: field for field, names in _GENERAL.items() for name in words_of(names)}

_OUTLOOK: dict[Field, str] = {
    Field.SALUTATION: "anrede title",
    Field.GIVEN_NAME: "vorname firstname",
    Field.MIDDLE_NAME: "weiterevornamen middlename",
    Field.FAMILY_NAME: "nachname lastname",
    Field.NAME_SUFFIX: "suffix",
    Field.COMPANY_NAME: "firma company",
    Field.STREET: "strassegeschaeftlich businessstreet",
    Field.STREET_MORE: "strassegeschaeftlich2 strassegeschaeftlich3 businessstreet2 businessstreet3",
    Field.CITY: "ortgeschaeftlich businesscity",
    Field.POSTCODE: "postleitzahlgeschaeftlich businesspostalcode",
    Field.COUNTRY: "landregiongeschaeftlich landgeschaeftlich businesscountryregion businesscountry",
    Field.PO_BOX: "postfachgeschaeftlich businessaddresspobox",
    Field.HOME_STREET: "strasseprivat homestreet",
    Field.HOME_CITY: "ortprivat homecity",
    Field.HOME_POSTCODE: "postleitzahlprivat homepostalcode",
    Field.HOME_COUNTRY: "landregionprivat landprivat homecountryregion homecountry",
    Field.FAX: "faxgeschaeftlich faxprivat weiteresfax businessfax homefax otherfax",
    Field.PHONE: """telefongeschaeftlich telefongeschaeftlich2 telefonprivat telefonprivat2 weiterestelefon
        haupttelefon businessphone businessphone2 homephone homephone2 otherphone primaryphone""",
    Field.COMPANY_PHONE: "telefonfirma companymainphone",
    Field.MOBILE: "mobiltelefon mobiltelefon2 mobilephone mobilephone2 autotelefon carphone",
    Field.EMAIL: "emailadresse email2adresse email3adresse emailaddress email2address email3address",
    Field.BIRTHDAY: "geburtstag birthday",
    Field.TAGS: "kategorien categories",
    Field.NOTE: "notizen notes",
    Field.WEBSITE: "webseite webpage",
}
OUTLOOK = {name: field for field, names in _OUTLOOK.items() for name in words_of(names)}

_GOOGLE: dict[Field, str] = {
    Field.GIVEN_NAME: "firstname givenname",
    Field.MIDDLE_NAME: "middlename additionalname",
    Field.FAMILY_NAME: "lastname familyname",
    Field.TITLE: "nameprefix",
    Field.NAME_SUFFIX: "namesuffix",
    Field.FILE_AS: "fileas",
    Field.FULL_NAME: "name",
    Field.COMPANY_NAME: "organizationname organization1name",
    Field.BIRTHDAY: "birthday",
    Field.NOTE: "notes",
    Field.LABELS: "labels groupmembership",
    Field.STREET: "address1street",
    Field.STREET_MORE: "address1extendedaddress",
    Field.CITY: "address1city",
    Field.PO_BOX: "address1pobox",
    Field.POSTCODE: "address1postalcode",
    Field.COUNTRY: "address1country",
    Field.ADDRESS: "address1formatted",
    Field.WEBSITE: "website1value",
    Field.LANGUAGE: "language",
}
GOOGLE = {name: field for field, names in _GOOGLE.items() for name in words_of(names)}
GOOGLE_MANY = re.compile(r"(email|phone)\d+(value|label|type)")
GOOGLE_FIELDS = {
    ("email", True): Field.EMAIL,
    ("email", False): Field.EMAIL_LABEL,
    ("phone", True): Field.PHONE,
    ("phone", False): Field.PHONE_LABEL,
}

_DATEV: dict[Field, str] = {
    Field.NUMBER: "konto kontonummer debitorkreditor",
    Field.COMPANY_NAME: "nameadressattypunternehmen nameadressatentypunternehmen",
    Field.FAMILY_NAME: """nameadressattypnatuerlperson nameadressatentypnatuerlperson
        nameadressattypnatuerlicheperson nameadressatentypnatuerlicheperson""",
    Field.GIVEN_NAME: """vornameadressattypnatuerlperson vornameadressatentypnatuerlperson
        vornameadressattypnatuerlicheperson vornameadressatentypnatuerlicheperson""",
    Field.NAME_OF_NEITHER: "nameadressattypkeineangabe nameadressatentypkeineangabe",
    Field.ADDRESSEE_KIND: "adressattyp adressatentyp",
    Field.VAT_COUNTRY: "euland",
    Field.VAT_ID: "euustid euustidnr euustidnummer",
    Field.SALUTATION: "anrede",
    Field.TITLE: "titelakadgrad titel",
    Field.NAME_PREFIX: "adelstitel namensvorsatz",
    Field.STREET: "strasse",
    Field.PO_BOX: "postfach",
    Field.POSTCODE: "postleitzahl plz",
    Field.CITY: "ort",
    Field.COUNTRY: "land",
    Field.STREET_MORE: "adresszusatz",
    Field.PHONE: "telefon telefongl telefongeschaeftsleitung sonstige",
    Field.EMAIL: "email",
    Field.WEBSITE: "internet",
    Field.FAX: "fax",
    Field.LANGUAGE: "sprache",
    Field.FULL_NAME: "ansprechpartner",
    Field.OTHER_NUMBER: "kundennummer",
}
DATEV = {name: field for field, names in _DATEV.items() for name in words_of(names)}
# fmt: off
DATEV_PLACES = {
    0: Field.NUMBER, 1: Field.COMPANY_NAME, 3: Field.FAMILY_NAME, 4: Field.GIVEN_NAME, 5: Field.NAME_OF_NEITHER,
    6: Field.ADDRESSEE_KIND, 8: Field.VAT_COUNTRY, 9: Field.VAT_ID, 10: Field.SALUTATION, 11: Field.TITLE,
    12: Field.NAME_PREFIX, 13: Field.NAME_PREFIX, 15: Field.STREET, 16: Field.PO_BOX, 17: Field.POSTCODE,
    18: Field.CITY, 19: Field.COUNTRY, 21: Field.STREET_MORE, 28: Field.PHONE, 30: Field.PHONE, 32: Field.EMAIL,
    34: Field.WEBSITE, 36: Field.FAX, 38: Field.PHONE, 98: Field.OTHER_NUMBER, 100: Field.LANGUAGE,
    101: Field.FULL_NAME,
}
# fmt: on
"""By their place, where nobody can read what the columns are called."""

_SPOUSE = re.compile(
    r"(?:des|der|vom|von|du|de)?(?:ehegatten?|ehegattin|ehepartners?|ehepartnerin|ehefrau|ehemann|gatten?|gattin|"
    r"lebenspartners?|spouses?|conjointe?|zweiteperson|(?<!kontakt)person2|(?<!ansprech)(?<!geschaefts)partner(?:in|s)?)(?:des|der)?"
)
_WHO = r"(?:kontaktperson|ansprechpartner|ansprechpartnerin|ansprechperson|kontakt|contactperson|contact|interlocuteur)"
_OTHER_PERSON = re.compile(rf"(?:{_WHO}|geschaeftsfuehrer|person)(?P<number>\d?)(?P<what>\D.*)")
_OTHER_PERSON_BEHIND = re.compile(rf"(?P<what>.+?)(?:des|der|du)?{_WHO}s?(?P<number>\d?)")
_OF_PERSON_ALONE = {"name1": Field.FAMILY_NAME, "name2": Field.GIVEN_NAME, "name": Field.FULL_NAME}
"""“Kontaktperson 1 Name 1”: of who is a person for sure."""
_NUMBERED = re.compile(r"(.*?[^\d])(\d)")
_OWNED = re.compile(
    r"(?:mandanten|mandant|kunden|kunde|client|customer)(.+)|(.+?)(?:des|der|du|of)?(?:mandanten|mandant|kunden|kunde|client|customer)"
)
"""“Mandanten-PLZ”, “E-Mail Kunde”."""
_CONTACT = re.compile(r"(email|telefon|tel|handy|mobil|fax|phone|mobile)(?:nummer|nr|adresse)?[a-z]{3,}\d?")
_NO_CONTACT = re.compile(r"typ|type|art\b|format|label|kategorie|name|korrekt|datum|status|assist|sync|bemerk|notiz")
OF_PERSON = frozenset(
    {Field.GIVEN_NAME, Field.FAMILY_NAME, Field.FULL_NAME, Field.MIDDLE_NAME, Field.NAME_PREFIX, Field.NAME_SUFFIX}
    | {Field.TITLE, Field.SALUTATION, Field.EMAIL, Field.PHONE, Field.MOBILE, Field.FAX, Field.BIRTHDAY}
    | {Field.LANGUAGE, Field.LOGIN, Field.NOTIFY, Field.EMAIL_SYNC, Field.NOTE, Field.IS_COMMERCIAL}
    | {Field.IS_OPERATIONAL, Field.STREET, Field.POSTCODE, Field.CITY, Field.COUNTRY, Field.ADDRESS_FORM}
)
NAMED_BY = frozenset({Field.GIVEN_NAME, Field.FAMILY_NAME, Field.FULL_NAME})
ONCE = frozenset({Field.STREET, Field.POSTCODE, Field.CITY, Field.COUNTRY, Field.POSTCODE_AND_CITY})
"""Of an address: a second one has no place."""


@dataclass(frozen=True)
class Known:
    """What is understood of a header."""

    format: Format
    targets: tuple[Target | None, ...]

    @property
    def count(self) -> int:
        """How many columns mean something."""
        return sum(target is not None for target in self.targets)


def known(headers: Sequence[str], *, is_datev: bool = False) -> Known:
    """The format by its columns, and where each goes; None of those that nobody knows."""
    names = [folded(header) for header in headers]
    kind = Format.DATEV if is_datev else _format(names)
    if kind is Format.OUTLOOK:
        return Known(kind, _simply(names, OUTLOOK))
    if kind is Format.DATEV:
        targets = _simply(names, DATEV)
        if sum(target is not None for target in targets) < 5 and len(headers) >= DATEV_COLUMNS_LEAST:
            targets = tuple(Target(DATEV_PLACES[at]) if at in DATEV_PLACES else None for at in range(len(headers)))
        return Known(kind, targets)
    if kind is Format.GOOGLE:
        targets = _simply(names, GOOGLE)
        many = [GOOGLE_MANY.fullmatch(name) for name in names]
        return Known(
            kind,
            tuple(
                Target(GOOGLE_FIELDS[found[1], found[2] == "value"]) if found else target
                for target, found in zip(targets, many, strict=True)
            ),
        )
    targets = _generally([_compared(header) for header in headers])
    if kind is Format.SEVDESK:
        targets = tuple(
            None if name == "debitorenkreditorennr" else target for name, target in zip(names, targets, strict=True)
        )
    if kind is Format.TAXDOME:
        targets = tuple(
            Target(Field.ACCOUNT_NAME) if name == "accountname" else target
            for name, target in zip(names, targets, strict=True)
        )
    if kind is Format.BEXIO:
        targets = tuple(
            Target(BEXIO[name]) if name in BEXIO else target for name, target in zip(names, targets, strict=True)
        )
    return Known(kind, targets)


BEXIO = {
    "name1": Field.FAMILY_NAME,
    "name2": Field.GIVEN_NAME,
    "ansprechpartner": Field.IGNORE,
    "ansprechpartnerin": Field.IGNORE,
    "kontaktgruppe": Field.TAGS,
    "kontaktgruppen": Field.TAGS,
}
"""Of a company the first is its name, see ``records``; the contact is the firm's own user."""


def _format(names: Sequence[str]) -> Format:
    has = set(names)
    marks: list[tuple[Format, bool]] = [
        (Format.DATEV, len(has & DATEV.keys() & _ONLY_DATEV) >= 2),
        (Format.OUTLOOK, len(has & _ONLY_OUTLOOK) >= 2),
        (
            Format.GOOGLE,
            any(map(GOOGLE_MANY.fullmatch, names)) or {"fileas", "labels"} <= has or "groupmembership" in has,
        ),
        (Format.SEVDESK, {"kundennr", "organisation"} <= has and bool(has & _ONLY_SEVDESK)),
        (Format.TAXDOME, "accountname" in has and bool(has & {"accounttype", "login", "emailsync"})),
        (Format.BEXIO, "name1" in has and ("kontaktart" in has or any(n.startswith("kontaktperson1") for n in names))),
        (
            Format.LEXOFFICE,
            "kundennummer" in has and len(has & {"strasse1", "plz1", "ort1", "email1", "telefon1"}) >= 2,
        ),
        (Format.RA_MICRO, bool(has & {"adressnummer", "adressnr", "adrnr"}) and "lkz" in has),
    ]
    return next((kind for kind, found in marks if found), Format.TABLE)


_ONLY_DATEV = frozenset(name for name in DATEV if "adress" in name and "typ" in name) | {"euustid", "euland"}
_ONLY_OUTLOOK = frozenset(
    words_of(
        """strassegeschaeftlich ortgeschaeftlich emailangezeigtername emailtyp email2adresse telefongeschaeftlich
        postleitzahlgeschaeftlich businessstreet businesscity emaildisplayname email2address businessphone homestreet
        businesspostalcode homephone emailtype"""
    )
)
_ONLY_SEVDESK = frozenset(
    {"debitorenkreditorennr", "adresskategorie", "emailkategorie", "telefonkategorie", "namenszusatz"}
)


def _simply(names: Sequence[str], table: Mapping[str, Field]) -> tuple[Target | None, ...]:
    return tuple(Target(table[name]) if name in table else None for name in names)


def _generally(names: Sequence[str]) -> tuple[Target | None, ...]:
    """By names alone, in whatever language; a second given name begins a second person."""
    found = [_general(name) for name in names]
    has = Counter(target.field for target in found if target is not None and target.person == 1)
    is_of_main = bool(has[Field.GIVEN_NAME] or has[Field.FAMILY_NAME])
    others = {target.person for target in found if target and target.person < 0 and target.field in NAMED_BY}
    beside = 1 if is_of_main or has[Field.NAME] else 0
    numbers = [number for _, number in map(_apart, names)]
    is_of_many = any(n > 1 and t is not None and t.field in NAMED_BY for n, t in zip(numbers, found, strict=True))
    repeats = any(names.count(name) > 1 for name, t in zip(names, found, strict=True) if t and t.field in NAMED_BY)
    addresses = {n for n, target in zip(numbers, found, strict=True) if target and target.field is Field.POSTCODE}
    is_in_parts = bool(has[Field.POSTCODE] or has[Field.POSTCODE_AND_CITY] or has[Field.CITY])
    seen: Counter[str] = Counter()
    result: list[Target | None] = []
    for target, number, name in zip(found, numbers, names, strict=True):
        seen[name] += 1
        if target is None or target.person > 1:
            result.append(target)
            continue
        field, person = target
        if person < 0:  # A person beside whom the record may be about somebody already.
            person = -person + beside if person in others else 1
        elif is_of_many and number > 1 and field in OF_PERSON:
            person = number
        elif repeats and field in OF_PERSON:
            person = seen[name]
        elif field in ONCE and (number > 1 or seen[name] > 1):
            is_more = field is Field.STREET and number not in addresses
            result.append(Target(Field.STREET_MORE) if is_more else None)
            continue
        elif field is Field.ADDRESS and is_in_parts:
            result.append(None if has[Field.STREET] else Target(Field.STREET))
            continue
        elif field is Field.NAME:
            field = _named(name, names, has)
        elif field is Field.COMPANY_NAME_MORE and not has[Field.COMPANY_NAME] and not has[Field.NAME]:
            field = Field.IGNORE
        result.append(Target(field, person) if person <= PEOPLE_MOST else None)
    return tuple(result)


def _named(name: str, names: Sequence[str], has: Mapping[Field, int]) -> Field:
    """What stands under “Name” or “Mandant” is told by the columns beside it."""
    if name in {"name", "nom", "name1"} and has[Field.GIVEN_NAME] and not has[Field.FAMILY_NAME]:
        return Field.FAMILY_NAME
    others = {other for other in names if other != name and GENERAL.get(other) in {Field.NAME, Field.COMPANY_NAME}}
    if name in {"mandant", "kunde", "klient", "client"} and any(other.startswith(name) for other in others):
        return Field.NAME if has[Field.NUMBER] else Field.NUMBER  # “Mandant” beside “Mandantenname”.
    return Field.NAME


def _apart(name: str) -> tuple[str, int]:
    """“E-Mail 2” is the second of its kind; what has no number is the first."""
    numbered = _NUMBERED.fullmatch(name)
    return (numbered[1], int(numbered[2]) or 1) if numbered else (name, 1)


def _general(name: str) -> Target | None:
    """A person below zero is one of those that a record names beside what it is about."""
    base, _ = _apart(name)
    plain = _plainly(name) or _plainly(base)
    if plain is not None:
        return Target(plain)
    spouse = _SPOUSE.search(name)
    if spouse is not None:
        rest = name[: spouse.start()] + name[spouse.end() :]
        if rest in GENERAL:
            return Target(GENERAL[rest], 2)
        return Target(Field.FULL_NAME, 2) if not rest and name not in {"partner", "partnerin"} else None
    for pattern in (_OTHER_PERSON, _OTHER_PERSON_BEHIND):
        other = pattern.fullmatch(name)
        field = (_OF_PERSON_ALONE.get(other["what"]) or _plainly(other["what"])) if other else None
        if other is not None and field is not None:
            return Target(field, -int(other["number"] or 1))
    contact = _CONTACT.fullmatch(name)
    if contact is not None and not _NO_CONTACT.search(name):
        return Target(GENERAL[contact[1]])
    return None


def _plainly(name: str) -> Field | None:
    if name in GENERAL:
        return GENERAL[name]
    owned = _OWNED.fullmatch(name)
    return GENERAL.get(owned[1] or owned[2]) if owned else None


def _compared(header: str) -> str:
    """A column's name as it is looked for, where several words stand for the same or some are set aside.

    “ORT/STADT”, “ZIP / Postal Code”, “Firma (falls vorhanden)”; “Straße / PLZ / Ort” is a whole address.
    """
    name, written = folded(header), header[:HEADER_MOST]
    if _general(name) is not None:
        return name
    found = {part: target.field for part in map(folded, _OR.split(written)) if (target := _general(part)) is not None}
    fields = {*found.values()}
    if len(fields) == 1 or (fields and fields <= _NUMBERS):
        return next(iter(found))
    if Field.STREET in fields and fields & {Field.CITY, Field.POSTCODE, Field.POSTCODE_AND_CITY}:
        return "adresse"
    bare = folded(_ASIDE.sub(" ", written))
    return name if fields or _general(bare) is None else bare


_OR = re.compile(r"[/|]|\s(?:oder|or|ou|bzw\.?)\s", re.IGNORECASE)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_NUMBERS = frozenset({Field.PHONE, Field.MOBILE, Field.FAX})
