"""What is said of a record, one sentence a kind; its facts go into it."""

from models.errors import N_
from tasks.clients.imports.draft import Choice, Field, Format, NoteKind, Question, Reason, Skipped

NOTES: dict[NoteKind, str] = {
    NoteKind.POSTCODE_ZERO: N_("The postcode %(value)s has lost its first digit: it becomes %(becomes)s."),
    NoteKind.POSTCODE_UNFIT: N_("“%(value)s” is not a postcode of the country %(country)s: it is left out."),
    NoteKind.PHONE_ZERO: N_("The telephone number %(value)s has lost its first zero: it is read as %(becomes)s."),
    NoteKind.PHONE_UNREAD: N_("“%(value)s” is not a telephone number: it is left out."),
    NoteKind.PHONE_EXTENSION: N_("“%(value)s” behind a telephone number is left out."),
    NoteKind.DESTROYED: N_("A spreadsheet has destroyed “%(value)s” in the column %(column)s: it is left out."),
    NoteKind.NUMBER_OF_PERSON: N_("The number %(value)s is that of the person, not of the company: it is left out."),
    NoteKind.OTHER_NUMBER: N_("The number %(value)s is not imported: the account is kept under %(kept)s."),
    NoteKind.OF_SHEET: N_("It stands in the sheet “%(value)s”."),
    NoteKind.VAT_ID_INVALID: N_("“%(value)s” is not a VAT identification number: it is left out."),
    NoteKind.COUNTRY_UNKNOWN: N_("“%(value)s” is not a country that is known: the country of your firm is taken."),
    NoteKind.WEBSITE_UNREAD: N_("“%(value)s” is not a web address: it is left out."),
    NoteKind.SWITCH_UNREAD: N_("“%(value)s” means neither yes nor no: the switch is left as it is."),
    NoteKind.LANGUAGE_UNREAD: N_("The language “%(value)s” is none of German, French and English: it is left out."),
    NoteKind.DATE_WITHOUT_YEAR: N_("The day “%(value)s” has no year: it is left out."),
    NoteKind.LOST_LETTER: N_("A letter was lost in “%(value)s” (%(column)s): compare it with the program it is from."),
    NoteKind.LETTERS_REPAIRED: N_("Letters in “%(value)s” were garbled: it becomes “%(becomes)s”."),
    NoteKind.MORE_EMAILS: N_("Further e-mail addresses are not imported: %(value)s. Kept is %(kept)s."),
    NoteKind.NOT_AN_ADDRESS: N_("“%(value)s” is not an e-mail address: it is left out."),
    NoteKind.OTHER_NAME: N_("“%(value)s” stands in another column for a name: it is not imported."),
    NoteKind.NAME_PART: N_("“%(value)s” in the name “%(of)s” is not imported."),
    NoteKind.MAYBE_CUT: N_("“%(value)s” may have been cut: DATEV keeps %(most)s characters of it."),
    NoteKind.MIDDLE_NAME: N_("The further given name “%(value)s” is not imported."),
}
QUESTIONS: dict[Question, str] = {
    Question.TWO_PEOPLE: N_("“%(value)s” looks like two people: shall each become a contact as shown?"),
    Question.COMPANY_AS_NAME: N_(
        "“%(value)s” stands as a person’s name and looks like a company: shall it become one?"
    ),
    Question.GIVEN_NAME_MISSING: N_("The given name of “%(value)s” is missing: shall the contact be made without it?"),
    Question.NAME_UNCLEAR: N_("It is not clear what of “%(value)s” is the family name: is it right as shown?"),
    Question.SHORT_ROW: N_("The row has %(cells)s cells of %(columns)s: shall what is missing stay empty?"),
    Question.LONG_ROW: N_(
        "The row has %(cells)s cells for %(columns)s columns, so that nobody knows where they belong."
    ),
    Question.UNCLOSED_QUOTE: N_("A quotation mark before “%(value)s” is never closed: correct the row in the file."),
    Question.SHARED_ADDRESS: N_(
        "%(name)s and %(written)s have the same e-mail address, %(address)s: shall it be kept for the first alone?"
    ),
    Question.BAD_EMAIL: N_("“%(value)s” is not an e-mail address: shall the record be imported without it?"),
    Question.BAD_DATE: N_("“%(value)s” is no day that there is: shall the record be imported without it?"),
    Question.TOO_LONG: N_("“%(value)s” has more than %(most)s characters: shall the record be imported without it?"),
    Question.SAME_ADDRESS_OTHER_NAME: N_(
        "The e-mail address %(address)s is that of %(name)s, not of %(written)s: who is it?"
    ),
    Question.RESEMBLING_NAME: N_("“%(written)s” resembles “%(name)s”: are they the same?"),
    Question.SAME_NAME_OTHER_NUMBER: N_(
        "“%(name)s” is there already, with the number %(number)s instead of %(written)s: are they the same?"
    ),
    Question.SAME_NAME_NO_ADDRESS: N_("“%(name)s” is there already: are they the same?"),
}
REASONS: dict[Reason, str] = {
    Reason.NOTHING_USEFUL: N_("Nothing in this row stands in a column that is imported."),
    Reason.NO_NAME: N_("The row has no name: neither of a company nor of a person."),
    Reason.NO_FAMILY_NAME: N_("“%(value)s” has no family name."),
    Reason.NAME_TOO_LONG: N_("The name “%(value)s…” is too long: shorten it in the file."),
    Reason.NO_PERSON: N_("“%(value)s” has no contact: an account needs a person with given and family name."),
}
SKIPPED: dict[Skipped, str] = {
    Skipped.SUPPLIER: N_("a supplier, not a client"),
    Skipped.CREDITOR: N_("an account of creditors, that is a supplier"),
    Skipped.AUTHORITY: N_("a court, office or insurer that comes with the program"),
    Skipped.OWN_FIRM: N_("your own firm"),
}
CHOICES: dict[Choice, str] = {
    Choice.CREATE: N_("import as shown"),
    Choice.LINK: N_("it is the same: link"),
    Choice.SKIP: N_("leave out"),
    Choice.WITHOUT_VALUE: N_("import without it"),
}
FORMATS: dict[Format, str] = {
    Format.DATEV: N_("DATEV debtors"),
    Format.OUTLOOK: N_("Outlook contacts"),
    Format.GOOGLE: N_("Google contacts"),
    Format.LEXOFFICE: "Lexware Office",
    Format.SEVDESK: "sevdesk",
    Format.BEXIO: "bexio",
    Format.TAXDOME: "TaxDome",
    Format.RA_MICRO: "RA-MICRO",
    Format.TABLE: N_("a table"),
}
FIELDS: dict[Field, str] = {
    Field.IGNORE: N_("not imported"),
    Field.ACCOUNT_NAME: N_("name of the account"),
    Field.ACCOUNT_KIND: N_("kind of account (company or individual)"),
    Field.COMPANY_NAME: N_("company"),
    Field.COMPANY_NAME_MORE: N_("company, second part"),
    Field.NUMBER: N_("customer number"),
    Field.VAT_ID: N_("VAT identification number"),
    Field.VAT_COUNTRY: N_("VAT identification number, country"),
    Field.OTHER_NUMBER: N_("number of the client’s own (DATEV)"),
    Field.SUPPLIER_NUMBER: N_("number of the supplier"),
    Field.CATEGORY: N_("client or supplier"),
    Field.STREET: N_("street"),
    Field.HOUSE_NUMBER: N_("house number"),
    Field.STREET_MORE: N_("street, second line"),
    Field.PO_BOX: N_("post office box"),
    Field.POSTCODE: N_("postcode"),
    Field.CITY: N_("town"),
    Field.POSTCODE_AND_CITY: N_("postcode and town"),
    Field.COUNTRY: N_("country"),
    Field.ADDRESS: N_("whole address"),
    Field.EMAIL: N_("e-mail"),
    Field.EMAIL_LABEL: N_("kind of e-mail"),
    Field.PHONE: N_("telephone"),
    Field.PHONE_LABEL: N_("kind of telephone"),
    Field.MOBILE: N_("mobile telephone"),
    Field.FAX: N_("fax number"),
    Field.COMPANY_PHONE: N_("telephone of the company"),
    Field.WEBSITE: N_("website"),
    Field.TAGS: N_("tags"),
    Field.LABELS: N_("labels of Google"),
    Field.NOTE: N_("note"),
    Field.TITLE: N_("academic title"),
    Field.SALUTATION: N_("salutation"),
    Field.GIVEN_NAME: N_("given name"),
    Field.MIDDLE_NAME: N_("further given names"),
    Field.NAME_PREFIX: N_("prefix of the family name"),
    Field.FAMILY_NAME: N_("family name"),
    Field.NAME_SUFFIX: N_("suffix of the name"),
    Field.FULL_NAME: N_("contact’s whole name"),
    Field.FILE_AS: N_("filed as"),
    Field.NAME: N_("name of a person or company"),
    Field.NAME_FAMILY_FIRST: N_("name of a person or company, family name first"),
    Field.HOME_STREET: N_("street (home)"),
    Field.HOME_POSTCODE: N_("postcode (home)"),
    Field.HOME_CITY: N_("town (home)"),
    Field.HOME_COUNTRY: N_("country (home)"),
    Field.LANGUAGE: N_("language"),
    Field.ADDRESS_FORM: N_("form of address (Sie or Du)"),
    Field.BIRTHDAY: N_("day of birth"),
    Field.LOGIN: N_("LOGIN"),
    Field.NOTIFY: N_("NOTIFY"),
    Field.EMAIL_SYNC: N_("EMAIL SYNC"),
    Field.IS_COMMERCIAL: N_("commercial contact"),
    Field.IS_OPERATIONAL: N_("operational contact"),
    Field.ADDRESSEE_KIND: N_("kind of addressee (DATEV)"),
    Field.NAME_OF_NEITHER: N_("name of neither person nor company (DATEV)"),
}
