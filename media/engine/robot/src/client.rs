//! One robot: who it is, what it sends and takes, and when it has to do something.

use crate::api::{ClientId, Event};
use crate::ice::Controlling;
use crate::receiver::Receiver;
use crate::sender::{Sender, Way};
use crate::stats::{ClientRow, Latency};
use crate::twcc::Arrivals;
use engine_core::random::Random;
use engine_core::ration::Ration;
use engine_core::{Micros, Outbox};
use engine_srtp::{Inbound, Outbound};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::net::SocketAddr;

const NEVER: Micros = Micros(u64::MAX);

/// Which stream of a robot an SSRC is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Position of the receiver.
    pub(crate) receiver: usize,
    /// Its retransmissions (RFC 4588).
    pub(crate) repair: bool,
}

/// What a robot uses while it works; of the thread.
pub(crate) struct Context<'a> {
    pub(crate) now: Micros,
    pub(crate) out: &'a mut Outbox,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) latency: &'a mut Latency,
    pub(crate) scratch: &'a mut Scratch,
}

/// Buffers that are filled and emptied again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lost: Vec<u16>,
    pub(crate) blocks: Vec<engine_wire::rtcp::ReportBlock>,
}

/// State of one robot. It has no `Debug` form, since it holds keys.
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) ice: Controlling,
    pub(crate) inbound: Option<Inbound>,
    pub(crate) outbound: Option<Outbound>,
    pub(crate) senders: Vec<Sender>,
    pub(crate) receivers: Vec<Receiver>,
    /// Every SSRC that is known; bounded by the receivers, since only they can be bound.
    pub(crate) streams: FxHashMap<u32, Stream>,
    pub(crate) cname: String,
    pub(crate) mid_ext: Option<u8>,
    pub(crate) check_percent: u8,
    pub(crate) row: ClientRow,
    pub(crate) random: Random,
    /// Position of the sender that sent last, for what the socket does not take.
    pub(crate) last_sender: usize,
    /// Next transport-wide number of what is sent.
    pub(crate) twcc_out: u16,
    /// Extension id and arrivals of what is received, where transport-wide feedback was negotiated.
    pub(crate) twcc_in: Option<(u8, Arrivals)>,
    pub(crate) dtls_ration: Ration,
    /// When the fleet looks after this robot next.
    pub(crate) wake: Micros,
    /// When receivers may have something to ask for.
    pub(crate) look_at: Micros,
    pub(crate) report_at: Micros,
}

impl Client {
    /// Where media goes, if it can be sent.
    pub(crate) fn media_address(&self) -> Option<SocketAddr> {
        self.ice.selected().filter(|_| self.outbound.is_some())
    }

    /// Measured round trip.
    pub(crate) const fn round_trip(&self) -> Micros {
        Micros(self.row.rtt_us)
    }

    /// SSRC under which this robot reports: that of its first sender, or 1 if it sends nothing (RFC 8108 section 5.1
    /// allows any).
    pub(crate) fn reporting_ssrc(&self) -> u32 {
        self.senders.first().map_or(1, |sender| sender.spec.ssrc)
    }

    /// The path is there, or the keys are: the later of the two starts the senders.
    pub(crate) fn begin_media(&mut self, now: Micros) {
        if self.media_address().is_none() {
            return;
        }
        self.senders.iter_mut().for_each(|sender| sender.begin(now));
        // Half an interval of chance either way keeps many robots' reports apart (RFC 3550 section 6.2).
        self.report_at = now + Micros(500_000 + self.random.below(1_000_000));
    }

    /// Does what is due, and gives when there is something to do again.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) -> Micros {
        if self.ice.expire(cx.now) {
            self.row.failed = 1;
            let client = self.id;
            cx.events.push_back(Event::ConsentFailed { client });
        }
        self.send_check(cx);
        self.send_media(cx);
        if self.look_at <= cx.now {
            self.look_after_receivers(cx);
        }
        if self.report_at <= cx.now {
            self.send_reports(cx);
        }
        if self.feedback_at() <= cx.now {
            self.send_transport_feedback(cx);
        }
        self.next_at()
    }

    pub(crate) fn next_at(&self) -> Micros {
        let checks = self.ice.next_at().unwrap_or(NEVER);
        if self.media_address().is_none() {
            return checks;
        }
        let senders = self.senders.iter().map(Sender::next_at);
        let others = [checks, self.look_at, self.report_at, self.feedback_at()];
        senders.chain(others).min().unwrap_or(NEVER)
    }

    /// When transport-wide feedback is due.
    fn feedback_at(&self) -> Micros {
        let arrivals = self.twcc_in.as_ref();
        arrivals
            .and_then(|(_, arrivals)| arrivals.next_at())
            .unwrap_or(NEVER)
    }

    fn send_check(&mut self, cx: &mut Context<'_>) {
        let check = &mut cx.scratch.bytes;
        check.clear();
        if self.ice.poll_check(cx.now, &mut self.random, check) {
            self.row.checks_sent += 1;
            cx.out.push(self.ice.remote(), check);
        }
    }

    fn send_media(&mut self, cx: &mut Context<'_>) {
        let (Some(to), Some(outbound)) = (self.ice.selected(), &self.outbound) else {
            return;
        };
        let mut way = Way {
            outbound,
            to,
            twcc: &mut self.twcc_out,
            out: cx.out,
        };
        for (at, sender) in self.senders.iter_mut().enumerate() {
            if sender.next_at() <= cx.now {
                sender.poll(cx.now, &mut way);
                self.last_sender = at;
            }
        }
    }

    /// Calls `work` with a sender and the way out, if there is one.
    pub(crate) fn with_sender(
        &mut self,
        cx: &mut Context<'_>,
        ssrc: u32,
        work: impl FnOnce(&mut Sender, &mut Way<'_>),
    ) {
        let (Some(to), Some(outbound)) = (self.ice.selected(), &self.outbound) else {
            return;
        };
        let at = self.senders.iter().position(|s| s.spec.ssrc == ssrc);
        if let Some(at) = at {
            self.last_sender = at;
            let mut way = Way {
                outbound,
                to,
                twcc: &mut self.twcc_out,
                out: cx.out,
            };
            work(&mut self.senders[at], &mut way);
        }
    }

    /// Counters with what is computed on demand.
    pub(crate) fn snapshot(&self) -> ClientRow {
        ClientRow {
            client: self.id.0,
            connected: u64::from(self.ice.selected().is_some()),
            secured: u64::from(self.outbound.is_some()),
            ..self.row
        }
    }
}
