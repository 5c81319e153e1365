"""Messages after the cases of RFC 4475, written anew: what each tests, its text, and what has to come of it."""

from dataclasses import dataclass
from typing import Final

HEAD: Final = """\
Via: SIP/2.0/UDP ward.example.org;branch=z9hG4bKtorture
From: <sip:anna@example.org>;tag=one
To: <sip:room@example.net>
Call-ID: torture
CSeq: 1 {method}
Max-Forwards: 70
"""


@dataclass(frozen=True)
class Case:
    """`status` is that of the MalformedMessageError, None for a message that has to be taken."""

    section: str
    text: str
    status: int | None = None
    answerable: bool = True

    @property
    def data(self) -> bytes:
        """The bytes, line ends as on the wire."""
        return self.text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def request(line: str, *more: str, method: str = "", head: str = HEAD, body: str = "") -> str:
    """A request with the usual headers and these besides."""
    method = method or line.split(" ", maxsplit=1)[0]
    extra = "".join(f"{item}\n" for item in more)
    return f"{line}\n{head.replace('{method}', method)}{extra}\n{body}"


def response(line: str, *more: str, head: str = HEAD) -> str:
    """A response to an INVITE."""
    return request(line, *more, method="INVITE", head=head)


UNUSUAL_URI = (
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"
)
INTERESTING = "!interesting-Method0123456789_*+`.%indeed'~"
WSINV = """\
INVITE sip:room@chair.example.net;unknownparam SIP/2.0
TO :
 sip:room@chair.example.net ;   tag    = 1918181833n
from   : "Anna \\\\\\"" <sip:anna@example.net>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 2
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \\"\\"" <sip:anna@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

v="""

