"""All is in setup.cfg. Here an older Python is refused in words: pip would name a dependency."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - pip builds with the Python that it runs in
    sys.exit(
        "error: this needs Python 3.11 or newer, and is installed with %d.%d.%d\n"  # noqa: UP031
        "  make the environment with a newer one: python3.12 -m venv --clear .venv\n"
        "  where there is none: uv venv --clear --seed --python 3.12 .venv, or conda create -n "
        "progress python=3.12" % sys.version_info[:3]
    )

from setuptools import setup

setup()
