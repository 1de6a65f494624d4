"""Why a training failed, from the way it ended and the last lines of its output."""

import signal
import time

import pytest

from actors.worker.causes import Failure, own_lines
from actors.worker.failure import explain, explain_no_start
from actors.worker.keeper import name_of
from tests.support.paths import ROOT

DATA = ROOT / "tests" / "data" / "output"

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
        (
            "/usr/bin/python3: can't open file '/home/ada/nofile.py': [Errno 2] No such file or "
            "directory",
            "a file is not there: '/home/ada/nofile.py'",
        ),
        ("FileNotFoundError: File not found: labels.slp", "a file is not there: File not found"),
        ("PermissionError: [Errno 13] Permission denied: '/models'", "denied: '/models'"),
        ("ModuleNotFoundError: No module named 'sleap_nn'", "the Python package sleap_nn is not"),
        ("MemoryError", "the machine ran out of memory"),
        ("RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.", "ran out of memo"),
        ("RuntimeError: CUDA error: device-side assert triggered", "device-side assert"),
        ("RuntimeError: CUDA error: an illegal memory access was encountered", "illegal memory"),
        (
            "RuntimeError: CUDA error: no kernel image is available for execution on the device",
            "torch was not built for this GPU",
        ),
        ("RuntimeError: No CUDA GPUs are available", "no GPU is there for the training"),
        ("RuntimeError: CUDA error: unspecified launch failure", "the GPU or its driver failed"),
        ("AssertionError: Torch not compiled with CUDA enabled", "torch cannot use a GPU"),
        (
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "a library of the system is missing: libGL.so.1",
        ),
        ("ImportError: cannot import name 'x' from 'y'", "cannot be imported: cannot import name"),
        ("bash: line 1: sleap-nn: command not found", "there is no command sleap-nn"),
        ("train.sh: 3: sleap-nn: not found", "there is no command sleap-nn"),
        (
            "bash: /opt/train.sh: cannot execute: required file not found",
            "the first line of /opt/train.sh names what is not there",
        ),
        (
            "bash: line 1: /opt/train: cannot execute binary file: Exec format error",
            "/opt/train was built for another kind of machine",
        ),
        ("sh: 1: /opt/train: Exec format error", "/opt/train was built for another kind"),
        (
            "slurmstepd: error: execve(): /opt/train: Permission denied",
            "/opt/train may not be executed",
        ),
        (
            "slurmstepd: error: execve(): sleap-nn: No such file or directory",
            "there is no command sleap-nn",
        ),
        (
            "FileNotFoundError: [Errno 2] Unable to synchronously open file (unable to open file: "
            "name = '/data/labels.slp', errno = 2, error message = 'No such file or directory', "
            "flags = 0, o_flags = 0)",
            "a file is not there: '/data/labels.slp'",
        ),
        (
            "OSError: Unable to synchronously open file (file signature not found)",
            "a file is damaged, or is not an HDF5 file",
        ),
        (
            "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 TiB for an array",
            "the machine ran out of memory",
        ),
    ],
)
def test_what_the_output_shows_is_said_in_words_with_advice(line, cause):
    failure = explain(1, (*TRACEBACK, line, "", "wandb: synced"))
    assert cause in failure.cause
    assert failure.advice


def test_what_is_shown_last_counts():
    lines = ("RuntimeError: CUDA out of memory.", "OSError: [Errno 28] No space left on device")
    assert "no space" in explain(1, lines).cause


@pytest.mark.parametrize("mark", ["[rank0]: ", "[rank: 1] ", "[default0]:", "0: "])
def test_the_mark_of_a_rank_hides_no_cause(mark):
    lines = (f"{mark}Traceback (most recent call last):", f"{mark}FileNotFoundError: labels.slp")
    assert explain(1, lines).cause == "a file is not there: labels.slp"
    assert explain(1, (f"{mark}ValueError: no",)) == Failure("ValueError: no")


BELOW_CUDA_ERRORS = (
    "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace "
    "below might be incorrect.",
    "For debugging consider passing CUDA_LAUNCH_BLOCKING=1",
    "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
    "",
)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("RuntimeError: CUDA error: out of memory", "the GPU ran out of memory"),
        ("RuntimeError: CUDA error: device-side assert triggered", "device-side assert"),
        ("  what():  CUDA error: an illegal memory access was encountered", "illegal memory"),
    ],
)
def test_what_torch_writes_below_each_error_of_cuda_is_not_the_cause(error, cause):
    assert cause in explain(1, (*TRACEBACK, error, *BELOW_CUDA_ERRORS)).cause


def test_the_errors_of_cuda_have_an_advice_each():
    errors = (
        *("out of memory", "device-side assert triggered", "an illegal memory access was met"),
        *("no kernel image is available for execution", "No CUDA GPUs are available", "unknown"),
    )
    assert len({explain(1, (f"RuntimeError: CUDA error: {e}",)).advice for e in errors}) == 6


TORCHRUN = (DATA / "torchrun.txt").read_text().splitlines()


def test_the_table_of_torchrun_hides_no_cause():
    failure = explain(1, tuple(TORCHRUN))
    assert failure.cause == "the GPU ran out of memory"
    shown = own_lines(tuple(TORCHRUN))
    assert shown[-1] == "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert not [line for line in shown if "elastic" in line]