TAKEN: Final = {
    "wsinv": Case("3.1.1.1", WSINV),
    "intmeth": Case(
        "3.1.1.2",
        f"""\
{INTERESTING} {UNUSUAL_URI} SIP/2.0
Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~
To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <{UNUSUAL_URI}>
From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>
 ;fromParam''~+*_!.-%="\u0440\u0430";tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/"][?}}{{
CSeq: 139122385 {INTERESTING}
Max-Forwards: 255
extensionHeader-!.%*+_`'~: \u5927\u505c\u96fb
Content-Length: 0

""",
    ),
    "esc01": Case("3.1.1.3", request("INVITE sip:sips%3Aroom%40example.com@example.net SIP/2.0")),
    "escnull": Case(
        "3.1.1.4",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Contact: <sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>",
        ),
    ),
    "esc02": Case("3.1.1.5", request("RE%47IST%45R sip:registrar.example.com SIP/2.0")),
    "lwsdisp": Case(
        "3.1.1.6",
        request(
            "OPTIONS sip:room@example.com SIP/2.0",
            head=HEAD.replace("From: <", "From: caller<"),
        ),
    ),
    "longreq": Case(
        "3.1.1.7",
        request(
            "INVITE sip:room@example.net SIP/2.0",
            *(f"v: SIP/2.0/TCP sip{n}.example.com" for n in range(30)),
            "Unknown-" + "Long" * 100 + "Name: unknown" + "-long" * 400,
            f"m: <sip:amazinglylong{'caller' * 100}@host5.example.net>",
            head=HEAD.replace(
                "<sip:anna", '"I have a user name of extreme' + " proportions" * 30 + '" <sip:anna'
            ).replace("Call-ID: torture", "Call-ID: longreq.one" + "really" * 30 + "longcallid"),
        ),
    ),
    "dblreq": Case(
        "3.1.1.8",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Content-Length: 0",
            body=request("INVITE sip:room@example.com SIP/2.0", "Content-Length: 0"),
        ),
    ),
    "semiuri": Case("3.1.1.9", request("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0")),
    "transports": Case(
        "3.1.1.10",
        request(
            "OPTIONS sip:user@example.com SIP/2.0",
            "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
            "Via: SIP/2.0/UNKNOWN t5.example.com;branch=z9hG4bKkdu876",
        ),
    ),
    "mpart01": Case(
        "3.1.1.11",
        request(
            "MESSAGE sip:kumiko@example.org SIP/2.0",
            'Content-Type: multipart/mixed;boundary="7a9cbec02ceef655"',
            "Content-Length: 4",
            body="ab\n",
        ),
    ),
    "unreason": Case("3.1.1.12", response("SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e")),
    "noreason": Case("3.1.1.13", response("SIP/2.0 100 ")),
    "zeromf": Case(
        "3.3.6", request("OPTIONS sip:user@example.com SIP/2.0", head=HEAD.replace("Forwards: 70", "Forwards: 0"))
    ),
    "regescrt": Case(
        "3.3.12",
        request(
            "REGISTER sip:example.com SIP/2.0", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"
        ),
    ),
    "cparam01": Case(
        "3.3.10",
        request("REGISTER sip:example.com SIP/2.0", "Contact: sip:+19725552222@gw1.example.net;unknownparam"),
    ),
    "cparam02": Case(
        "3.3.11",
        request("REGISTER sip:example.com SIP/2.0", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"),
    ),
    "unkscm": Case("3.3.2", request("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0")),
    "novelsc": Case("3.3.3", request("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0")),
    "unksm2": Case(
        "3.3.4",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Contact: <name:user>",
            head=HEAD.replace("<sip:anna@example.org>", "<http://www.example.com>").replace(
                "<sip:room@example.net>", "isbn:2983792873"
            ),
        ),
    ),
    "inv2543": Case(
        "3.4.1",
        """\
INVITE sip:UserB@example.com SIP/2.0
Via: SIP/2.0/UDP iftgw.example.com
From: <sip:+13035551111@ift.client.example.net;user=phone>
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
To: sip:+16505552222@ss1.example.net;user=phone
Call-ID: inv2543.1717@ift.client.example.com
CSeq: 56 INVITE

""",
    ),
    "bcast": Case("3.3.15", response("SIP/2.0 200 OK", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23")),
    "bext01": Case("3.3.7", request("OPTIONS sip:user@example.com SIP/2.0", "Require: nothingSupportsThis")),
    "badbranch": Case(
        "3.2.1", request("OPTIONS sip:user@example.com SIP/2.0", head=HEAD.replace("z9hG4bKtorture", "z9hG4bK"))
    ),
    "latin-1": Case(
        "none",
        request(
            "INVITE sip:r@example.net SIP/2.0", head=HEAD.replace("<sip:anna", '"Bl\udce5b\udce6r" <sip:anna')
        ),
    ),
}

REFUSED: Final = {
    "badinv01": Case(
        "3.1.2.1",
        request("INVITE sip:user@example.com SIP/2.0", 'Contact: "Joe" <sip:joe@example.org>;;;;'),
        400,
    ),
    "badinv01 via": Case(
        "3.1.2.1",
        request("INVITE sip:user@example.com SIP/2.0", head=HEAD.replace("torture\nFrom", "torture;;,;,,\nFrom")),
        400,
        answerable=False,
    ),
    "clerr": Case(
        "3.1.2.2", request("INVITE sip:user@example.com SIP/2.0", "Content-Length: 9999", body="v=0\n"), 400
    ),
    "ncl": Case(
        "3.1.2.3", request("INVITE sip:user@example.com SIP/2.0", "Content-Length: -999", body="v=0\n"), 400
    ),
    "scalar02": Case(
        "3.1.2.4",
        request(
            "REGISTER sip:example.com SIP/2.0",
            head=HEAD.replace("CSeq: 1 ", "CSeq: 36893488147419103232 "),
        ),
        400,
        answerable=False,
    ),
    "scalar02 expires": Case("3.1.2.4", request("REGISTER sip:example.com SIP/2.0", "Expires: 10000000000"), 400),
    "scalar02 forwards": Case(
        "3.1.2.4",
        request("REGISTER sip:a.example SIP/2.0", head=HEAD.replace("Forwards: 70", "Forwards: 300")),
        400,
    ),
    "scalarlg": Case(
        "3.1.2.5",
        response("SIP/2.0 503 Service Unavailable", "Retry-After: 949302838503028349304023988"),
        400,
        answerable=False,
    ),
    "quotbal": Case(
        "3.1.2.6",
        request("INVITE sip:user@example.com SIP/2.0", head=HEAD.replace("To: <", 'To: "Mr. J. User <')),
        400,
        answerable=False,
    ),
    "ltgtruri": Case("3.1.2.7", request("INVITE <sip:user@example.com> SIP/2.0"), 400),
    "lwsruri": Case("3.1.2.8", request("INVITE sip:user@example.com; lr SIP/2.0"), 400),
    "lwsstart": Case("3.1.2.9", request("INVITE  sip:user@example.com  SIP/2.0", method="INVITE"), 400),
    "trws": Case("3.1.2.10", request("OPTIONS sip:remote-target@example.com SIP/2.0  "), 400),
    "escruri": Case("3.1.2.11", request("INVITE sip:user@example.com?Route=%3Csip:example.com>%3E SIP/2.0"), 400),
    "badvers": Case("3.1.2.16", request("OPTIONS sip:t.watson@example.org SIP/7.0"), 505),
    "mismatch01": Case("3.1.2.17", request("OPTIONS sip:user@example.com SIP/2.0", method="INVITE"), 400),
    "mismatch02": Case("3.1.2.18", request("NEWMETHOD sip:user@example.com SIP/2.0", method="INVITE"), 400),
    "bigcode": Case(
        "3.1.2.19", response("SIP/2.0 4294967301 better not break the receiver"), 400, answerable=False
    ),
    "regbadct": Case(
        "3.1.2.13",
        request(
            "REGISTER sip:example.com SIP/2.0", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        ),
        400,
    ),
    "badaspec": Case(
        "3.1.2.14",
        request(
            "OPTIONS sip:user@example.org SIP/2.0",
            head=HEAD.replace("<sip:room@example.net>", '"Watson, Thomas" < sip:t@example.org >'),
        ),
        400,
        answerable=False,
    ),
    "baddn": Case(
        "3.1.2.15",
        request("OPTIONS sip:user@example.org SIP/2.0", head=HEAD.replace("From: <", "From: Bell, Alexander <")),
        400,
        answerable=False,
    ),
    "multi01": Case(
        "3.3.8",
        request("INVITE sip:user@example.com SIP/2.0", "CSeq: 59 INVITE", "Call-ID: other", "Max-Forwards: 5"),
        400,
    ),
    "mcl01": Case(
        "3.3.9", request("OPTIONS sip:user@example.com SIP/2.0", "Content-Length: 13", "Content-Length: 5"), 400
    ),
    "insuf": Case(
        "3.3.1",
        "INVITE sip:user@example.com SIP/2.0\nCSeq: 1 INVITE\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKk\n\n",
        400,
        answerable=False,
    ),
    "control": Case(
        "none", request("INVITE sip:user@example.com SIP/2.0", "Subject: a\x00b"), 400, answerable=False
    ),
    "bare feed": Case("none", "INVITE sip:a@b.example SIP/2.0\r\rX: y\n\n", 400, answerable=False),
    "too many": Case("none", request("INVITE sip:u@example.com SIP/2.0", *["X: y"] * 300), 400, answerable=False),
    "too long": Case(
        "none", request("INVITE sip:u@example.com SIP/2.0", "X: " + "y" * 9000), 400, answerable=False
    ),
    "too large": Case("none", request("INVITE sip:u@example.com SIP/2.0", "Content-Length: 70000", body="v"), 513),
}
