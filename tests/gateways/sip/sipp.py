"""Runs sipp, a SIP tester of Debian's, with scenarios put together here, against an endpoint on loopback."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from itertools import cycle
from pathlib import Path

from tests.support.ports import free_ports

SDP = """\
v=0
o=sipp 1 {version} IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 6000 RTP/AVP 0
a={direction}
"""
_HEAD = """\
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]>;tag=sipp[call_number]
To: <sip:room@[remote_ip]>{to}
Call-ID: [call_id]
CSeq: {number} {method}
Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
"""


def send(method: str, number: int, *more: str, sdp: str = "", inside: bool = True) -> str:
    """A request of sipp's; an INVITE and an ACK have branches of their own."""
    uri = "[next_url]" if inside else "sip:room@[remote_ip]:[remote_port]"
    head = _HEAD.format(to="[peer_tag_param]" if inside else "", number=number, method=method)
    return _send(
        [f"{method} {uri} SIP/2.0", head.strip(), *more], sdp, "" if method == "ACK" else ' retrans="500"'
    )


def press(keys: str, number: int) -> tuple[str, ...]:
    """Press keys, each by an INFO; the first of these has this number."""
    steps: list[str] = []
    for at, key in enumerate(keys, number):
        head = _HEAD.format(to="[peer_tag_param]", number=at, method="INFO").strip()
        kind = "Content-Type: application/dtmf-relay\nContent-Length: [len]"
        text = f"INFO [next_url] SIP/2.0\n{head}\n{kind}\n\nSignal={key}"
        steps += [f'<send retrans="500"><![CDATA[\n{text}\n]]></send>', hear(200)]
    return tuple(steps)


def cancel(number: int, back: int) -> str:
    """CANCEL has the branch of the INVITE so many steps before."""
    head = _HEAD.format(to="", number=number, method="CANCEL").replace("[branch]", f"[branch-{back}]")
    return _send(["CANCEL sip:room@[remote_ip]:[remote_port] SIP/2.0", head.strip()], "", "")


def ack_refusal(number: int, back: int) -> str:
    """The ACK of a refusal belongs to the INVITE's transaction, so many steps before."""
    head = _HEAD.format(to="[peer_tag_param]", number=number, method="ACK").replace("[branch]", f"[branch-{back}]")
    return _send(["ACK sip:room@[remote_ip]:[remote_port] SIP/2.0", head.strip()], "", "")


def answer(status: str, *more: str, sdp: str = "", to: str = "last") -> str:
    """A response of sipp's to the `last` request, to the `first` of a call, or to the one that was `kept`."""
    about = {"Via": "[last_Via:]", "To": "[last_To:]", "CSeq": "[last_CSeq:]"}
    if to == "first":
        about["To"] = "[last_To:];tag=sipp[call_number]"
    elif to == "kept":
        about |= {"Via": "Via:[$1]", "CSeq": "CSeq:[$2]"}
    last = [about["Via"], "[last_From:]", about["To"], "[last_Call-ID:]", about["CSeq"]]
    contact = "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>"
    return _send([f"SIP/2.0 {status}", *last, contact, *more], sdp, "")


def _send(lines: list[str], sdp: str, attributes: str) -> str:
    kind = ["Content-Type: application/sdp"] if sdp else []
    text = "\n".join([*lines, *kind, "Content-Length: [len]", "", sdp])
    return f"<send{attributes}><![CDATA[\n{text}\n]]></send>"


def hear(status: int, *, optional: bool = False, keep: bool = False) -> str:
    """Wait for a response; `keep` its route and Contact."""
    extra = (' optional="true"' if optional else "") + (' rrs="true"' if keep else "")
    return f'<recv response="{status}"{extra}/>'


def hear_reliable(status: int) -> str:
    """Wait for a provisional response that has to be acknowledged; `[$1]` is its number then."""
    find = '<ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="1"/>'
    return f'<recv response="{status}" rrs="true"><action>{find}</action></recv>'


def asked(method: str, *, keep: bool = False) -> str:
    """Wait for a request; `keep` what an answer needs that comes after others."""
    if not keep:
        return f'<recv request="{method}"/>'
    find = '<ereg regexp=".*" search_in="hdr" header="{}:" assign_to="{}"/>'
    return f'<recv request="{method}"><action>{find.format("Via", 1)}{find.format("CSeq", 2)}</action></recv>'


def pause(milliseconds: int) -> str:
    """Wait."""
    return f'<pause milliseconds="{milliseconds}"/>'


def sdp(direction: str = "sendrecv", version: int = 1) -> str:
    """A description of sipp's."""
    return SDP.format(direction=direction, version=version)


def crowd(folder: Path, rooms: list[str], number: int, *steps: str) -> tuple[list[str], tuple[str, ...]]:
    """So many calls, each from an address of its own, to these rooms in turn; the steps, and the options for that.

    A call that comes from an address that one before had is not answered by sipp, and of the first one it does not
    know the port before it has written it down.
    """
    addresses = [f"127.{1 + at // 62_500}.{at // 250 % 250}.{1 + at % 250}" for at in range(number)]
    lines = [f"{address};{room}" for address, room in zip(addresses, cycle(rooms), strict=False)]
    (folder / "callers.csv").write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
    port = str(free_ports(1)[0])
    known = {"[local_ip]": "[field0]", "[local_port]": port, "sip:room@": "sip:[field1]@"}
    written = [reduce(lambda text, name: text.replace(name, known[name]), known, step) for step in steps]
    return written, ("-t", "ui", "-inf", "callers.csv", "-ip_field", "0", "-max_socket", "1000", "-p", port)


@dataclass(frozen=True)
class Outcome:
    """How sipp ended."""

    code: int
    output: str


async def run(folder: Path, port: int, *steps: str, options: tuple[str, ...] = ("-m", "1")) -> Outcome:
    """Run a scenario towards a port of this machine; without steps `options` name one of sipp's own."""
    arguments = ["sipp", f"127.0.0.1:{port}", "-i", "127.0.0.1", "-nostdin", "-timeout", "30", "-timeout_error"]
    if "-p" not in options:
        # By itself every sipp takes 5060, and several share it without complaint.
        arguments += ["-p", str(free_ports(1)[0])]
    if steps:
        scenario = folder / "scenario.xml"
        body = "\n".join(steps)
        scenario.write_text(
            f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="t">\n{body}\n</scenario>\n'
        )
        arguments += ["-sf", str(scenario)]
    process = await asyncio.create_subprocess_exec(
        *arguments,
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"TERM": "dumb", "PATH": "/usr/bin:/bin"},
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        raise
    return Outcome(process.returncode or 0, output.decode(errors="replace")[:9000])
