"""How much memory a process holds."""

from pathlib import Path


def memory_of(pid: int) -> int:
    """Bytes that are resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024
