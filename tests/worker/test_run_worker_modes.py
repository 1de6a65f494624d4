"""The complete worker as a process: journals, replays, adopted trainers, and its page."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from tests.support.addresses import fixed_addresses, has_ipv6, parts_of, port_of
from tests.support.certificates import certificate
from tests.support.changed_worker import changed
from tests.support.embedded_run import embedded_trainer
from tests.support.processes import shell
from tests.support.running_worker import FREE_PORTS, PAGE, PROMPT, RunningWorker, at
from tests.support.sleap_nn import put_sleap_nn
from tests.support.trainer_process import trainer
from tests.support.waiting import PATIENCE, settled


class Visit:
    """What a program sees of the page at ``link``."""

    def __init__(self, link: str, context: ssl.SSLContext | None = None) -> None:
        self.base, token = parts_of(link)
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context),
            urllib.request.ProxyHandler({}),  # what the environment names is for other machines
        )
        self._opener.addheaders = [("Authorization", f"Bearer {token}")]
        self.page = self.get(link)

    def get(self, address: str) -> str:
        with self._opener.open(address, timeout=PATIENCE) as response:
            return response.read().decode()

    def session(self) -> dict:
        return json.loads(self.get(f"{self.base}/session"))


def output_with(printed: str) -> str:
    """What a worker shows that then prints this, too."""
    program = f"import gc, sys, run_worker\nrun_worker.main(sys.argv[1:])\nprint({printed})"
    with RunningWorker("--no-page", "--", "true", program=("-c", program)) as worker:
        assert worker.ends() == 0
    return worker.output


def test_the_link_opens_the_page_while_the_training_runs(gate):
    with RunningWorker(*PAGE, "--", *shell("read line < $1", gate.path)) as worker:
        visit = Visit(worker.link())
        assert "<html" in visit.page
        session = visit.session()
        assert session["may_control"] is True
        assert session["title"].startswith("sh -c 'read line")
        gate.open()
        assert worker.ends() == 0
        with pytest.raises(urllib.error.URLError):
            visit.session()


def test_the_tokens_may_come_from_the_environment_and_one_may_only_watch(gate):
    variables = {
        "SLEAP_PROGRESS_TOKEN": "t" * 20,
        "SLEAP_PROGRESS_READ_ONLY_TOKEN": "random",
    }
    with RunningWorker(*PAGE, "--", *shell("read line < $1", gate.path), variables=variables) as w:
        assert w.link().endswith(f"/#token={'t' * 20}")
        assert Visit(w.link("watch it at ")).session()["may_control"] is False
        gate.open()
        assert w.ends() == 0


def test_the_page_stays_up_until_ctrl_c_when_that_is_wanted():
    with RunningWorker(*PAGE, "--keep-open", "--", *shell("exit 3")) as worker:
        worker.wait_for("the page stays up until Ctrl-C")
        assert Visit(worker.link()).session()
        worker.ctrl_c()
        assert worker.ends() == 3
    assert "the training has ended" not in worker.output  # a stop that is refused
    assert worker.count("received from the trainer") == 0
    order = ("has ended with exit code 3", "outcome      failed", "the page stays up until")
    places = [worker.output.index(text) for text in order]
    assert places == sorted(places), worker.output


def test_a_ctrl_c_that_stops_the_training_does_not_close_its_page(tmp_path):
    steps = trainer("send:1", f"write:{tmp_path / 'heard'}", "leave", "exit:0")
    with RunningWorker(*PAGE, "--keep-open", "--", *steps) as worker:
        worker.wait_for("the trainer has connected")
        worker.ctrl_c()
        worker.wait_for("the page stays up until Ctrl-C")
        assert worker.output.index("\noutcome  ") < worker.output.index("the page stays up")
        assert Visit(worker.link()).session()
        worker.ctrl_c()
        assert worker.ends() == 0, worker.output


def test_of_a_training_that_was_never_started_no_page_stays_up():
    never = changed(prompt=3600.0)
    with RunningWorker(*PAGE, "--keep-open", "--", "echo", "trained", program=never) as worker:
        worker.wait_for("starting")
        worker.ctrl_c()
        assert worker.ends() == 130
    assert "the page stays up" not in worker.output


def test_two_workers_serve_two_pages():
    options = ("--epochs", "1", "--keep-open")
    with RunningWorker(*options) as one, RunningWorker(*options) as other:
        assert parts_of(one.link())[0] != parts_of(other.link())[0]
        for worker in (one, other):
            worker.wait_for("the page stays up until Ctrl-C")
            worker.ctrl_c()
            assert worker.ends() == 0


def test_without_a_page_none_is_served():
    with RunningWorker("--no-page", "--", "echo", "trained") as worker:
        assert worker.ends() == 0
    assert "http" not in worker.output


def test_without_a_page_nothing_of_what_serves_it_is_imported():
    loaded = "*({'aiohttp', 'aiortc', 'rich'} & {*sys.modules})"
    assert "loaded: rich\n" in output_with(f"'loaded:', {loaded}")


def test_a_page_that_is_not_served_is_not_warned_of():
    with RunningWorker(*PAGE, "--host", "192.0.2.1", "--", "true") as worker:
        assert worker.ends() == 0
    shown = " ".join(worker.output.split())
    assert "the training runs without a page" in shown
    assert "without TLS" not in shown


@pytest.mark.parametrize("options", [(), ("--quiet",)])
@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, True), (0o600, False)])
def test_a_link_in_a_file_that_others_may_read_is_warned_of(tmp_path, options, mode, warned):
    shown = tmp_path / "slurm-7.out"
    shown.touch(mode)
    shown.chmod(mode)
    with shown.open("w") as file:
        subprocess.run(
            (sys.executable, *PROMPT, *PAGE, *FREE_PORTS, *options, "--no-record", "--", "true"),
            stdout=file,
            stderr=file,
            timeout=3 * PATIENCE,
            check=True,
        )
    assert "watch and stop it at" in shown.read_text()
    assert ("in a file that other users may read" in shown.read_text()) is warned


def test_an_export_says_what_it_has_written(tmp_path):
    page, journal = tmp_path / "run.html", tmp_path / "run.jsonl"
    journal.write_text('{"sequence": 1, "time": 1.0, "message": "{}"}\n')
    with RunningWorker("--export", str(journal), str(page), ports=()) as worker:
        assert worker.ends() == 0, worker.output
    assert re.search(rf"^written to {page} \(\d+ kB\)$", worker.output, re.MULTILINE)


def test_a_public_address_without_tls_is_a_warning(gate):
    with RunningWorker(*PAGE, "--host", "0.0.0.0", "--", "true") as worker:
        assert worker.ends() == 0
    assert "without TLS" in " ".join(worker.output.split())


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_page_on_every_interface_has_a_link_that_opens(gate, host):
    if host == "::" and not has_ipv6():
        pytest.skip("needs IPv6")
    with RunningWorker(
        *(*PAGE, "--host", host, "--", *shell("read line < $1", gate.path)),
        variables={"SLURM_JOB_ID": "1"},
    ) as worker:
        visit = Visit(worker.link())
        assert urlsplit(visit.base).hostname not in (host, "127.0.0.1", "::1")
        assert visit.session()
        gate.open()
        assert worker.ends() == 0
    assert "ssh -L" not in worker.output  # it can be reached as it is


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_in_a_job_the_command_that_leads_to_the_link_stands_beside_it(gate, quiet):
    with RunningWorker(
        *(*PAGE, *quiet, "--", *shell("read line < $1", gate.path)),
        variables={"SLURM_JOB_ID": "1", "SLURM_SUBMIT_HOST": "login.example"},
    ) as worker:
        way = worker.wait_for("ssh -J login.example -L")
        port = port_of(worker.link())
        assert way.split() == (
            f"ssh -J login.example -L {port}:127.0.0.1:{port} {socket.gethostname()}".split()
        )
        gate.open()
        assert worker.ends() == 0


def test_a_certificate_turns_tls_on(tmp_path, gate):
    cert, keyfile = certificate(tmp_path)
    trust = ssl.create_default_context(cafile=str(cert))
    tls = ("--certfile", str(cert), "--keyfile", str(keyfile))
    with RunningWorker(*PAGE, *tls, "--", *shell("read line < $1", gate.path)) as worker:
        link = worker.link()
        assert link.startswith("https://")
        assert Visit(link, trust).session()
        gate.open()
        assert worker.ends() == 0


def test_a_quiet_worker_shows_its_link_and_what_went_wrong(tmp_path):
    done = subprocess.run(
        (
            sys.executable,
            *PROMPT,
            *FREE_PORTS,
            *PAGE,
            "--quiet",
            "--",
            *shell("echo trained; exit 4"),
        ),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert re.search(r"watch and stop it at http://\S+", done.stderr)
    assert "error: the trainer has ended with exit code 4" in done.stderr


# Journals


def messages_of(journal) -> list[str]:
    """Those of whole lines: the last one may be half written."""
    whole, _, _ = journal.read_text().rpartition("\n")
    return [json.loads(line)["message"] for line in whole.splitlines()]


def test_a_journal_holds_the_run_and_a_replay_shows_it(tmp_path):
    journal = tmp_path / "run.jsonl"
    with RunningWorker(*PAGE, "--epochs", "2", "--journal", str(journal)) as worker:
        assert worker.ends() == 0
    messages = messages_of(journal)
    reports = [message for message in messages if "__meta__" not in message]
    assert len(reports) == worker.count("received from the trainer")
    assert len(reports) == worker.count("forwarded to the client ")
    assert '"train_begin"' in reports[0]
    assert '"train_end"' in reports[-1]
    sequence = [json.loads(line)["sequence"] for line in journal.read_text().splitlines()]
    assert sequence == list(range(1, len(messages) + 1))
    with RunningWorker(*PAGE, "--replay", str(journal), ports=()) as replay:
        replay.wait_for("until Ctrl-C")
        assert Visit(replay.link()).session()["title"] == str(journal)
        replay.wait_for("epoch 2/2: 20 batches")
        replay.ctrl_c()
        assert replay.ends() == 0
    assert "the trainer has ended with exit code 0" in replay.output
    table = re.findall(r"│ +(\d) │ +20 │", replay.output)
    assert table == ["1", "2"]


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_replay_of_nothing_says_so(tmp_path, name):
    with RunningWorker(*PAGE, "--replay", str(tmp_path / name), ports=()) as worker:
        assert worker.ends() == 2
    assert "the journal cannot be read" in worker.output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b'{"videos": [], "skeletons": []}\n', "holds no run"),
        (b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 100, "holds no run"),
        (b"epoch,train_loss\n1,0.5\n", "holds no run"),
    ],
    ids=["empty", "json", "binary", "csv"],
)
def test_a_file_that_is_not_a_journal_is_not_shown(tmp_path, content, says):
    (tmp_path / "file").write_bytes(content)
    with RunningWorker(*PAGE, "--replay", str(tmp_path / "file"), ports=()) as worker:
        assert worker.ends() == 2
    assert f"file {says}: a journal is what --journal has written" in " ".join(
        worker.output.split()
    )


# A worker that is killed while its trainer lives


def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on_with_the_trainer(tmp_path):
    journal = tmp_path / "run.jsonl"
    control, progress = fixed_addresses(2)
    ports = at(control, progress)
    with embedded_trainer(control, progress) as trainer:
        first = ("--adopt", *PAGE, "--journal", str(journal))
        with RunningWorker(*first, ports=ports) as worker:
            worker.wait_for("epoch 3:")
            earliest = next(line for line in worker.output.splitlines() if "epoch " in line)
            worker.kill()
        before = messages_of(journal)
        with RunningWorker(*first, ports=ports, program=changed(hasty=1.0)) as worker:
            worker.wait_for(earliest)  # the earlier part is there too
            assert settled(lambda: len(messages_of(journal)) > len(before) + 50)
            worker.ctrl_c()
            worker.wait_for("the trainer has been asked to stop")
            trainer.wait(PATIENCE)
            worker.wait_for("the trainer has left; waiting for another one")
            assert worker.ends() == 0, worker.output
    messages = messages_of(journal)
    assert messages[: len(before)] == before
    assert '"train_end"' in [m for m in messages if "__meta__" not in m][-1]
    sequence = [json.loads(line)["sequence"] for line in journal.read_text().splitlines()]
    assert sequence == list(range(1, len(messages) + 1))


# How it ends


@pytest.mark.parametrize(
    ("script", "code", "parts"),
    [
        ("echo 'RuntimeError: CUDA out of memory.'; exit 1", 1, ["the GPU ran out of memory"]),
        ("kill -SEGV $$", 139, ["ended by SIGSEGV", "native code"]),
        ("echo 'ValueError: no skeleton'; exit 1", 1, ["ValueError: no skeleton"]),
    ],
)
def test_a_failure_says_why(script, code, parts):
    with RunningWorker("--no-page", "--", *shell(script)) as worker:
        assert worker.ends() == code
    for part in parts:
        assert part in worker.output


def test_the_model_that_was_saved_is_named(tmp_path):
    script = "sleep 0.05; mkdir -p $1/models; echo > $1/models/best.ckpt"
    arguments = ("--no-page", "--checkpoints", str(tmp_path))
    with RunningWorker(*arguments, "--", *shell(script, str(tmp_path))) as worker:
        assert worker.ends() == 0
    assert f"the newest checkpoint is {tmp_path}/models/best.ckpt" in worker.output


def test_where_no_checkpoint_was_seen_is_said_of_a_folder_that_was_named(tmp_path):
    folder = tmp_path / "none"
    with RunningWorker("--no-page", "--checkpoints", str(folder), "--", *shell("true")) as worker:
        assert worker.ends() == 0
    assert f"no checkpoint was seen in {folder} (--checkpoints names another" in worker.output


def test_sleap_nn_is_known_to_save_a_model(tmp_path):
    put_sleap_nn(tmp_path)
    options = ("--no-page", "--", "sleap-nn", "train", f"trainer_config.ckpt_dir={tmp_path}/none")
    with RunningWorker(*options, path=str(tmp_path), variables={"EPOCHS": "1"}) as worker:
        assert worker.ends() == 0
    assert f"no checkpoint was seen in {tmp_path}/none (--checkpoints" in worker.output


def test_a_folder_that_nobody_named_is_said_in_words_that_are_true_on_the_page(tmp_path):
    put_sleap_nn(tmp_path)
    command = ("--no-page", "--", "sleap-nn", "train")
    with RunningWorker(*command, path=str(tmp_path), variables={"EPOCHS": "1"}) as worker:
        assert worker.ends() == 0
    assert "no checkpoint was seen in the folder in which it was started (--" in worker.output


def test_where_nobody_knows_what_the_command_saves_no_checkpoint_is_missed():
    with RunningWorker("--no-page", "--", *shell("true")) as worker:
        assert worker.ends() == 0
    assert "the trainer has ended with exit code 0" in worker.output
    assert "checkpoint" not in worker.output


def test_a_trainer_that_ends_within_the_grace_time_is_not_killed():
    saves = "trap 'echo saving; sleep 0.2; echo saved; exit 5' TERM; echo ready; "
    saves += "while :; do sleep 0.02; done"
    options = ("--no-page", "--grace", str(PATIENCE))
    with RunningWorker(*options, "--", *shell(saves)) as worker:
        worker.wait_for("ready")
        worker.interrupt(signal.SIGTERM)
        worker.wait_for("saving")
        assert worker.ends() == 143, worker.output
    assert "saved" in worker.output
    assert "SIGKILL" not in worker.output


def test_what_it_has_imported_is_left_out_of_garbage_collections():
    frozen = "gc.get_freeze_count() > len(gc.get_objects())"
    assert "frozen: True" in output_with(f"'frozen:', {frozen}")
