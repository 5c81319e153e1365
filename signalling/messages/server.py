"""What the bridge sends, in the order of `PROTOCOL.md`."""

from __future__ import annotations

from msgspec import field

from signalling.errors import Code
from signalling.messages.words import (
    Assurance,
    Count,
    Digits,
    Employer,
    Flow,
    Ground,
    Id,
    Instant,
    Keys,
    Line,
    Matter,
    Miss,
    NotNegative,
    Part,
    PayloadType,
    Percent,
    Phone,
    Place,
    Ref,
    Relation,
    Role,
    Rota,
    Sdp,
    Secret,
    SourceName,
    StillBytes,
    StillKey,
    StillState,
    TestReason,
    Text,
    TextState,
    TrialVerdict,
    Verdict,
    Wire,
)


class SlotCounts(Part, frozen=True, kw_only=True):
    """How many receiving m-lines of each kind the offer should hold."""

    audio: Count
    video: Count
    content: Count


class IceServer(Part, frozen=True, kw_only=True):
    """A STUN or TURN server in the form that `RTCPeerConnection` takes."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Welcome(Wire, frozen=True, kw_only=True):
    """The join succeeded. `resume` is the secret to keep for coming back on this link."""

    version: int
    participant: Id
    room_name: str
    role: Role
    host: bool
    place: Place
    resume: Secret
    slots: SlotCounts
    ice_servers: list[IceServer]
    leg: Id | None
    calls: bool = False


class Answer(Wire, frozen=True, kw_only=True):
    """The bridge's SDP answer, and the leg that it is of."""

    ref: Ref
    sdp: Sdp
    leg: Id


class Ok(Wire, frozen=True, kw_only=True):
    """The act is done."""

    ref: Ref


class Pong(Wire, frozen=True, kw_only=True):
    """The line carries something both ways."""

    ref: Ref


class Invited(Wire, frozen=True, kw_only=True):
    """The link to give to the person, for one browser and until `expires_at`; or number and PIN, for a call."""

    ref: Ref
    link: str
    expires_at: Instant
    number: Digits | None = None
    pin: Digits | None = None


class ToCall(Wire, frozen=True, kw_only=True):
    """What to call, and the PIN to key in, told once; `telephone` is for telephones, where any leads here."""

    ref: Ref
    number: Digits
    pin: Digits
    telephone: Phone | None = None


class ErrorMessage(Wire, frozen=True, kw_only=True, tag="error"):
    """Something failed. `ref` is that of the message at fault, or null where none could be read."""

    ref: Ref | None
    code: Code
    message: str


class Encryption(Part, frozen=True, kw_only=True):
    """What protects somebody's media between them and the bridge: the weakest of their lines and directions."""

    keys: Keys
    cipher: Id | None = None


class Inviter(Part, frozen=True, kw_only=True):
    """Who in the room had issued a link."""

    name: str
    role: Role


class Invitation(Part, frozen=True, kw_only=True):
    """On what somebody is here, for hosts; `by` is null for the administration.

    `apart`: they see the doctor one after the other with other patients.
    """

    invitation: Id
    many: bool
    substitute: bool
    apart: bool
    ground: Ground | None = None
    reference: str | None = None
    by: Inviter | None = None


class Consented(Part, frozen=True, kw_only=True):
    """What somebody has said of one matter: yes, or that they take their yes back."""

    matter: Matter
    given: bool


class Person(Part, frozen=True, kw_only=True):
    """One line of the roster."""

    participant: Id
    name: str
    role: Role
    host: bool
    place: Place
    connected: bool
    muted: bool
    may_unmute: bool
    camera: bool
    sharing: bool
    you: bool
    line: Line = Line.BROWSER
    number: str | None = None
    ringing: bool = False
    assurance: Assurance = Assurance.NONE
    required: Assurance = Assurance.NONE
    relation: Relation | None = None
    health_personnel: bool = False
    employer: Employer | None = None
    confirmed: bool = False
    encryption: Encryption | None = None
    tested: TrialVerdict | None = None
    invited: Invitation | None = None
    consents: list[Consented] = field(default_factory=list)


