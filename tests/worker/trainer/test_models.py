"""The kinds of models that a training's command or its configuration names."""

import pytest

from actors.worker.trainer.models import models_of

CONFIG = """\
data_config:
  train_labels_path: [labels.slp]
model_config:
  head_configs:
    single_instance: null
    centroid:
    # nothing is under it
    centered_instance:
      confmaps:
        sigma: 2.5
    bottomup: ~
    multi_class_bottomup:   # nor here
    multi_class_topdown: {}
trainer_config:
  max_epochs: 3
"""

PROFILE = """\
{
  "model": {
    "heads": {
      "single_instance": null,
      "centroid": {
        "anchor_part": null,
        "sigma": 2.5
      },
      "centered_instance": null,
      "multi_instance": null
    }
  }
}
"""


@pytest.mark.parametrize(
    ("command", "models"),
    [
        (("sleap-nn", "train", "--config-name", "centroid"), ("centroid",)),
        (("sleap-nn", "train", "configs/centered_instance.yaml"), ("centered_instance",)),
        (
            ("bash", "-c", "sleap-nn train centroid.yaml && sleap-nn train centered_instance.yaml"),
            ("centroid", "centered_instance"),
        ),
        (("sleap-nn", "train", "/data/centroid/config.yaml"), ()),
        (("sleap-nn", "train", "multi_class_bottomup.yaml"), ("multi_class_bottomup",)),
        (("sleap-nn", "train", "centroids.yaml"), ()),
        (("python", "a\0b.yaml"), ()),
        ((), ()),
    ],
)
def test_the_command_may_name_them(command, models):
    assert models_of(command) == models


def test_the_configuration_knows_better_than_its_name(tmp_path):
    config, profile = tmp_path / "centroid.yaml", tmp_path / "bottomup.json"
    config.write_text(CONFIG)
    profile.write_text(PROFILE)
    assert models_of(("sleap-nn", "train", str(config))) == ("centered_instance",)
    assert models_of(("sleap-train", str(profile))) == ("centroid",)
    both = ("train-both", str(profile), str(config))
    assert models_of(both) == ("centroid", "centered_instance")
    hydra = ("sleap-nn", "train", "--config-dir", str(tmp_path), "--config-name", "centroid")
    assert models_of(hydra) == ("centered_instance",)


def test_a_script_may_name_them(tmp_path):
    script = tmp_path / "train.sh"
    script.write_text(
        "sleap-nn train --config-name centroid\nsleap-nn train -c centered_instance\n"
    )
    assert models_of(("bash", str(script))) == ("centroid", "centered_instance")


def test_a_script_may_name_their_configurations(tmp_path):
    first, second = tmp_path / "flies.yaml", tmp_path / "flies2.yaml"
    first.write_text(CONFIG.replace("centroid:\n", "centroid:\n      confmaps: {sigma: 5}\n", 1))
    first.write_text(first.read_text().replace("centered_instance:\n", "centered_instance: null\n"))
    second.write_text(CONFIG)
    script = tmp_path / "train.sh"
    lines = [f'sleap-nn train "{path}" ++trainer_config.seed=1' for path in (first, second)]
    script.write_text("\n".join(lines))
    assert models_of(("bash", str(script))) == ("centroid", "centered_instance")
    assert models_of(("bash", "-c", " && ".join(lines))) == ("centroid", "centered_instance")
