"""The logo is found on many small websites, each marked up in a way of its own."""

import pytest

from tests.websites.heldout import heldout
from tests.websites.known import known
from tests.websites.trial import told, tried


@pytest.fixture(autouse=True)
def loopback(site):
    """Settings that let us fetch from this machine."""


@pytest.mark.parametrize(("sites", "least"), [(known(), 0.97), (heldout(), 0.93)], ids=["known", "heldout"])
def test_the_right_logo_is_found_on_nearly_every_website(sites, least):
    results = tried(sites)

    assert sum(each.right for each in results) >= least * len(sites), "\n".join(told("sites", results))
    assert max(each.requests for each in results) <= 25


def test_there_are_sites_enough_and_some_have_no_logo():
    sites = [*known(), *heldout()]

    assert len(known()) >= 60
    assert len(heldout()) >= 15
    assert sum(not site.logo for site in sites) >= 6
