//! What the engine tells the control plane; plain data like its commands, and part of [`crate::api`].

use crate::api::{LegId, RoomId, Wanted};
use crate::line::api::Key;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such leg here.
    UnknownLeg,
    /// The leg exists already.
    DuplicateLeg,
    /// Another leg has this ICE user name fragment.
    DuplicateUfrag,
    /// An SSRC, slot or source index appears twice, or a feed names what is not there.
    BadDescription,
    /// The profile is unknown or the key has the wrong length.
    BadKeys,
    /// The leg has keys. Setting them again would start the SRTCP index anew, and with it use nonces twice.
    AlreadyKeyed,
    /// Drills are for engines that were started for them.
    NotAllowed,
    /// A line has no protection, and the command does not allow that.
    PlainNotAllowed,
    /// A port is 0, or another line has it.
    DuplicatePort,
    /// A leg moves with its gate closed.
    GateOpen,
    /// The leg's link is being recorded, or is to be.
    AlreadyRecording,
    /// Its peer does not report on each packet: there is no estimate.
    NothingToRecord,
}

/// What the engine tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The first connectivity check with the right credentials arrived.
    IceConnected {
        /// Whose.
        leg: LegId,
    },
    /// A DTLS datagram from a peer.
    Dtls {
        /// From whom.
        leg: LegId,
        /// The datagram.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// The first genuine packet on a line, or the first from another address or after a long silence.
    LineConnected {
        /// Whose.
        leg: LegId,
        /// Which of its lines.
        line: u8,
    },
    /// A DTLS datagram from a peer on a line.
    LineDtls {
        /// From whom.
        leg: LegId,
        /// On which of its lines.
        line: u8,
        /// The datagram.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// Somebody needs a key frame of a source whose leg cannot be asked by RTCP; told again while none comes.
    KeyFrameWanted {
        /// Whom to ask.
        leg: LegId,
        /// For a picture of which source.
        source: u16,
    },
    /// Somebody has pressed a key of a telephone (RFC 4733): told once, when it is over, whether the gate is open or not.
    Digit {
        /// Who.
        leg: LegId,
        /// Which.
        key: Key,
        /// For how long.
        duration_ms: u32,
    },
    /// No valid connectivity check for 30 s (RFC 7675), or nothing on any line: nothing is sent until something comes.
    ConsentLost {
        /// Whose.
        leg: LegId,
    },
    /// The gate moved.
    GateChanged {
        /// Whose.
        leg: LegId,
        /// Open now.
        open: bool,
        /// When.
        at_us: Micros,
        /// When the last RTP or RTCP packet left for this leg; 0 if none has.
        last_out_us: Micros,
    },
    /// Who spoke last, most recent first.
    Speakers {
        /// Where.
        room: RoomId,
        /// Legs, most recent speaker first.
        legs: Vec<LegId>,
    },
    /// What a source should send, since that is what somebody takes and can take. Told when it changes, at most every
    /// 500 ms a source.
    Demand {
        /// Whose.
        leg: LegId,
        /// Which source.
        source: u16,
        /// In the order of the description, lowest quality first.
        encodings: Vec<Wanted>,
    },
    /// What was recorded of a leg's link, once, when that is full, its time is over, the gate closes or the leg goes; not at
    /// all if the gate never opened.
    LinkRecorded {
        /// Whose.
        leg: LegId,
        /// Lines as [`crate::bwe::trace`] reads them: times, numbers, sizes and kinds of packets.
        trace: String,
    },
    /// The leg is gone.
    LegRemoved {
        /// Which.
        leg: LegId,
        /// When.
        at_us: Micros,
        /// When its last RTP or RTCP packet was taken in; 0 if none was.
        last_in_us: Micros,
        /// When the last RTP or RTCP packet left for it; 0 if none has.
        last_out_us: Micros,
    },
    /// Our own code failed while it worked for this room. The room's legs are gone, and what was asked of them later is
    /// refused; every other room goes on.
    RoomFailed {
        /// Which room.
        room: RoomId,
        /// The legs that it had.
        legs: Vec<LegId>,
        /// Where in the code, as `file:line`; empty if nobody knows.
        place: String,
    },
    /// A shard's thread has ended without being told to. Its rooms are gone, and none can be made there.
    ShardStopped {
        /// Which shard.
        shard: u64,
        /// Where in the code it failed, as `file:line`; empty if nobody knows.
        place: String,
    },
    /// A command was not carried out.
    CommandRefused {
        /// Its name.
        command: String,
        /// The leg that it named; 0 for a room's command.
        leg: LegId,
        /// Why.
        code: Refusal,
    },
}
