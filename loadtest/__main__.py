"""`python -m loadtest LINK ...`: one robot for each link, until SIGINT or SIGTERM."""

import asyncio
import signal
import sys

from loadtest.media_client import MediaOptions
from loadtest.robot import RobotOptions
from loadtest.swarm import Swarm


async def run(links: list[str]) -> int:
    """Run the robots; 0 when all of them left because they were told to or the room ended."""
    options = RobotOptions(media=MediaOptions(identity=1, audio_slots=2, video_slots=2))
    swarm = Swarm(links, options)
    loop = asyncio.get_running_loop()
    for told in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(told, swarm.stop)
    report = await swarm.run()
    unexpected = {end: n for end, n in report.counts.items() if end not in {"left", "ended", "removed"}}
    for end, number in unexpected.items():
        sys.stderr.write(f"{number} robots ended with {end}\n")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1:])))
