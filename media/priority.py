"""Who gets the processor first where there is not enough for all: the threads that move packets."""

import os
from typing import Final

# Of a full core, a thread of this priority gets a third of what one gets that moves packets: what it does can wait
# for some milliseconds, which make a packet late. Lower still, and people would wait for it on a full machine.
BEHIND_MEDIA: Final = 5


def let_media_go_first() -> None:
    """Lower the priority of the calling thread and of what it starts from now on; threads that run keep theirs."""
    os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), BEHIND_MEDIA))
