import pytest

from models.names import first_name, split_name


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
        ("Muster, Dr. Erika", ("Dr. Erika", "Muster")),
        ("Muster, Erika, MBA", ("Erika", "Muster")),
        ("Max Beispiel M.A.", ("Max", "Beispiel")),
        ("Klein LL.M.", ("", "Klein")),
        ("LL.M.", ("", "LL.M.")),
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
    ],
)
def test_nobody_is_called_by_a_title_or_a_salutation(name, given):
    assert first_name(name) == given
