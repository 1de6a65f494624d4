"""Why a training failed, from the way it ended and the last lines of its output."""

import signal

import pytest

from actors.worker.failure import Failure, explain, signal_name

TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "train.py", line 3, in <module>',
)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
            "the GPU ran out of memory",
        ),
        ("RuntimeError: CUDA out of memory.", "the GPU ran out of memory"),
        (
            "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating",
            "the GPU ran out of memory",
        ),
        ("OSError: [Errno 28] No space left on device: 'best.ckpt'", "no space is left"),
        ("zmq.error.ZMQError: Address already in use (addr='tcp://127.0.0.1:9000')", "in use"),
        ("OSError: [Errno 98] Address already in use", "a port that the training needs is in use"),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/data/labels.slp'",
            "a file is not there: '/data/labels.slp'",
        ),
        ("FileNotFoundError: File not found: labels.slp", "a file is not there: File not found"),
        ("PermissionError: [Errno 13] Permission denied: '/models'", "denied: '/models'"),
        ("ModuleNotFoundError: No module named 'sleap_nn'", "No module named 'sleap_nn'"),
        ("MemoryError", "the machine ran out of memory"),
        ("RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.", "ran out of memo"),
        ("RuntimeError: CUDA error: device-side assert triggered", "the GPU or its driver failed"),
    ],
)
def test_what_the_output_shows_is_said_in_words_with_advice(line, cause):
    failure = explain(1, (*TRACEBACK, line, "", "wandb: synced"))
    assert cause in failure.cause
    assert failure.advice


def test_what_is_shown_last_counts():
    lines = ("RuntimeError: CUDA out of memory.", "OSError: [Errno 28] No space left on device")
    assert "no space" in explain(1, lines).cause


def test_a_warning_that_names_an_exception_is_not_the_cause():
    lines = ("WARNING: ModuleNotFoundError: No module named triton, falling back",)
    assert explain(1, lines) == Failure()
    assert explain(1, (*lines, "ValueError: no")) == Failure("ValueError: no")


def test_colours_hide_no_cause_and_are_none_of_it():
    assert "GPU" in explain(1, ("\x1b[31mRuntimeError: CUDA out of memory\x1b[0m",)).cause
    missing = "\x1b[1;31mFileNotFoundError\x1b[0m: \x1b[2;3mlabels.slp\x1b[0m"
    assert explain(1, (missing,)).cause == "a file is not there: labels.slp"
    title = "ValueError: \x1b]0;a title\x07no"
    assert explain(1, (title,)) == Failure("ValueError: no")


def test_an_exception_that_is_not_known_is_the_cause_as_it_stands():
    lines = (*TRACEBACK, "ValueError: labels.slp has no skeleton", "some.module.Error2: no")
    assert explain(1, lines) == Failure("ValueError: labels.slp has no skeleton")


def test_the_last_exception_counts():
    lines = ("ValueError: first", "During handling of the above exception:", "KeyError: 'second'")
    assert explain(1, lines) == Failure("KeyError: 'second'")


def test_an_output_that_shows_nothing_gives_no_cause():
    assert explain(3, ("epoch 1", "loss 0.5", "Error rate: 3 %")) == Failure()
    assert explain(None, ()) == Failure()


def test_a_success_has_no_cause_whatever_was_printed():
    assert explain(0, ("ValueError: caught and handled",)) == Failure()


def test_a_kill_for_want_of_memory_is_known_when_the_system_tells():
    failure = explain(-signal.SIGKILL, (), out_of_memory=True)
    assert failure.cause == "the system killed it: the machine was out of memory"
    assert failure.advice


@pytest.mark.parametrize("code", [-signal.SIGKILL, 128 + signal.SIGKILL])
def test_a_kill_without_evidence_may_have_been_memory(code):
    failure = explain(code, ("epoch 1",))
    assert "somebody, or the system because memory ran out" in failure.cause
    assert "dmesg" in failure.advice


@pytest.mark.parametrize("code", [-signal.SIGSEGV, 128 + signal.SIGSEGV, -signal.SIGBUS])
def test_a_crash_in_native_code_is_said(code):
    assert "native code" in explain(code, ()).cause


def test_what_the_output_shows_goes_before_the_signal():
    lines = ("RuntimeError: CUDA out of memory.",)
    assert explain(-signal.SIGKILL, lines).cause == "the GPU ran out of memory"


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (15, "SIGTERM"), (100, "signal 100")])
def test_a_signal_has_a_name(number, name):
    assert signal_name(number) == name
