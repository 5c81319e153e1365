"""Where there is not processor enough for all, media go first."""

import os
import threading

from media.priority import BEHIND_MEDIA, let_media_go_first


def test_only_the_thread_that_asks_steps_back() -> None:
    """Its priority is lower afterwards, never higher than it was, and that of others is what it was."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def step_back() -> None:
        for _ in range(2):
            let_media_go_first()
            found.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=step_back)
    thread.start()
    thread.join()
    assert found == [max(before, BEHIND_MEDIA)] * 2
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
