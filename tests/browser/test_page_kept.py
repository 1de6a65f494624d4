"""The page in a real browser: runs that are kept, gone on with and compared."""

import signal

from tests.support.processes import ends, python
from tests.support.running_worker import RunningWorker
from tests.support.visits import drawn, served, visit
from tests.support.waiting import settled

UNHEARD = """\
import pathlib, sys
models = pathlib.Path(sys.argv[1]) / "models"
models.mkdir()
print("ready", flush=True)
open(sys.argv[2]).readline()
rows = "".join(f"{number},0.{number + 1},0.2\\n" for number in range(3))
(models / "training_log.csv").write_text("epoch,train_loss,val_loss\\n" + rows)
"""


def test_epochs_that_nobody_heard_of_are_drawn_and_marked(browser, tmp_path, gate, monkeypatch):
    folder = tmp_path / "runs"
    monkeypatch.setenv("SLEAP_PROGRESS_RUNS", str(folder))
    command = python(UNHEARD, str(tmp_path), gate.path)
    with RunningWorker("--no-page", "--checkpoints", str(tmp_path), "--", *command) as worker:
        pid = int(worker.wait_for("training started").split("process ")[1].rstrip(")\n"))
        worker.wait_for("ready")
        worker.interrupt(signal.SIGKILL)
        assert worker.ends() == -signal.SIGKILL
        gate.open()
        assert ends(pid)
        (run,) = folder.iterdir()
        assert settled((run / "exit.json").exists)
        with served("--adopt=last", "--keep-open", ports=()) as other:
            visit(browser, other)
            browser.wait_for("#state", "finished")
            browser.wait(lambda: drawn(browser) >= 2, "curves")
            browser.run("document.querySelector('#values').open = true")
            browser.wait_for("#values-rows", "3, from the trainer's own log")
            browser.wait_for("#warnings", "nobody listened")
            assert not any(c.isdigit() for c in browser.text("#per-epoch"))
            browser.picture("read")
    assert browser.complaints() == []
