"""What a signed agreement costs, rendered and sealed, beside an empty page from the same WeasyPrint in the same run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tasks.test_rendering import PROOF, data, signatures

TIMED = """
import datetime, pathlib, re, statistics, time
from weasyprint import HTML
from tasks.agreement.rendering import AgreementData, Proof, Signature, render_agreement, sign_off
from tasks.agreement.seal import seal

data, signatures, proof = {facts}

def memory(what):
    return int(re.search(what + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

def seconds(work):
    began = time.process_time()
    work()
    return time.process_time() - began

def yardstick():  # How fast the machine is just now, beside whatever else it does.
    sum(one * one for one in range(500_000))

def once():
    usual = seconds(yardstick)
    return seconds(lambda: {work}), memory("VmRSS"), usual

once()  # Fonts are looked for, templates compiled, the seal's certificate is made.
runs = [once() for _ in range({count})]
for part in (runs[:20], runs[-20:]):
    print(*(statistics.median(figures) for figures in zip(*part, strict=True)))
print(memory("VmHWM"))
"""
EMPTY = "HTML(string='<p>').write_pdf(pdf_variant='pdf/a-3b', pdf_tags=True)"
WHOLE = "seal(sign_off(render_agreement(data), signatures, data.language, proof), 'bench')"


class Cost(NamedTuple):
    """Medians of the first and the last 20 runs: seconds of CPU, MiB held, seconds of the yardstick; and peak MiB."""

    first_seconds: float
    first_memory: float
    first_yardstick: float
    last_seconds: float
    last_memory: float
    last_yardstick: float
    peak: float

    @property
    def slower(self) -> float:
        """How many times as long the last ones took, the machine's own pace taken out."""
        return (self.last_seconds / self.last_yardstick) / (self.first_seconds / self.first_yardstick)


def cost(work: str, count: int, folder: Path) -> Cost:
    """In a process of its own, whose memory is Linux's own figure: that of ``getrusage`` begins with its parent's."""
    script = TIMED.format(work=work, count=count, facts=repr((data(), signatures(), PROOF)))
    environment = {**os.environ, "PROVISION_DATA": str(folder)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return Cost(*(float(figure) for figure in done.stdout.split()))


@pytest.mark.benchmark
def test_two_hundred_sealed_agreements_cost_as_much_each_as_the_first(tmp_path):
    empty, whole = cost(EMPTY, 200, tmp_path), cost(WHOLE, 200, tmp_path)

    grown = whole.last_memory - whole.first_memory
    print(
        f"\nagreement, rendered and sealed: {whole.first_seconds:.2f} s of CPU, {whole.peak:.0f} MiB peak;"
        f" empty page: {empty.first_seconds:.3f} s, {empty.peak:.0f} MiB;"
        f" ratio {whole.first_seconds / empty.first_seconds:.0f} in time, {whole.peak / empty.peak:.2f} in memory\n"
        f"after 200 of them: {whole.slower:.2f} of the time, {grown:+.1f} MiB held"
        f" (empty page: {empty.slower:.2f},"
        f" {empty.last_memory - empty.first_memory:+.1f} MiB)"
    )
    assert whole.first_seconds < 200 * empty.first_seconds
    assert whole.peak < 3 * empty.peak
    assert whole.slower < 1.3
    assert grown < 0.2 * whole.first_memory
