"""Many cases in one test, where each is over sooner than a test of its own would have begun."""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import signature


def each(names: str, cases: Iterable) -> Callable[[Callable], Callable]:
    """As ``pytest.mark.parametrize``, where no case needs a beginning of its own: all that fail are told.

    Several stand above each other as they do there.
    """
    named, values = names.replace(" ", "").split(","), list(cases)

    def of_test(function: Callable) -> Callable:
        @wraps(function)
        def tried(**fixtures):
            faults = []
            for case in values:
                given = dict(zip(named, case if len(named) > 1 else [case], strict=True))
                try:
                    function(**fixtures, **given)
                except ExceptionGroup as several:
                    here = list(several.exceptions)
                except Exception as fault:  # noqa: BLE001
                    here = [fault]
                else:
                    here = []
                for fault in here:
                    fault.add_note(f"with {given!r}")
                faults += here
            if faults:
                raise ExceptionGroup(f"{len(faults)} times", faults)

        asked = signature(function)
        tried.__signature__ = asked.replace(parameters=[p for p in asked.parameters.values() if p.name not in named])
        tried.each_of = getattr(function, "each_of", function)
        assert values, f"no {names} to try"
        return tried

    return of_test
