"""Agreements for tests that do not ask how long they are, or not even what they say."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import md5

import pytest

from tasks.agreement import finalize, rendering, sending
from tasks.agreement.legal_check import _sample_data
from tasks.agreement.seal import seal


def short(data: rendering.AgreementData) -> bytes:
    """The cover and the last annex, without the terms: a third of the pages, and of the time."""
    cover, *_, annex = rendering.agreement_parts(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "agreement_parts", lambda *_: [cover, annex])
        return rendering.render_agreement(data)


@cache
def _sample(language: str) -> bytes:
    return short(_sample_data(language, "law"))


@cache
def _certificate(language: str) -> bytes:
    """What signing off and sealing put behind the sample."""
    party = rendering.Signature(
        party_name="A", signer_name="B", signed_at=datetime(2026, 3, 2, 9, tzinfo=UTC), how="page"
    )
    proof = rendering.Proof(
        document_id="1", trail_entries=1, trail_head="0" * 64,
        seal_level="", seal_holder="", seal_fingerprint="", seal_is_self_made=True,
    )  # fmt: skip
    sample = _sample(language)
    signed = rendering.sign_off(sample, [party, replace(party, how="countersigned")], language, proof)
    return seal(signed, "test").removeprefix(sample)


def unread(data: rendering.AgreementData) -> bytes:
    """A sample in the language of *data*, printed once; only its identifier is another for other data."""
    sample = _sample(data.language)
    (identifier,) = set(re.findall(rb"/ID \[\((\w{32})\) \((?:\1)\)\]", sample))
    return sample.replace(identifier, md5(repr(data).encode()).hexdigest().encode())


def signed_off(pdf: bytes, language: str) -> bytes:
    """A certificate that names nobody, sealed once behind a sample: so its seal is broken behind another file."""
    return pdf + _certificate(language)


def unread_everywhere(patch: pytest.MonkeyPatch) -> None:
    """Until *patch* is undone no agreement of the product says what was agreed, and no certificate who signed it."""
    patch.setattr(sending, "render_agreement", lambda data, _, identifier: unread(data))
    patch.setattr(finalize, "sign_off", lambda pdf, _, language, __: signed_off(pdf, language))
    patch.setattr(finalize, "seal", lambda pdf, _: pdf)
