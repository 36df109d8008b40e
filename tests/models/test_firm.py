import pytest

from models.company_id import CompanyIdPool
from models.db import reading, transaction
from models.errors import ProvisionError
from models.firm import Firm, LineOfBusiness, NumberNotOffered, NumberTaken, german_postcode, website_address
from models.time.clock import now


def firm(session, name="Kanzlei Freitag"):
    made = Firm(name=name, line_of_business=LineOfBusiness.LAW, created_at=now())
    session.add(made)
    session.flush()
    return made


def free(session, number):
    return CompanyIdPool.locked(session).nearest_free(session, number, 1) == [number]


@pytest.mark.parametrize(
    "name", ["Müller & Söhne", 'Büro "Zum Löwen"', "O’Neill <Partner>", "Ærø 100% {firm}", "税理士法人"]
)
def test_a_name_survives_as_it_is_written(name):
    with transaction() as session:
        firm_id = firm(session, name).id

    with reading() as session:
        assert session.get_one(Firm, firm_id).name == name


def test_a_number_is_given_once():
    with transaction() as session:
        one = firm(session)

        assert one.receive_number(session)
        number = one.company_id
        assert not one.receive_number(session)

        assert one.company_id == number


def test_a_preferred_number_is_held_and_granted():
    with transaction() as session:
        one, other = firm(session), firm(session)
        assert one.reserve(session, 777_777)
        assert not other.reserve(session, 777_777)

        assert one.grant_preference(session)
        assert not one.grant_preference(session)

        assert (one.company_id, one.preferred_number) == (777_777, None)
        assert other.offered_numbers == [777_775, 777_776, 777_778]


def test_a_preferred_number_refused_is_free_again_and_not_among_those_offered():
    with transaction() as session:
        one = firm(session)
        one.reserve(session, 777_777)

        assert one.refuse_preference(session) == [777_775, 777_776, 777_778]

        assert free(session, 777_777)
        assert one.missing[-1] == "company_id"


@pytest.mark.parametrize("answer", [Firm.grant_preference, Firm.refuse_preference])
def test_a_held_number_is_free_again_if_the_firm_took_another(answer):
    with transaction() as session:
        one = firm(session)
        one.reserve(session, 777_777)
        one.receive_number(session)
        number = one.company_id

        answer(one, session)

        assert one.company_id == number
        assert "company_id" not in one.missing
        assert free(session, 777_777)


def test_only_offered_numbers_can_be_chosen_and_the_first_gets_it():
    with transaction() as session:
        holder, one, other = firm(session), firm(session), firm(session)
        holder.reserve(session, 777_777)
        one.reserve(session, 777_777)
        other.reserve(session, 777_777)

        with pytest.raises(NumberNotOffered, match="123456"):
            one.choose_number(session, 123_456)
        one.choose_number(session, 777_778)
        with pytest.raises(NumberTaken, match="777778"):
            other.choose_number(session, 777_778)

        assert one.company_id == 777_778
        assert other.company_id is None


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ""),
        ("www.freitag.example", "https://www.freitag.example"),
        (" http://freitag.example:8080/x ", "http://freitag.example:8080/x"),
        ("müller.example", "https://müller.example"),
    ],
)
def test_a_website_gets_a_scheme(written, kept):
    assert website_address(written) == kept


NO_WEBSITES = [
    "ftp://x.example", "javascript:alert(1)", "freitag", "https://", "http://[::1", "a b.example", "u:p@x.example",
    "x.example:port", "https://x.example/" + "a" * 300, "a.example/\nx", "a.example\tx",
]  # fmt: skip


@pytest.mark.parametrize("written", NO_WEBSITES)
def test_what_is_no_website_is_refused(written):
    with pytest.raises(ProvisionError):
        website_address(written)


@pytest.mark.parametrize("written", ["8033", "803311", "8O331", "٨٠٣٣١"])
def test_a_postcode_has_five_digits(written):
    with pytest.raises(ProvisionError):
        german_postcode(written)
