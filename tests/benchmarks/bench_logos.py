"""How often the right logo is found, beside two known ways to find one, and what a site costs."""

import pytest

from models.settings import settings
from tests.memory import peak_memory
from tests.websites.heldout import heldout
from tests.websites.known import known
from tests.websites.trial import told, tried


@pytest.mark.benchmark
@pytest.mark.parametrize(("name", "sites"), [("known", known()), ("held out", heldout())])
def test_the_right_logo(name, sites, monkeypatch):
    monkeypatch.setenv("PROVISION_FETCH_PRIVATE", "true")
    settings.cache_clear()

    with peak_memory() as peak:
        results = tried(sites, at_once=1, weighed=True)
    settings.cache_clear()

    print(
        "",
        *told(name, results),
        f"{name}: a process that looks at pictures took at most {peak() / 1e6:.0f} MB",
        sep="\n",
    )
    ours = sum(each.right for each in results)
    assert ours >= 0.9 * len(results)
    assert ours > max(
        sum(each.declared_first_right for each in results), sum(each.first_called_logo_right for each in results)
    )
