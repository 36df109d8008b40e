"""What an agreement on paper costs, beside an empty page from the same WeasyPrint in the same run."""

import subprocess
import sys

import pytest

from tests.tasks.test_paper import data

TIMED = """
import datetime, pathlib, re, statistics, time
from weasyprint import HTML
from tasks.paper import AgreementData, render_agreement

{setting}
seconds = []
for _ in range(6):
    began = time.perf_counter()
    {work}
    seconds.append(time.perf_counter() - began)
peak = re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())
print(statistics.median(seconds[1:]), int(peak[1]) / 1024)
"""


def cost(work: str, setting: str = "") -> tuple[float, float]:
    """Median seconds of five warm runs, and the peak memory of their process in MiB.

    The peak is Linux's own figure of the process: the one that ``getrusage`` tells begins with that of its parent.
    """
    script = TIMED.format(work=work, setting=setting)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


@pytest.mark.benchmark
def test_an_agreement_costs_seconds_and_memory_within_reason():
    empty_seconds, empty_memory = cost("HTML(string='<p>').write_pdf(pdf_variant='pdf/a-3b', pdf_tags=True)")
    seconds, memory = cost("render_agreement(data)", setting=f"data = {data()!r}")

    print(
        f"\nagreement: {seconds:.2f} s, {memory:.0f} MiB peak;"
        f" empty page: {empty_seconds:.3f} s, {empty_memory:.0f} MiB;"
        f" ratio {seconds / empty_seconds:.0f} in time, {memory / empty_memory:.2f} in memory"
    )
    assert seconds < 200 * empty_seconds
    assert memory < 3 * empty_memory
