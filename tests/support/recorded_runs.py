"""The recordings of two real runs of sleap-nn."""

import json

from tests.support.paths import ROOT

_DATA = ROOT / "tests" / "data"

RECORDINGS = ("sleap_nn_full_run", "sleap_nn_stopped_run")


def recorded_run(name: str) -> list[str]:
    """The texts of the trainer's messages, as they came."""
    lines = (_DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["msg"] for line in lines]
