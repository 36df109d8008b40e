from datetime import UTC, datetime, timedelta

import pytest

from models.agreement import (
    Agreement,
    DeclinedAlready,
    Expired,
    NotHandedOver,
    NotSigned,
    SignatureMissing,
    SignedAlready,
    SignedHow,
    Withdrawn,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def sign(agreement):
    return agreement.sign(" Erika Muster ", SignedHow.PAGE, NOW, ip="127.0.0.1", agent="x" * 999)


def decline(agreement):
    return agreement.decline(" zu teuer ", NOW)


def countersign(agreement):
    return agreement.countersign("operator@convent-it.example", NOW)


@pytest.mark.parametrize(
    ("before", "act", "outcome"),
    [
        ([], sign, True),
        ([], decline, True),
        ([], countersign, NotSigned),
        ([sign], sign, False),
        ([sign], decline, SignedAlready),
        ([sign], countersign, True),
        ([decline], sign, DeclinedAlready),
        ([decline], decline, False),
        ([decline], countersign, NotSigned),
        ([sign, countersign], sign, False),
        ([sign, countersign], decline, SignedAlready),
        ([sign, countersign], countersign, False),
    ],
)
def test_an_agreement_goes_its_way_once(before, act, outcome):
    agreement = Agreement()
    for step in before:
        step(agreement)
    state = dict(vars(agreement))

    if isinstance(outcome, bool):
        assert act(agreement) is outcome
    else:
        with pytest.raises(outcome):
            act(agreement)

    if outcome is not True:
        assert {k: v for k, v in vars(agreement).items() if k[0] != "_" and v is not None} == {
            k: v for k, v in state.items() if k[0] != "_" and v is not None
        }


def test_a_signature_needs_a_name():
    with pytest.raises(SignatureMissing):
        Agreement().sign("  ", SignedHow.PAGE, NOW)


def test_a_signature_not_accepted_leaves_the_agreement_open():
    agreement = Agreement()
    agreement.uploaded_id = 7
    agreement.sign("Erika Muster", SignedHow.UPLOAD, NOW)
    assert not agreement.is_open

    agreement.reopen()

    assert agreement.is_open
    assert agreement.uploaded_id is None


def sent(**facts):
    agreement = Agreement(parts_read={}, **facts)
    agreement.send(NOW)
    return agreement


def withdraw(agreement):
    return agreement.withdraw("Ein Tippfehler", "operator@convent-it.example", NOW)


def expire(agreement):
    return agreement.expire(NOW + timedelta(days=91))


@pytest.mark.parametrize(
    ("before", "act", "outcome"),
    [
        ([], withdraw, True),
        ([], expire, True),
        ([withdraw], withdraw, False),
        ([withdraw], expire, False),
        ([withdraw], sign, Withdrawn),
        ([withdraw], decline, Withdrawn),
        ([expire], sign, Expired),
        ([expire], decline, Expired),
        ([expire], withdraw, Expired),
        ([expire], expire, False),
        ([sign], withdraw, SignedAlready),
        ([sign], expire, False),
        ([decline], withdraw, DeclinedAlready),
        ([decline], expire, False),
    ],
)
def test_what_is_withdrawn_or_out_of_date_cannot_be_answered(before, act, outcome):
    agreement = sent()
    for step in before:
        step(agreement)

    if isinstance(outcome, bool):
        assert act(agreement) is outcome
    else:
        with pytest.raises(outcome):
            act(agreement)

    assert agreement.is_open is False


def test_it_can_be_signed_until_the_ninetieth_day_ends_where_the_provider_is_and_not_a_moment_longer():
    agreement, midnight = sent(), datetime(2026, 5, 31, 22, tzinfo=UTC)

    agreement.require_open(midnight - timedelta(seconds=1))

    assert not agreement.expire(midnight - timedelta(seconds=1))
    with pytest.raises(Expired):
        agreement.require_open(midnight)


def test_it_does_not_run_out_while_a_copy_is_being_checked():
    agreement = sent(uploaded_id=7)

    assert not expire(agreement)
    assert agreement.sign("Erika Muster", SignedHow.UPLOAD, NOW + timedelta(days=100))


def test_who_signs_instead_reads_anew():
    agreement = sent()
    agreement.view(NOW)
    agreement.read("cover", NOW)

    agreement.delegate(5, " Partnerin ", NOW)

    assert agreement.unread(["cover", "terms"]) == ["cover", "terms"]
    assert agreement.viewed_at is None
    agreement.read("terms", NOW)
    sign(agreement)
    assert agreement.signer_function == "Partnerin"


def test_what_was_not_handed_over_cannot_be_taken_back():
    agreement = sent()
    with pytest.raises(NotHandedOver):
        agreement.take_back()

    agreement.delegate(5, "Partnerin", NOW)

    assert agreement.take_back() == 5
    assert agreement.delegate_id is None


def test_a_part_is_read_once():
    agreement = sent()

    assert agreement.read("cover", NOW)
    assert not agreement.read("cover", NOW + timedelta(days=1))
    assert agreement.parts_read == {"cover": NOW.isoformat()}
