import pytest

from models.people.names import first_name, split_name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Erika Maria Muster", ("Erika Maria", "Muster")),
        ("Muster, Erika", ("Erika", "Muster")),
        ("García López, Ana", ("Ana", "García López")),
        ("Muster", ("", "Muster")),
        ("  Erika   Muster ", ("Erika", "Muster")),
        ("Max Beispiel jun.", ("Max", "Beispiel jun.")),
        ("Steffi Graf", ("Steffi", "Graf")),
        (" , ", ("", "")),
    ],
)
def test_a_name_has_a_given_and_a_family_part(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Jan van der Berg", ("Jan", "van der Berg")),
        ("Jan Van der Berg", ("Jan", "Van der Berg")),
        ("von der Tann, Max", ("Max", "von der Tann")),
        ("von Tann", ("", "von Tann")),
        ("Karl-Theodor Freiherr von und zu Stein", ("Karl-Theodor", "Freiherr von und zu Stein")),
        ("Anna Maria de la Cruz", ("Anna Maria", "de la Cruz")),
        ("Vincent van 't Hof", ("Vincent", "van 't Hof")),
        ("Jan in ’t Veld", ("Jan", "in ’t Veld")),
        ("Al Berg", ("Al", "Berg")),
    ],
)
def test_what_stands_before_a_family_name_belongs_to_it(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Dr. Erika Muster, LL.M.", ("Dr. Erika", "Muster")),
        ("Erika Muster, Steuerberaterin", ("Erika", "Muster")),
        ("Erika Muster, StB, WP", ("Erika", "Muster")),
        ("Erika Muster, Rechtsanwältin und Fachanwältin für Steuerrecht", ("Erika", "Muster")),
        ("Erika Muster, Dipl.-Finanzwirtin (FH)", ("Erika", "Muster")),
        ("Erika Muster, Dr.", ("Dr. Erika", "Muster")),
        ("Erika Muster, Dr., LL.M.", ("Dr. Erika", "Muster")),
        ("Muster, Dr. Erika", ("Dr. Erika", "Muster")),
        ("Muster, Erika, MBA", ("Erika", "Muster")),
        ("Max Beispiel M.A.", ("Max", "Beispiel")),
        ("Klein LL.M.", ("", "Klein")),
        ("LL.M.", ("", "LL.M.")),
        ("Max Beispiel, LL.M. (London)", ("Max", "Beispiel")),
        ("Max Beispiel (StB)", ("Max", "Beispiel")),
        ("Muster, Erika (Kanzlei Freitag", ("Erika", "Muster")),
        ("Muster, Erika M.A.", ("Erika", "Muster")),
        ("StB Max Beispiel", ("Max", "Beispiel")),
        ("RAin Erika Muster, LL.M.", ("Erika", "Muster")),
        ("Herr Rechtsanwalt Max Beispiel", ("Max", "Beispiel")),
        ("Wirtschaftsprüfer Max Beispiel", ("Max", "Beispiel")),
        ("Erika Muster Steuerberaterin", ("Erika", "Muster")),
        ("Erika Muster, Auszubildende", ("Erika", "Muster")),
        ("Erika Muster, Empfang", ("Erika", "Muster")),
        ("Erika Muster geb. Klein", ("Erika", "Muster")),
        ("Dr.Max Beispiel", ("Dr. Max", "Beispiel")),
        ("Maître Jean Dupont", ("Jean", "Dupont")),
        ("M. Jean Dupont", ("Jean", "Dupont")),
        ("Kaufmann, Eva", ("Eva", "Kaufmann")),
        ("Anna Neumeister", ("Anna", "Neumeister")),
    ],
)
def test_a_degree_or_a_profession_is_neither_given_nor_family_name(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Frau Prof. Dr. Anna von der Tann", "Anna"),
        ("Dipl.-Kfm. Max Beispiel", "Max"),
        ("Prof. Dr. h.c. mult. Max Beispiel", "Max"),
        ("J. R. Beispiel", "J. R."),
        ("Herr Dr. Muster", ""),
        ("Dr.-Ing. Max Beispiel", "Max"),
        ("Dipl.-Kfm. (FH) Max Beispiel", "Max"),
        ("Me Jean Dupont", "Jean"),
    ],
)
def test_nobody_is_called_by_a_title_or_a_salutation(name, given):
    assert first_name(name) == given


@pytest.mark.parametrize("name", ["|", "–", "12", "!?", "( )"])
def test_without_a_letter_nothing_is_a_name(name):
    assert split_name(name) == ("", "")


@pytest.mark.parametrize(
    "name", ["Erika Muster –", "„Erika Muster“", "1. Erika Muster", "• Erika Muster:", "Erika | Muster"]
)
def test_signs_and_numbers_around_a_name_are_none_of_it(name):
    assert split_name(name) == ("Erika", "Muster")


@pytest.mark.parametrize(
    ("name", "parts"),
    [("मोहन चौहान", ("मोहन", "चौहान")), ("李 明", ("李", "明")), ("Erika O’Hara", ("Erika", "O’Hara"))],
)
def test_a_name_is_left_as_it_is_in_any_script(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Emeka Azubike", ("Emeka", "Azubike")),
        ("Azubike Okafor", ("Azubike", "Okafor")),
        ("Azubike Emeka Okafor", ("Azubike Emeka", "Okafor")),
        ("Okafor, Azubike", ("Azubike", "Okafor")),
        ("Victor Nee", ("Victor", "Nee")),
        ("Dr. Watchman Nee", ("Dr. Watchman", "Nee")),
        ("Anna Maria Nee", ("Anna Maria", "Nee")),
        ("Rosa Nee Schmidt", ("Rosa Nee", "Schmidt")),
        ("Frau Rosa Nee Schmidt", ("Rosa Nee", "Schmidt")),
        ("Nina Geb", ("Nina", "Geb")),
        ("Max Buchhalter", ("Max", "Buchhalter")),
        ("Herr Dr. Max Buchhalter", ("Dr. Max", "Buchhalter")),
        ("Lena Berater", ("Lena", "Berater")),
        ("Anna Syndikus", ("Anna", "Syndikus")),
        ("Thomas Prokurist", ("Thomas", "Prokurist")),
        ("MA LIN", ("MA", "LIN")),
        ("Lin MA", ("Lin", "MA")),
    ],
)
def test_what_could_be_a_degree_or_a_profession_is_a_name_where_only_half_a_name_would_be_left(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize(
    "name",
    [
        "Erika Muster nee Klein", "Erika Muster geb Klein", "Azubi Erika Muster", "Erika Muster, Azubi",
        "Erika Muster Azubine", "Erika Muster MA", "MA Erika Muster",
    ],
)  # fmt: skip
def test_the_same_behind_both_names_or_before_them_is_no_name(name):
    assert split_name(name) == ("Erika", "Muster")
