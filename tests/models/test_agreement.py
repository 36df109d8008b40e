from datetime import UTC, datetime

import pytest

from models.agreement import Agreement, DeclinedAlready, NotSigned, SignatureMissing, SignedAlready, SignedHow

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
    agreement.accept_copy(7, "Erika Muster", NOW)
    assert not agreement.is_open

    agreement.reopen()

    assert agreement.is_open
    assert agreement.uploaded_id is None
