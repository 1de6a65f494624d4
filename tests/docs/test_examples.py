"""The programs of ``examples/`` run; they and the documents' snippets are typed."""

import os
import re
import signal
import subprocess
import sys

from tests.support.addresses import fixed_addresses
from tests.support.documents import DOCUMENTS, snippets
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE


def run(module: str, *arguments: str) -> str:
    """What an example prints; it exits with 0, without a warning, and leaves no trainer."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, errors = process.communicate(timeout=3 * PATIENCE)
        assert (process.returncode, errors) == (0, "")
        return printed
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # as it has to be


def received(printed: str) -> int:
    """The reports that the client received."""
    found = re.search(r"^the client received (\d+) reports$", printed, flags=re.MULTILINE)
    assert found, printed
    return int(found[1])


def test_a_pykka_worker_runs_two_jobs_and_its_client_has_every_report() -> None:
    printed = run("examples.pykka_worker")
    jobs = re.findall(
        r"^(job-\d) completed: (\d+) reports received, (\d+) f", printed, re.MULTILINE
    )
    assert [job for job, _, _ in jobs] == ["job-1", "job-2"]
    assert [count for _, count, _ in jobs] == [forwarded for _, _, forwarded in jobs]
    assert jobs[0][1] == "86"
    assert received(printed) == sum(int(count) for _, count, _ in jobs)


def test_an_asyncio_worker_runs_two_jobs_and_its_client_stops_the_second() -> None:
    printed = run("examples.asyncio_worker", *fixed_addresses(2))
    assert re.findall(r"job-\d exited with .*", printed) == [
        "job-1 exited with 0",
        "job-2 exited with 0",
    ]
    assert received(printed) > 86


def test_the_snippets_of_the_documents_are_typed(tmp_path) -> None:
    """As strictly as the code; the examples are checked with it, by the project's own settings."""
    found = [(path.stem, snippet) for path in DOCUMENTS for snippet in snippets(path)]
    assert len(found) >= 3
    for number, (name, snippet) in enumerate(found):
        (tmp_path / f"{name.lower()}_{number}.py").write_text(snippet)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *sorted(tmp_path.iterdir())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
