"""A stand-in for sleap-nn, for tests whose worker runs ``sleap-nn train``."""

import shlex
import sys
from pathlib import Path

from actors.worker.trainer import EMBEDDED

_SLEAP_NN = """\
#!/bin/sh
# Stands in for sleap-nn: takes its ports as that does, and trains for a moment.
for word; do
    case $word in
        *controller_port=*) control=${{word##*=}} ;;
        *publish_port=*) progress=${{word##*=}} ;;
    esac
done
exec {python} -P {program} --epochs "${{EPOCHS:-1000}}" \\
    --control-port "$control" --progress-port "$progress"
"""


def put_sleap_nn(folder: Path, *, program: Path = EMBEDDED) -> None:
    """Put it into ``folder``, which belongs on the path. It runs ``program`` for $EPOCHS."""
    command = folder / "sleap-nn"
    python, script = shlex.quote(sys.executable), shlex.quote(str(program))
    command.write_text(_SLEAP_NN.format(python=python, program=script))
    command.chmod(0o755)
