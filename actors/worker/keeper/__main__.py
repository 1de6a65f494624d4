"""The keeper, a program of its own: ``python -I -S actors/worker/keeper WORKER READ WRITE [DOOR]``.

The arguments are descriptors. It needs the standard library alone.
"""

import os
import sys
import types


def _leave_doors_closed() -> None:
    """Find the files of this folder without the doors around it, which import all of a worker."""
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in ("actors.worker.keeper", "actors.worker", "actors"):
        package = types.ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        folder = os.path.dirname(folder)


def main() -> None:
    """Keep a training."""
    _leave_doors_closed()
    from actors.worker.keeper.keeper import keep

    keep(*map(int, sys.argv[1:]))


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # without Python's goodbye: all that is left is a thread that may wait for ever
