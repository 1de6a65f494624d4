"""What is known of a training from its command, its configuration and its files."""

import os
import shutil
import time
from pathlib import Path

import pytest

from actors.worker.trainer.files import (
    checkpoint_folders,
    checkpoints_since,
    epochs_logged,
    epochs_of,
)
from messages import EpochRead
from tests.support.paths import ROOT

CONFIG = """\
data_config:
  provider: LabelsReader
trainer_config:
  max_epochs: 120  # at the most
  ckpt_dir: "models/mine"
  run_name: tiny
"""


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("command", "epochs"),
    [
        (("sleap-nn", "train", "c.yaml", "trainer_config.max_epochs=30"), 30),
        (("sleap-nn", "train", "c.yaml", "++trainer_config.max_epochs=30"), 30),
        (("my-trainer", "--epochs", "7"), 7),
        (("my-trainer", "--epochs=7"), 7),
        (("my-trainer", "--max_epochs=7"), 7),
        (("my-trainer", "--epochs", "many"), None),
        (("my-trainer", "--epochs", "9" * 4301), None),
        (("my-trainer", "--warmup-epochs", "3"), None),
        (("my-trainer", "7"), None),
        ((), None),
    ],
)
def test_the_command_may_say_how_many_epochs(command, epochs):
    assert epochs_of(command) == epochs


def test_the_configuration_says_what_the_command_does_not(config):
    assert epochs_of(("sleap-nn", "train", str(config))) == 120
    assert epochs_of(("sleap-nn", "train", "--config", str(config))) == 120
    command = ("sleap-nn", "train", "--config-dir", str(config.parent), "--config-name", "config")
    assert epochs_of(command) == 120
    assert epochs_of((*command, "trainer_config.max_epochs=3")) == 3
    assert checkpoint_folders(command) == (Path("models/mine"),)
    assert checkpoint_folders((*command, "trainer_config.ckpt_dir=/x")) == (Path("/x"),)


def test_the_older_profile_is_read_too(tmp_path):
    profile = tmp_path / "profile.json"
    profile.write_text('{\n  "optimization": {\n    "epochs": 200,\n    "batch_size": 4\n  }\n}')
    assert epochs_of(("sleap-train", str(profile))) == 200


@pytest.mark.parametrize("text", ["", "max_epochs: null", "ckpt_dir: null", "\0\xff: ["])
def test_a_configuration_that_says_nothing_is_no_trouble(config, text):
    config.write_text(text)
    command = ("sleap-nn", "train", str(config))
    assert epochs_of(command) is None
    assert checkpoint_folders(command) == (Path(),)


def test_a_configuration_that_cannot_be_read_is_no_trouble(tmp_path):
    assert epochs_of(("sleap-nn", "train", str(tmp_path / "none.yaml"), str(tmp_path))) is None


def write(path: Path, written: float) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (written, written))
    return str(path)


def test_checkpoints_are_those_that_were_written_since_newest_first(tmp_path):
    now = time.time()
    write(tmp_path / "old" / "best.ckpt", now - 1000)
    first = write(tmp_path / "a" / "best.ckpt", now + 1)
    second = write(tmp_path / "b" / "c" / "best_model.h5", now + 2)
    write(tmp_path / "a" / "log.csv", now + 3)
    write(tmp_path / ".cache" / "x.ckpt", now + 4)
    assert checkpoints_since((tmp_path,), now) == (second, first)


def test_folders_that_are_not_there_or_deep_are_no_trouble(tmp_path):
    deep = tmp_path.joinpath(*"abcdefghij")
    write(deep / "best.ckpt", time.time() + 1)
    assert checkpoints_since((tmp_path / "none", tmp_path), time.time() - 1) == ()


def model_folder(parent: Path, name: str, told: str, *, age: float) -> Path:
    """As sleap-nn makes it: with its configuration, a checkpoint and a log of ``age`` seconds."""
    folder = parent / name
    folder.mkdir()
    (folder / "initial_config.yaml").write_text(f"trainer_config:\n  zmq:\n{told}\n  eval:\n")
    (folder / "training_log.csv").write_text(f"epoch,train_loss,val_loss\n0,{age},0.5\n")
    (folder / "best.ckpt").write_text("")
    for path in folder.iterdir():
        os.utime(path, (time.time() - age,) * 2)
    return folder


