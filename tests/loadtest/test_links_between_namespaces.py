"""A place in a pretended network: what its link is told is what happens, and nothing of it is left afterwards."""

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

from loadtest.errors import NetworkFailed
from loadtest.network.place import Place, place, why_not
from loadtest.network.profile import Profile
from tests.e2e import island
from tests.support.needs import lacking

HERE: Final = "tests/loadtest/test_links_between_namespaces.py"
PORT: Final = 9999
PACKETS: Final = 400
# Sends so many datagrams, 2 ms apart, and says how many came back, and the shortest round trip in ms.
CLIENT: Final = """
import socket, sys, time
gateway, port, packets = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.setblocking(False)
sent, back, shortest, end = 0, 0, 1e9, None
while end is None or time.monotonic() < end:
    if sent < packets:
        line.sendto(str(time.monotonic()).encode().ljust(200), (gateway, port))
        sent += 1
    elif end is None:
        end = time.monotonic() + 3
    time.sleep(0.002)
    try:
        while True:
            back, shortest = back + 1, min(shortest, time.monotonic() - float(line.recv(300)))
    except BlockingIOError:
        pass
print(back, shortest * 1000)
"""


@pytest.mark.skipif(island.inside(), reason="this is the run that was asked for")
@pytest.mark.parametrize("test", ["loses_and_delays_as_told", "leaves_nothing_behind", "refuses_nonsense"])
def test_in_a_network_of_its_own(test: str) -> None:
    """Run a test below where devices can be made."""
    if (reason := why_not()) is not None:
        lacking(reason)
    island.run_again(f"{HERE}::test_it_{test}", seconds=60)


@pytest.mark.skipif(not island.inside(), reason="is run by the test above")
def test_it_loses_and_delays_as_told() -> None:
    """Every datagram is in the counters: what did not come back was lost on one of the two ways."""
    with place(1) as where, _echo(where):
        where.link.set(down=Profile(delay_ms=20), up=Profile(delay_ms=15))
        assert _asked(where)[0] == PACKETS
        before = where.link.counters()
        where.link.set(down=Profile(delay_ms=20, loss=0.1), up=Profile(delay_ms=15, loss=0.2))
        back, shortest_ms = _asked(where)
        after = where.link.counters()
    lost = {way: after[way]["lost_random"] - before[way]["lost_random"] for way in ("down", "up")}
    assert after["up"]["pushed"] - before["up"]["pushed"] == PACKETS
    assert back == PACKETS - lost["up"] - lost["down"]
    assert 0.1 * PACKETS < lost["up"] < 0.3 * PACKETS
    assert 0.04 * PACKETS < lost["down"] < 0.16 * PACKETS
    # The other bound would be one of the machine.
    assert shortest_ms >= 35


@pytest.mark.skipif(not island.inside(), reason="is run by the test above")
def test_it_leaves_nothing_behind() -> None:
    """Processes and devices end with the place, also when it is left by an error."""
    with pytest.raises(KeyError), place(1) as where:  # noqa: PT012 - what is left by the error is the point
        assert Path("/proc", str(where.emulator)).exists()
        raise KeyError
    assert not Path("/proc", str(where.emulator)).exists()
    assert not Path("/proc", str(where.holder)).exists()
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert "near1" not in links


@pytest.mark.skipif(not island.inside(), reason="is run by the test above")
def test_it_refuses_nonsense() -> None:
    """What is no profile is answered by an error that says so, and the link goes on."""
    with place(1) as where:
        where.link._say({"a_to_b": {"los": 1}})
        with pytest.raises(NetworkFailed, match="los"):
            where.link.counters()
        assert where.link.counters()["down"]["lost_random"] == 0


class _echo:  # noqa: N801 - reads as a verb
    """Sends back what comes to the gateway."""

    def __init__(self, where: Place) -> None:
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind((where.gateway, PORT))
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while (found := self._line.recvfrom(300))[0] != b"end":
            self._line.sendto(*found)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._line.sendto(b"end", self._line.getsockname())
        self._thread.join()
        self._line.close()


def _asked(where: Place) -> tuple[int, float]:
    words = [sys.executable, "-c", CLIENT, where.gateway, str(PORT), str(PACKETS)]
    done = subprocess.run(where.there(words), capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    back, shortest = done.stdout.split()
    return int(back), float(shortest)
