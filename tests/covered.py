"""Tells how much of the product the tests have seen: ``python -m tests.covered FILE``, with what slipcover has written.

What runs in a process that a test starts, as a worker or the web server, is not counted.
"""

import json
import sys
from pathlib import Path

LEAST = 5


def summary(measured: dict) -> str:
    """Branches and lines that were seen, and the modules of which the fewest branches were."""
    whole, modules = measured["summary"], {}
    for name, module in measured["files"].items():
        seen, missing = module["summary"]["covered_branches"], module["summary"]["missing_branches"]
        if seen + missing:
            modules[name] = seen / (seen + missing)
    branches = whole["covered_branches"] + whole["missing_branches"]
    lines = whole["covered_lines"] + whole["missing_lines"]
    least = sorted(modules.items(), key=lambda module: module[1])[:LEAST]
    return (
        f"Seen by the tests: {whole['covered_branches'] / branches:.0%} of {branches:,} branches, "
        f"{whole['covered_lines'] / lines:.0%} of {lines:,} lines; "
        f"least of {', '.join(f'{name} ({share:.0%})' for name, share in least)}"
    )


if __name__ == "__main__":
    print(summary(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
