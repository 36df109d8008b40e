"""robots.txt as RFC 9309 reads it: groups, the longest matching path, ``*`` and ``$``."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

MOST_RULES = 2000


@dataclass(frozen=True)
class Robots:
    """What one site lets one visitor fetch: pairs of a path pattern and whether it is allowed."""

    rules: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def read(cls, text: str, product: str) -> Self:
        """The rules for *product*, or those for everybody if the site does not name it."""
        groups: dict[str, list[tuple[str, bool]]] = {}
        agents: list[str] = []
        in_rules = False
        for line in text.removeprefix("\ufeff").splitlines()[:MOST_RULES]:
            key, _, value = (part.strip() for part in line.partition("#")[0].partition(":"))
            match key.lower():
                case "user-agent":
                    token = re.match(r"\*|[a-z_-]*", value.lower())  # A version may follow the name.
                    agents = [*([] if in_rules else agents), token[0] if token else ""]
                    in_rules = False
                    groups.setdefault(agents[-1], [])
                case "allow" | "disallow":
                    in_rules = True
                    for agent in agents:
                        if value:
                            groups[agent].append((value, key.lower() == "allow"))
        named = groups.get(product.lower())
        return cls(tuple(groups.get("*", []) if named is None else named))

    def allow(self, target: str) -> bool:
        """Whether the path with its query may be fetched; of equally long rules the allowing one wins."""
        path = unquote(target) or "/"
        matching = [(len(rule), allowed) for rule, allowed in self.rules if _matches(unquote(rule), path)]
        return max(matching, default=(0, True))[1]


def _matches(rule: str, path: str) -> bool:
    """Match piece by piece, never backtracking, so that a rule full of stars costs nothing."""
    end = rule.endswith("$")
    first, *rest = re.split(r"\*+", rule.removesuffix("$"))
    if not path.startswith(first):
        return False
    at = len(first)
    last = rest.pop() if end and rest else None
    for piece in rest:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    if not end:
        return True
    return at == len(path) if last is None else path.endswith(last) and len(path) - len(last) >= at