@pytest.mark.parametrize("name", ["models\0", "\ud800"])
def test_a_folder_that_there_cannot_be_is_passed_over(name, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.replace("models/mine", name), errors="surrogatepass")
    model = tmp_path / "best.ckpt"
    model.touch()
    assert checkpoints_since((Path(name), tmp_path), 0.0) == (str(model),)
    assert epochs_logged((Path(name),), 0.0) == ()
    assert checkpoints_since(checkpoint_folders(("train", str(config))), 0.0) == ()


def test_of_two_trainings_in_one_folder_each_has_its_own_model_and_log(tmp_path):
    one = model_folder(tmp_path, "one", "    publish_port: 9001", age=2.0)
    two = model_folder(tmp_path, "two", "    publish_port: 41234", age=1.0)
    for port, folder, loss in ((9001, one, 2.0), (41234, two, 1.0)):
        assert checkpoints_since((tmp_path,), 0.0, port) == (str(folder / "best.ckpt"),)
        (epoch,) = epochs_logged((tmp_path,), 0.0, port)
        assert epoch.train_loss == loss
    assert len(checkpoints_since((tmp_path,), 0.0) or ()) == 2


def test_where_all_models_are_another_trainings_nothing_is_known_of_ones_own(tmp_path):
    model_folder(tmp_path, "two", "    publish_port: 41234", age=1.0)
    assert checkpoints_since((tmp_path,), 0.0, 9001) is None
    assert epochs_logged((tmp_path,), 0.0, 9001) == ()


def test_a_folder_that_names_no_port_may_be_the_trainings_unless_another_is(tmp_path):
    folder = model_folder(tmp_path, "script", "    publish_port: null", age=1.0)
    assert checkpoints_since((tmp_path,), 0.0, 9001) == (str(folder / "best.ckpt"),)
    own = model_folder(tmp_path, "own", "    publish_port: 9001", age=2.0)
    assert checkpoints_since((tmp_path,), 0.0, 9001) == (str(own / "best.ckpt"),)


def test_a_log_that_is_no_table_tells_of_no_epoch(tmp_path):
    (tmp_path / "training_log.csv").write_text(f"epoch,train_loss\n0,{'1' * 200_000}\n")
    assert epochs_logged((tmp_path,), 0.0) == ()


def test_the_training_loss_in_a_row_of_sleap_nns_log_is_that_of_the_epoch_before(tmp_path):
    shutil.copy(ROOT / "tests/data/sleap_nn_training_log.csv", tmp_path / "training_log.csv")
    losses = [(0.04507, 0.04434), (0.04359, 0.04295), (0.04219, 0.04158), (0.04088, 0.04028)]
    logged = epochs_logged((tmp_path,), 0.0)
    assert [epoch.epoch for epoch in logged] == [0, 1, 2, 3, 4]
    for epoch, (train_loss, val_loss) in zip(logged, losses, strict=False):
        assert (epoch.train_loss, epoch.val_loss) == pytest.approx((train_loss, val_loss), abs=1e-5)
    assert logged[-1].train_loss is None  # nobody has told it yet


def test_a_row_whose_epoch_is_no_plausible_number_is_passed_over(tmp_path):
    rows = "".join(f"{epoch},0.5,0.4\n" for epoch in ("1e300", "-1", "0.5", "x", "1.0"))
    (tmp_path / "training_log.csv").write_text(f"epoch,train_loss,val_loss\n{rows}")
    assert [epoch.epoch for epoch in epochs_logged((tmp_path,), 0.0)] == [1]


def test_a_log_whose_first_row_has_a_training_loss_is_read_as_it_stands(tmp_path):
    (tmp_path / "training_log.csv").write_text("epoch,train_loss,val_loss\n0,0.5,0.4\n1,0.3,0.2\n")
    assert epochs_logged((tmp_path,), 0.0) == (
        EpochRead(epoch=0, train_loss=0.5, val_loss=0.4),
        EpochRead(epoch=1, train_loss=0.3, val_loss=0.2),
    )
