from unicodedata import normalize

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models.db import reading, transaction
from models.people import login
from models.people.login import Login, SignIn, SignInRefused, _hasher, hash_password, verify_password
from models.people.mail_address import AddressInvalid, email_address
from models.people.person import Person, Role
from models.time.clock import now
from tasks.onboarding.registration import registered_elsewhere
from tasks.people import sessions
from tasks.people.sessions import sign_in
from tests.factories import PASSWORD, advance, firm_of, opened

LEO = "leo@freitag.example"


@pytest.fixture
def account():
    hashed = hash_password(PASSWORD)
    with transaction() as session:
        at = now()
        session.add(Login(email=LEO, password_hash=hashed, is_operator=True, created_at=at, confirmed_at=at))


def test_passwords_are_kept_as_argon2id_only(account):
    with reading() as session:
        kept = session.scalars(select(Login.password_hash)).one()

    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


def test_the_same_password_signs_in_from_every_keyboard(account):
    apart = normalize("NFD", PASSWORD)
    assert apart != PASSWORD

    assert sign_in(f" {LEO.upper()} ", apart)


@pytest.mark.parametrize(("email", "password"), [(LEO, "falsch" * 4), ("nobody@freitag.example", PASSWORD), ("", "")])
def test_a_wrong_address_and_a_wrong_password_are_told_alike(account, email, password):
    with pytest.raises(SignInRefused) as refusal:
        sign_in(email, password)

    assert str(refusal.value) == SignInRefused.says


def test_an_unknown_address_costs_as_much_as_a_wrong_password(account, monkeypatch):
    checked = []

    class Counting:
        def verify(self, known, _password):
            checked.append(known)
            raise login.VerificationError

    monkeypatch.setattr(login, "_nobody", lambda: "somebody's hash")
    monkeypatch.setattr(login, "_hasher", Counting)
    for email in (LEO, "nobody@freitag.example"):
        with pytest.raises(SignInRefused):
            sign_in(email, PASSWORD)

    assert len(checked) == 2


def test_an_account_kept_elsewhere_has_no_password_to_sign_in_with():
    with transaction() as session:
        session.add(Login(email=LEO, external_id="idp|1", created_at=now()))

    with pytest.raises(SignInRefused):
        sign_in(LEO, PASSWORD)


def test_a_new_password_ends_every_session_and_a_session_ends_by_itself(account, clock):
    token, hashed = sign_in(LEO, PASSWORD), hash_password("sieben rote Vögel singen")
    with transaction() as session:
        assert SignIn.find(session, token, now())
        Login.by_email(session, LEO).keep_password(session, hashed)
    with reading() as session:
        assert SignIn.find(session, token, now()) is None

    token = sign_in(LEO, "sieben rote Vögel singen")
    clock(hours=13)
    with reading() as session:
        assert SignIn.find(session, token, now()) is None


def test_no_session_token_lies_in_the_database(account):
    token = sign_in(LEO, PASSWORD)

    with reading() as session:
        assert token not in repr(session.execute(select(SignIn.__table__)).all())


def test_who_has_an_account_joins_with_its_password_only(account):
    with pytest.raises(SignInRefused):
        joined("eine ganz andere Losung 7")

    assert joined(PASSWORD)
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Login)) == 1
        assert session.scalar(select(func.count()).select_from(SignIn)) == 0


def test_a_password_that_was_changed_while_it_was_verified_opens_nothing(account, monkeypatch):
    verify = sessions.verify_password

    def changed(known, password):
        verified, other = verify(known, password), hash_password("sieben rote Vögel singen")
        with transaction() as session:
            Login.by_email(session, LEO).keep_password(session, other)
        return verified

    monkeypatch.setattr(sessions, "verify_password", changed)

    with pytest.raises(SignInRefused):
        sign_in(LEO, PASSWORD)
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(SignIn)) == 0


def joined(password):
    firm_id = firm_of(opened("test:join"))
    with reading() as session:
        before = Login.by_email(session, LEO).password_hash
    hashed = verify_password(before, password)
    with transaction() as session:
        one = Person(firm_id=firm_id, role=Role.CASEWORKER, email=LEO, family_name="Muster", added_at=now())
        session.add(one)
        session.flush()
        return one.register(session, before, hashed, now()).id


def test_a_firm_has_one_organiser():
    firm_id = firm_of(opened())

    with pytest.raises(IntegrityError), transaction() as session:
        session.add(Person(firm_id=firm_id, role=Role.ORGANISER, email=LEO, family_name="Leo", added_at=now()))


@pytest.mark.parametrize("nothing", ["", "-", ".", " – ", "123"])
def test_what_another_system_writes_in_place_of_a_name_leaves_the_name_as_it_is(nothing):
    case_id = opened()
    advance(case_id)

    registered_elsewhere("erika@freitag.example", "idp|1", "Eri", nothing)

    with reading() as session:
        assert named_parts(Person.organiser(session, firm_of(case_id))) == ("Eri", "Muster")
    one = Person(email=LEO, given_name="Leo", family_name="Muster")
    one.call_as_kept(nothing, "Beispiel")
    assert named_parts(one) == ("Leo", "Beispiel")


def named_parts(one):
    return one.given_name, one.family_name


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Leo@Freitag.Example ", "leo@freitag.example"),
        ("jörg@müller.example", "jörg@müller.example"),
        ("info@xn--mller-kva.example", "info@müller.example"),
        ("Info@XN--MLLER-KVA.example", "info@müller.example"),
        ("info@mu\u0308ller.example", "info@müller.example"),
        ("\u200binfo@müller.example\u00a0", "info@müller.example"),
        ("mailto:info@müller.example", "info@müller.example"),
        ("info@STRASSE.example", "info@strasse.example"),
        ("info@xn--strae-oqa.example", "info@straße.example"),
    ],
)
def test_an_address_is_kept_in_one_form(written, kept):
    assert email_address(written) == kept


def test_an_account_is_found_however_the_domain_is_written(account):
    with transaction() as session:
        session.scalars(select(Login)).one().email = "info@müller.example"

    assert sign_in("INFO@xn--mller-kva.example", PASSWORD)
    assert sign_in("info@müller.example", PASSWORD)


@pytest.mark.parametrize("written", ["", "leo", "leo@", "@x.example", "a b@x.example", "a@x.example\nBcc: b@x.example"])
def test_what_cannot_receive_mail_is_refused(written):
    with pytest.raises(AddressInvalid):
        email_address(written)


def test_a_domain_is_shown_as_people_write_it_when_the_address_is_refused():
    with pytest.raises(AddressInvalid, match="angelika@größte-kanzlei”"):
        email_address("angelika@xn--grte-kanzlei-m9a53a")  # As browsers send it.


def test_production_hashes_as_rfc_9106_advises():
    made = _hasher()

    assert (made.type.name, made.time_cost, made.memory_cost) == ("ID", 3, 65536)