class Expected(Part, frozen=True, kw_only=True):
    """For hosts: who is invited and has not come, by a link that is still good, or a link for many."""

    name: str
    role: Role
    invited: Invitation
    expected_at: Instant | None = None
    late: bool = False


class Roster(Wire, frozen=True, kw_only=True):
    """Everyone whom the receiver may know of; it replaces the last one. `host`: the receiver is a host.

    For hosts, `number`: by which the room is called; `dials`: somebody may be called; `short`: processors do not
    suffice for all pictures; `texts`: links can be sent by text message; `asked_of_patients`: how sure it has to
    be who they are, where nothing else is said; `expected`: who is invited and has not come. For a patient who
    waits, `ahead`: how many are before them. `expected_at` and `late`: when it is their turn; for hosts, what is
    told to all of that.
    """

    revision: Count
    locked: bool
    host: bool
    number: Digits | None = None
    dials: bool = False
    short: bool = False
    texts: bool = False
    asked_of_patients: Assurance = Assurance.NONE
    ahead: Count | None = None
    expected_at: Instant | None = None
    late: bool = False
    may_take_over: bool = False
    expected: list[Expected] = field(default_factory=list)
    people: list[Person]


class TurnedAway(Wire, frozen=True, kw_only=True):
    """To hosts: somebody came to the door and found it closed."""

    name: str
    role: Role
    why: Code


class Cancelled(Wire, frozen=True, kw_only=True):
    """Before a `bye` with `cancelled`: the new time, where there is one."""

    new_time: Instant | None


class Texted(Wire, frozen=True, kw_only=True):
    """To who invited: what became of the text message with a link."""

    invitation: Id
    name: str
    state: TextState


class Missed(Wire, frozen=True, kw_only=True):
    """To hosts: somebody who was called is not there."""

    participant: Id
    name: str
    why: Miss


class PoorLine(Wire, frozen=True, kw_only=True):
    """Whether sound suffers on the receiver's own line, and has for a while; told when that changes."""

    poor: bool


class CallSuggested(Wire, frozen=True, kw_only=True):
    """The host, `by`, suggests that the receiver goes on by telephone."""

    by: Id


class Written(Wire, frozen=True, kw_only=True):
    """The line that somebody is writing, in the place of their last one unless that was `done`."""

    participant: Id
    text: Text
    done: bool

    def __repr__(self) -> str:
        """Leave out what was written."""
        return f"Written({self.participant}, done={self.done})"


class Still(Wire, frozen=True, kw_only=True):
    """To who asked for a still picture and who is asked: where it is, and what is needed next."""

    still: Id
    asker: Id
    participant: Id
    state: StillState
    key: StillKey | None = None
    token: Secret | None = None
    size: StillBytes | None = None


class LayoutSlot(Part, frozen=True, kw_only=True):
    """Who is in one of the receiver's slots now; slots that are not named are empty."""

    mid: str
    participant: Id
    source: SourceName


class Layout(Wire, frozen=True, kw_only=True):
    """All filled slots; it replaces the last one."""

    slots: list[LayoutSlot]


class Wanted(Part, frozen=True, kw_only=True):
    """What the bridge would like one encoding to be; `max_bitrate` is in bit/s, null for no limit."""

    active: bool
    max_bitrate: Count | None = None


class Demand(Wire, frozen=True, kw_only=True):
    """What the bridge would like a source of the receiver's to send; it replaces the last one for this source."""

    source: SourceName
    encodings: list[Wanted]
    leg: Id


class Codec(Wire, frozen=True, kw_only=True):
    """In which format a source of the receiver's is best sent now."""

    source: SourceName
    payload_type: PayloadType
    leg: Id