def test_a_rank_that_was_killed_is_known_from_the_table_of_torchrun():
    table = tuple(line.replace("exitcode  : 1", "exitcode  : -9") for line in TORCHRUN)
    failure = explain(1, tuple(line for line in table if "CUDA" not in line))
    assert "has killed it" in failure.cause
    assert "dmesg" in failure.advice


def test_a_configuration_that_hydra_does_not_find_is_told_with_the_folder_it_looked_in():
    lines = (
        "hydra.errors.MissingConfigException: Cannot find primary config 'config.yaml'. Check that "
        "it's in your config search path.",
        "",
        "Config search path:",
        "\tprovider=hydra, path=pkg://hydra.conf",
        "\tprovider=main, path=file:///home/bob/trainings",
        "\tprovider=schema, path=structured://",
    )
    assert (
        explain(1, lines).cause
        == "the configuration config.yaml is not there in /home/bob/trainings"
    )
    folder = "Check that the config directory '/nowhere' exists and readable"
    assert explain(1, (folder,)).cause == "the configuration's folder is not there: /nowhere"


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            (
                "hydra.errors.ConfigCompositionException: Could not override "
                "'trainer_config.max_epoch'.",
                "To append to your config use +trainer_config.max_epoch=3",
            ),
            "the configuration has no trainer_config.max_epoch",
        ),
        (
            (
                "omegaconf.errors.ConfigKeyError: Key 'max_epoch' not in 'TrainerConfig'",
                "    full_key: trainer_config.max_epoch",
                "    reference_type=TrainerConfig",
                "    object_type=TrainerConfig",
            ),
            "the configuration has a key that sleap-nn does not know: trainer_config.max_epoch",
        ),
        (
            (
                "omegaconf.errors.ValidationError: Value 'many' of type 'str' could not be "
                "converted to Integer",
                "    full_key: trainer_config.max_epochs",
                "    reference_type=TrainerConfig",
            ),
            "the value of trainer_config.max_epochs in the configuration is wrong: Value 'many' of "
            "type 'str' could not be converted to Integer",
        ),
        (
            (
                "yaml.parser.ParserError: while parsing a block mapping",
                '  in "/home/ada/broken.yaml", line 1, column 1',
                "expected <block end>, but found '<block mapping start>'",
                '  in "/home/ada/broken.yaml", line 77, column 2',
            ),
            "the configuration is not YAML: line 77 of /home/ada/broken.yaml",
        ),
        (
            (
                "yaml.scanner.ScannerError: mapping values are not allowed here",
                '  in "config.yaml", line 3, column 12',
            ),
            "the configuration is not YAML: line 3 of config.yaml",
        ),
    ],
)
def test_what_is_wrong_in_a_configuration_is_named_with_its_place(lines, cause):
    failure = explain(1, ("Traceback (most recent call last):", *lines))
    assert failure.cause == cause
    assert failure.advice


def test_an_address_in_use_names_the_option_for_another():
    assert "--any-port" in explain_no_start("tcp://x: the address is in use").advice
    assert explain_no_start("a trainer runs already") == Failure()


NASTY = (
    *("numpy", "DataLoader worker ", "A.", "a.", "AError", "FileNotFoundError: name = '", "CUDA "),
    *("lib.so", "x: ", "0: ", "[rank0]: ", "\x1b[", "\x1b]", "config ", "Errno ", "not found", "("),
)


def time_of(lines: tuple[str, ...]) -> float:
    """The processor time that it takes to look for a cause in ``lines``; the least of some."""
    times = []
    for _ in range(3):
        began = time.process_time()
        explain(1, lines)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("text", NASTY)
def test_ten_times_as_long_an_output_takes_no_more_than_ten_times_as_long(text):
    short, long = ((text * 8000)[:size] for size in (800, 8000))
    assert time_of((long,) * 200) < 30 * time_of((short,) * 200)  # 100 is what a square gives


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


def test_a_library_that_memory_does_not_suffice_for_is_no_matter_of_installing():
    line = "ImportError: libtorch_cpu.so: failed to map segment from shared object"
    failure = explain(1, ("    from torch._C import *  # noqa: F403", line))
    assert failure.cause == "a library could not be loaded into memory: libtorch_cpu.so"
    assert "more memory" in (failure.advice or "")
    assert "install" not in (failure.advice or "")


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_of_a_batch_system_that_ended_it_is_to_go_to_the_worker_alone(number):
    failure = explain(-number, ("Epoch 2: 100%",))
    assert failure.cause is not None
    assert number.name in failure.cause
    assert "--signal=B:INT" in (failure.advice or "")
    assert "CPU time" in (explain(-signal.SIGXCPU, ()).cause or "")


def test_what_the_output_shows_goes_before_the_signal():
    lines = ("RuntimeError: CUDA out of memory.",)
    assert explain(-signal.SIGKILL, lines).cause == "the GPU ran out of memory"


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (15, "SIGTERM"), (100, "signal 100")])
def test_a_signal_has_a_name(number, name):
    assert name_of(number) == name
