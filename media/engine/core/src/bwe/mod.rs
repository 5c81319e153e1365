//! Congestion control of one receiver's link: how much it carries, from what the receiver reports of each packet.
//!
//! **Inputs.** Each packet that is sent gets a number and is entered ([`Estimator::note_sent`]); reports tell when each
//! arrived, or that it is missing: transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) or
//! RFC 8888, which both become the same [`PacketResult`]s. Time passes by [`Estimator::poll`].
//!
//! **Delay** (draft-ietf-rmcat-gcc-02). Packets sent within 5 ms are a group; a least-squares line through the smoothed
//! delay of the last groups tells whether the queue grows, against a threshold that adapts (`trendline`). It differs
//! from the draft in that a trend alone is no congestion: `queue` measures how long packets wait, as the lower envelope
//! of their delay over the base of ten seconds, and only a trend *with* a queue counts. So jitter, in order or out of
//! it, does not lower the rate. A long queue that does not shrink counts even without a trend.
//!
//! **Rate** (`aimd`). On congestion the rate becomes 0.85 of what arrives (`acked`), and less for as long as a queue is
//! to be drained, by its length as it must be by now (what is told of it is as old as it was long); the draft would keep
//! 0.85 and let a queue of a second stand for six. Where a moment's burst has filled a link that is else half empty, what
//! arrives is measured while packets wait (`busy`). A queue that does not become shorter although less is sent than
//! arrived is none: the path has become longer, the rate comes back, and the base of the delay is set anew. The rate grows by a share of itself far from the last known capacity and slowly
//! near it, and not beyond 1.5 times what arrives, unless a probe has shown more.
//!
//! **Others** (`rival`). Who goes by the delay gets nothing beside a download, which fills every queue until it overflows:
//! at 2 Mbit/s with a queue of 300 ms, 60 kbit/s were left. Where the queue stays although far less is sent than it has let
//! through, somebody else fills it. The rate is then half of what it was before, whatever the queue is, until that is gone.
//!
//! **Loss** (`loss`). The draft halves the rate at 10 % loss whatever its cause. Here loss is congestion if it depends on
//! the rate. What exceeds the inherent loss of the link, by more than chance and the present length of bursts explain,
//! and does so in a second sample too, starts a trial at the rate that arrives. If the loss goes, by more than the chance
//! that no burst came meanwhile (`stretch`, `trial`), the bottleneck is found, and a cap is kept that is raised from time
//! to time (less often when that does harm, at once when as much is lost under it as before); packets should then leave
//! evenly, since such a link has hardly a queue ([`Estimator::pace`]). If the loss stays, it is the link's own
//! from then on, and the rate comes back. Where less is sent than may be, a trial at a higher rate comes first (`push`): at
//! a lower one pictures were late or left out for a second or two, which is what people see of a link that begins to lose.
//! A link that has shown a long queue drops nothing before it is full: there, loss without a queue takes four times as much
//! to look suspicious.
//!
//! **Probes** (`prober`). Short clusters at a higher rate, at the start (3 and 6 times), after an outage, and every few
//! seconds while more is wanted than is known to fit.
//!
//! **Overdue packets** (`brake`). A report that tells of a packet which has waited, and not of those after it that should be
//! there too, makes pictures wait for two reports more ([`Estimator::pace`]), by when the rate is another if it must be.
//!
//! A queue that a probe itself makes is no congestion. What it shows is read from a line through the arrivals of its
//! packets, which bears jitter better than the first and the last of them.
//!
//! **What to send** goes by [`Estimator::planned_bps`], which is not lowered while a queue is drained or a trial is on:
//! that is over before another picture has begun.
//!
//! **Outages** (`silence`). While nothing is reported the rate holds, then halves each second. The first report after
//! that brings back what was before; what was sent in between tells nothing of the link's rate, and is not counted.
//!
//! Sources beside the draft: G. Carlucci et al., "Analysis and Design of the Google Congestion Control for WebRTC"
//! (2016), for the adaptive threshold and the line; RFC 8888; the behaviour that libwebrtc shows to those who talk to it,
//! for first probes and intervals of reports.
//!
//! `trace` writes inputs down so that tests can replay them (`replay`); `recording`, beside this folder, those of a call.

mod acked;
mod aimd;
mod brake;
mod busy;
mod by_stream;
mod clock;
mod estimator;
mod history;
mod loss;
mod prober;
mod push;
mod queue;
mod replay;
mod reports;
mod rival;
mod round_trip;
mod silence;
mod stretch;
pub mod trace;
mod trendline;
mod trial;

pub use estimator::{Estimator, LinkState, THIN_BPS};
pub use history::SentHistory;
pub use reports::Line;

use crate::time::Micros;

/// What a packet is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    #[default]
    Audio,
    /// Pictures.
    Video,
    /// Sent before, or repair.
    Repair,
    /// Only there to probe.
    Padding,
}

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketResult {
    /// Its transport-wide number, extended.
    pub number: u64,
    /// When it was sent.
    pub sent_at: Micros,
    /// Bytes on the wire.
    pub bytes: u32,
    /// What it was.
    pub kind: Kind,
    /// The probe that it was a part of; 0 if none.
    pub cluster: u8,
    /// When it arrived, in microseconds of the receiver's clock; none if it did not.
    pub arrived_us: Option<i64>,
    /// An earlier report had called it missing.
    pub was_lost: bool,
}

/// What a report tells of a packet that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// Its transport-wide number.
    pub number: u16,
    /// What it was.
    pub kind: Kind,
    /// It did not arrive, so far.
    pub lost: bool,
    /// An earlier report had called it missing.
    pub late: bool,
}

#[cfg(test)]
mod test_support {
    use super::{Kind, PacketResult};
    use crate::time::Micros;

    pub(super) const fn result(
        number: u64,
        sent_ms: u64,
        bytes: u32,
        arrived_us: Option<i64>,
    ) -> PacketResult {
        PacketResult {
            number,
            sent_at: Micros::from_millis(sent_ms),
            bytes,
            kind: Kind::Video,
            cluster: 0,
            arrived_us,
            was_lost: false,
        }
    }
}