class StreamStats(Part, frozen=True, kw_only=True):
    """Quality of one kind of media in one direction: a source on its way up, all slots of its kind down.

    `burst_packets` is the mean length of runs of lost packets; `mos` the E-model's estimate for sound, 1 to 4.5.
    """

    source: SourceName
    loss_percent: Percent
    loss_after_percent: Percent
    burst_packets: NotNegative | None = None
    jitter_ms: NotNegative
    bitrate_kbps: NotNegative
    frames_per_second: NotNegative | None = None
    mos: NotNegative | None = None


class FlowStats(Part, frozen=True, kw_only=True):
    """Quality in one direction over the last two seconds: loss before and after repair, of all packets."""

    loss_percent: Percent
    loss_after_percent: Percent
    jitter_ms: NotNegative
    bitrate_kbps: NotNegative
    streams: list[StreamStats]


class PersonStats(Part, frozen=True, kw_only=True):
    """Quality of one person's link: `up` towards the bridge, `down` from it.

    `freezes`, `frozen_percent` and `concealed_percent` are what their page says of the last seconds.
    """

    participant: Id
    up: FlowStats
    down: FlowStats
    rtt_ms: NotNegative | None = None
    verdict: Verdict
    freezes: Count = 0
    frozen_percent: Percent | None = None
    concealed_percent: Percent | None = None


class Stats(Wire, frozen=True, kw_only=True):
    """To hosts, when something has become better or worse; while they show details every second."""

    people: list[PersonStats]


class Bye(Wire, frozen=True, kw_only=True):
    """The last message before the bridge closes the socket."""

    code: Code
    message: str


class Testing(Wire, frozen=True, kw_only=True):
    """A test may begin: make the offers, and report when media have come back for `seconds`."""

    ref: Ref
    seconds: NotNegative
    ice_servers: list[IceServer]


class Tested(Wire, frozen=True, kw_only=True):
    """How good the way to the bridge is, why it is not better, and the figures that say so.

    `calls` as in `welcome`.
    """

    ref: Ref
    verdict: TrialVerdict
    reasons: list[TestReason]
    up: Flow
    down: Flow
    rtt_ms: NotNegative | None = None
    calls: bool = False


class RotaInfo(Part, frozen=True, kw_only=True):
    """A rota: the word for it, and what people call it."""

    rota: Rota
    title: str


class OnDuty(Wire, frozen=True, kw_only=True):
    """The reply to `duty`: as whom, and for which rotas, the queue is told from now on."""

    ref: Ref
    name: str
    rotas: list[RotaInfo]


class Waiter(Part, frozen=True, kw_only=True):
    """One who waits, without a name."""

    role: Role
    assurance: Assurance
    since: Instant
    connected: bool


class Taking(Part, frozen=True, kw_only=True):
    """Who of the rota has taken a room just now; `yours` of somebody's own, also from another page of theirs."""

    by: str
    at: Instant
    yours: bool


class QueuedRoom(Part, frozen=True, kw_only=True):
    """A room in which somebody waits and nobody hosts."""

    room: Id
    name: str
    rota: Rota
    people: list[Waiter]
    taken: Taking | None = None


class Queue(Wire, frozen=True, kw_only=True):
    """Every room that waits for somebody of one's rotas, longest waiting first; it replaces the last one."""

    now: Instant
    rooms: list[QueuedRoom]


class Taken(Wire, frozen=True, kw_only=True):
    """The reply to `take`: who has the room, and the link by which to come in if that is oneself."""

    ref: Ref
    room: Id
    by: str
    link: str | None = None


ServerMessage = (
    Welcome
    | Answer
    | Ok
    | Pong
    | Invited
    | ToCall
    | ErrorMessage
    | Roster
    | TurnedAway
    | Cancelled
    | Texted
    | Missed
    | PoorLine
    | CallSuggested
    | Written
    | Still
    | Layout
    | Demand
    | Codec
    | Stats
    | Bye
    | Testing
    | Tested
    | OnDuty
    | Queue
    | Taken
)
