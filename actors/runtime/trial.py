"""Whether the system gives threads, found out before somebody depends on them."""

import threading


def threads_given(count: int) -> int:
    """Of ``count`` threads at once, how many the system gives at this moment; they end at once."""
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=end.wait, name="trial", daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        pass
    finally:
        end.set()
        for thread in started:
            thread.join()
    return len(started)
