from sqlalchemy import select

from models.db import reading, transaction
from models.firm import Firm, spellings
from models.people.person import Person
from models.queries.board import board
from models.spelling import Spelled
from models.time.clock import now
from tests import factories

NAMES = ["Östergård", "Müller-Lüdenscheidt", "GROẞMANN", "Weiß", "O’Neil", "Łukasz Đorđević", "Œuvre Éclair", "Ørsted"]


def test_the_database_folds_names_as_we_do():
    with reading() as session:
        folded = session.execute(select(*map(Spelled, NAMES))).one()

    for name, found in zip(NAMES, folded, strict=True):
        for way in spellings(name):
            assert set(way.split()) <= set(found.replace("-", " ").split()), name


def test_a_case_is_found_by_who_works_there_where_it_is_and_however_both_are_spelled():
    case_id = factories.opened(firm_name="Østergård & Weiß", street="Große Bäckerstraße 7", city="Köln")
    other = factories.opened("test:2", organiser={"name": "Jörg Łukasiewicz", "email": "j.luk@andere.example"})
    factories.advance(case_id)
    factories.advance(other)

    def found(search):
        with reading() as session:
            return {case.case_id for case in board(session, search=search).cases}

    for search in ("ostergard", "oestergard weiss", "Østergård", "koeln", "koln bäckerstrasse", "GROSSE"):
        assert found(search) == {case_id}, search
    for search in ("Lukasiewicz", "jörg łukasiewicz", "joerg", "j.luk@andere.example"):
        assert found(search) == {other}, search
    assert found("muster") == {case_id}
    assert found("80331") == {case_id, other}
    assert found("weiss jorg") == found("%") == set()
    with transaction() as session:
        for person in session.scalars(select(Person).join(Firm).where(Person.family_name == "Muster")):
            person.withdrawn_at = now()
    assert found("muster") == set()
