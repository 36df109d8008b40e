"""Agreements for tests that do not ask how long they are."""

import pytest

from tasks.agreement import rendering


def short(data: rendering.AgreementData) -> bytes:
    """The cover and the last annex, without the terms: a third of the pages, and of the time."""
    cover, *_, annex = rendering.agreement_parts(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "agreement_parts", lambda *_: [cover, annex])
        return rendering.render_agreement(data)
