"""What a signed agreement costs, rendered and sealed, beside an empty page from the same WeasyPrint in the same run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tasks.test_paper import PROOF, data, signatures

TIMED = """
import datetime, pathlib, re, statistics, time
from weasyprint import HTML
from tasks.paper import AgreementData, Proof, Signature, render_agreement, sign_off
from tasks.seal import seal

data, signatures, proof = {facts}

def memory(what):
    return int(re.search(what + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

def once():
    began = time.process_time()
    {work}
    return time.process_time() - began, memory("VmRSS")

once()  # Fonts are looked for, templates compiled, the seal's certificate is made.
runs = [once() for _ in range({count})]
for part in (runs[:20], runs[-20:]):
    print(statistics.median(run[0] for run in part), statistics.median(run[1] for run in part))
print(memory("VmHWM"))
"""
EMPTY = "HTML(string='<p>').write_pdf(pdf_variant='pdf/a-3b', pdf_tags=True)"
WHOLE = "seal(sign_off(render_agreement(data), signatures, data.language, proof), 'bench')"


class Cost(NamedTuple):
    """Medians of the first and of the last 20 runs: seconds of CPU and MiB held by the process; its peak in MiB."""

    first_seconds: float
    first_memory: float
    last_seconds: float
    last_memory: float
    peak: float


def cost(work: str, count: int, folder: Path) -> Cost:
    """In a process of its own, whose memory is Linux's own figure: that of ``getrusage`` begins with its parent's."""
    script = TIMED.format(work=work, count=count, facts=repr((data(), signatures(), PROOF)))
    environment = {**os.environ, "PROVISION_DATA": str(folder)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return Cost(*(float(figure) for figure in done.stdout.split()))


@pytest.mark.benchmark
def test_two_hundred_sealed_agreements_cost_as_much_each_as_the_first(tmp_path):
    empty, whole = cost(EMPTY, 200, tmp_path), cost(WHOLE, 200, tmp_path)

    slower = whole.last_seconds / whole.first_seconds
    grown = whole.last_memory - whole.first_memory
    print(
        f"\nagreement, rendered and sealed: {whole.first_seconds:.2f} s of CPU, {whole.peak:.0f} MiB peak;"
        f" empty page: {empty.first_seconds:.3f} s, {empty.peak:.0f} MiB;"
        f" ratio {whole.first_seconds / empty.first_seconds:.0f} in time, {whole.peak / empty.peak:.2f} in memory\n"
        f"after 200 of them: {slower:.2f} of the time, {grown:+.1f} MiB held"
        f" (empty page: {empty.last_seconds / empty.first_seconds:.2f},"
        f" {empty.last_memory - empty.first_memory:+.1f} MiB)"
    )
    assert whole.first_seconds < 200 * empty.first_seconds
    assert whole.peak < 3 * empty.peak
    assert slower < 1.5
    assert grown < 0.2 * whole.first_memory
