"""What the tests of faults share with those of the worker."""

from tests.worker.conftest import gate, new_gate

__all__ = ["gate", "new_gate"]
