"""What this process has open."""

from pathlib import Path


def open_sockets() -> set[str]:
    """The descriptors of this process that are sockets, pipes or event counters."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue  # the descriptor of the listing itself
        if target.startswith(("socket:", "anon_inode:[eventpoll]", "anon_inode:[eventfd]")):
            found.add(f"{link.name} {target}")
    return found
