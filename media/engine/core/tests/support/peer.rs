//! A browser in small: connectivity checks, SRTP, media, and the RTCP that keeps it whole.

use super::ccfb::BySequence;
use super::legs::{ice, ssrc_base, NUMBER_ID};
use super::{Path, PeerSpec, Plain, Random, Receiver, Sender};
use engine_core::api::{Command, IceParams, Kind, LegId, RoomId};
use engine_core::arrivals::Arrivals;
use engine_core::Micros;
use engine_srtp::{Inbound, Outbound, Profile};
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp::{self, Packet, ReportBlock};
use engine_wire::rtp::RtpHeader;
use engine_wire::stun::{self, Message, MessageClass};
use std::cell::Cell;
use std::net::SocketAddr;

/// Between two checks on a path that works (RFC 7675 section 5.1).
const CHECK_INTERVAL: Micros = Micros::from_millis(2_500);
const CHECK_RETRY: Micros = Micros::from_millis(100);
const REPORT_INTERVAL: Micros = Micros::from_millis(1_000);
/// What comes so soon after a request that was served is passed over, as libwebrtc does.
const PASSED_OVER: Micros = Micros::from_millis(300);
const NACK_INTERVAL: Micros = Micros::from_millis(10);
const NEVER: Micros = Micros(u64::MAX);

pub struct Peer {
    pub leg: u64,
    pub room: u64,
    pub spec: PeerSpec,
    pub address: SocketAddr,
    pub ice: IceParams,
    /// Our half of the user name in checks.
    pub ufrag: String,
    pub up: Path,
    pub down: Path,
    pub senders: Vec<Sender>,
    pub receivers: Vec<Receiver>,
    /// Blocks about our streams, newest last, with their arrival.
    pub blocks: Vec<(Micros, ReportBlock)>,
    /// What it was told that its link carries, in bits a second.
    pub limits: Vec<(Micros, u64)>,
    /// The next transport-wide number.
    numbers: Cell<u16>,
    pub checks_answered: u64,
    pub checks_refused: u64,
    /// Whoever asks for a key frame of one encoding gets one of each, as browsers make them.
    pub keys_together: bool,
    /// Answers NACKs and asks for what is missing.
    pub repairs: bool,
    pub sends_reports: bool,
    pub keys: (Vec<u8>, Vec<u8>),
    arrivals: Arrivals,
    by_sequence: BySequence,
    outbound: Outbound,
    inbound: Inbound,
    next_check: Micros,
    next_report: Micros,
    next_nack: Micros,
    transaction: u64,
}

impl Peer {
    pub fn new(
        leg: u64,
        room: u64,
        spec: PeerSpec,
        address: SocketAddr,
        random: &mut Random,
    ) -> Self {
        let profile = Profile::from_name(spec.profile).unwrap();
        let keys = (
            random.bytes(profile.master_len()),
            random.bytes(profile.master_len()),
        );
        let base = ssrc_base(leg);
        let sources = spec.sources(leg).into_iter();
        let mut senders = Vec::new();
        for source in sources {
            for encoding in 0..source.encodings.len() as u32 {
                let ssrc = base + 1 + u32::from(source.source) + 10 * encoding;
                let ssrcs = (ssrc, base + 3 + 10 * encoding);
                let mut sender = Sender::new(leg, source.clone(), ssrcs, random);
                sender.encoding = encoding as u8;
                sender.temporal = spec.temporal && source.kind == Kind::Video;
                sender.payload_len <<= encoding;
                senders.push(sender);
            }
        }
        Self {
            leg,
            room,
            spec,
            address,
            ice: ice(leg, 0),
            ufrag: "peer".into(),
            up: Path::PERFECT,
            down: Path::PERFECT,
            senders,
            receivers: spec.slots(leg).into_iter().map(Receiver::new).collect(),
            blocks: Vec::new(),
            limits: Vec::new(),
            numbers: Cell::new(0),
            checks_answered: 0,
            checks_refused: 0,
            keys_together: false,
            repairs: true,
            sends_reports: true,
            arrivals: Arrivals::default(),
            by_sequence: BySequence::default(),
            outbound: Outbound::new(profile, &keys.1).unwrap(),
            inbound: Inbound::new(profile, &keys.0).unwrap(),
            keys,
            next_check: Micros(0),
            next_report: Micros(0),
            next_nack: NEVER,
            transaction: leg << 32,
        }
    }

    /// The packets of a source's next picture or sound, protected.
    pub fn frame(&mut self, now: Micros, source: usize) -> Vec<Vec<u8>> {
        let frame = self.senders[source].frame(now);
        frame.iter().map(|plain| self.protect(plain)).collect()
    }

    pub fn add_leg(&self) -> Command {
        Command::AddLeg {
            leg: LegId(self.leg),
            room: RoomId(self.room),
            ice: self.ice.clone(),
            sources: self.spec.sources(self.leg),
            slots: self.spec.slots(self.leg),
            extensions: self.spec.extensions(),
            cname: format!("cname-{}", self.leg),
        }
    }

    pub fn set_keys(&self) -> Command {
        Command::SetKeys {
            leg: LegId(self.leg),
            profile: self.spec.profile.into(),
            local: self.keys.0.clone(),
            remote: self.keys.1.clone(),
        }
    }

    /// What the engine sends to us opens with this; for those who look over its shoulder.
    pub fn auditor_keys(&self) -> Inbound {
        let profile = Profile::from_name(self.spec.profile).unwrap();
        Inbound::new(profile, &self.keys.0).unwrap()
    }

    /// What we send opens with this.
    pub fn opener(&self) -> Inbound {
        let profile = Profile::from_name(self.spec.profile).unwrap();
        Inbound::new(profile, &self.keys.1).unwrap()
    }

    /// No checks any more: the peer has gone without a word.
    pub fn fall_silent(&mut self) {
        self.next_check = NEVER;
        self.next_report = NEVER;
        self.senders.iter_mut().for_each(|sender| sender.on = false);
    }

    pub fn check_again(&mut self, now: Micros) {
        self.next_check = now;
    }

    pub fn check(&mut self, nominate: bool) -> Vec<u8> {
        let user = format!("{}:{}", self.ice.local_ufrag, self.ufrag);
        let mut transaction = [0; 12];
        self.transaction += 1;
        transaction[4..].copy_from_slice(&self.transaction.to_be_bytes());
        let (key, mut out) = (self.ice.local_pwd.as_bytes(), Vec::new());
        stun::write_binding_request(&mut out, &transaction, &user, key, 1, Some(7), nominate);
        out
    }

    pub fn next_at(&self) -> Micros {
        let media = self.senders.iter().filter(|s| s.on).map(|s| s.next_at);
        let due = [self.next_check, self.next_report, self.next_nack];
        let arrivals = [self.arrivals.next_at(), self.by_sequence.next_at()];
        let arrivals = arrivals.into_iter().flatten();
        media.chain(due).chain(arrivals).min().unwrap_or(NEVER)
    }

    /// What is due: checks, media, reports, requests.
    pub fn handle_timeout(&mut self, now: Micros) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        if self.next_check <= now {
            let wait = if self.checks_answered > 0 {
                CHECK_INTERVAL
            } else {
                CHECK_RETRY
            };
            self.next_check = now + wait;
            out.push(self.check(true));
        }
        for at in 0..self.senders.len() {
            let sender = &mut self.senders[at];
            if sender.on && sender.next_at <= now {
                sender.next_at = now + sender.interval;
                let frame = sender.frame(now);
                out.extend(frame.iter().map(|plain| self.protect(plain)));
            }
        }
        if self.next_nack <= now {
            self.next_nack = now + NACK_INTERVAL;
            out.extend(self.nacks(now));
        }
        if self.next_report <= now {
            self.next_report = now + REPORT_INTERVAL;
            out.extend(self.reports(now));
        }
        let mut rtcp = Vec::new();
        if self.arrivals.write(now, (1, 1), &mut rtcp) {
            out.push(self.protect_rtcp(rtcp));
        }
        if let Some(report) = self.by_sequence.poll(now) {
            out.push(self.protect_rtcp(report));
        }
        out
    }

    pub fn protect(&self, plain: &Plain) -> Vec<u8> {
        let mut buffer = plain.bytes.clone();
        if self.spec.heeds_remb {
            let number = self.numbers.replace(self.numbers.get().wrapping_add(1));
            buffer[plain.header_len - 2..plain.header_len].copy_from_slice(&number.to_be_bytes());
        }
        buffer.resize(
            plain.bytes.len() + self.outbound.profile().rtp_overhead(),
            0,
        );
        let len = plain.bytes.len();
        let sealed = self
            .outbound
            .protect_rtp(&mut buffer, len, plain.header_len, plain.sequence);
        sealed.unwrap();
        buffer
    }

    pub fn protect_rtcp(&mut self, mut compound: Vec<u8>) -> Vec<u8> {
        self.outbound.protect_rtcp(&mut compound).unwrap();
        compound
    }

    fn nacks(&mut self, now: Micros) -> Option<Vec<u8>> {
        let mut rtcp = Vec::new();
        for receiver in self.receivers.iter_mut().filter(|r| r.spec.formats[0].nack) {
            let lost = receiver.collect_nacks(now);
            rtcp::write_nack(&mut rtcp, 1, receiver.spec.ssrc, &lost);
        }
        (self.repairs && !rtcp.is_empty()).then(|| self.protect_rtcp(rtcp))
    }

    fn reports(&mut self, now: Micros) -> Option<Vec<u8>> {
        let mut rtcp = Vec::new();
        let wall = Micros((now.0 as i64 + self.spec.clock_offset) as u64);
        for sender in self.senders.iter().filter(|s| s.packets > 0) {
            let (packets, octets) = (sender.packets as u32, sender.octets as u32);
            let (ntp, rtp) = (wall.to_ntp(), sender.timestamp(now));
            rtcp::write_sender_report(&mut rtcp, sender.ssrc, ntp, rtp, packets, octets, &[]);
        }
        let receivers = self.receivers.iter_mut();
        let blocks: Vec<_> = receivers.filter_map(|r| r.report_block(now)).collect();
        rtcp::write_receiver_report(&mut rtcp, 1, &blocks);
        rtcp::write_sdes_cname(&mut rtcp, 1, "peer");
        self.sends_reports.then(|| self.protect_rtcp(rtcp))
    }

    /// Says that so much of what a slot was sent is lost, in 256ths, on a way with this round trip.
    pub fn complaint(
        &mut self,
        now: Micros,
        slot: usize,
        (lost, round_trip): (u8, Micros),
    ) -> Vec<u8> {
        let receiver = &mut self.receivers[slot];
        let highest = receiver.highest().unwrap_or(0) as u32;
        receiver.complained = receiver.complained.max(highest) + 50;
        let block = ReportBlock {
            ssrc: receiver.spec.ssrc,
            fraction_lost: lost,
            highest_sequence: receiver.complained,
            last_sender_report: now.since(round_trip).to_ntp_middle(),
            cumulative_lost: 0,
            jitter: 0,
            delay_since_last_sender_report: 0,
        };
        let mut rtcp = Vec::new();
        rtcp::write_receiver_report(&mut rtcp, 1, &[block]);
        self.protect_rtcp(rtcp)
    }

    /// Asks for a key frame of a slot.
    pub fn pli(&mut self, slot: usize) -> Vec<u8> {
        let mut rtcp = Vec::new();
        rtcp::write_pli(&mut rtcp, 1, self.receivers[slot].spec.ssrc);
        self.protect_rtcp(rtcp)
    }

    /// Asks for packets of a slot again, lost or not.
    pub fn nack(&mut self, slot: usize, lost: &[u16]) -> Vec<u8> {
        let mut rtcp = Vec::new();
        rtcp::write_nack(&mut rtcp, 1, self.receivers[slot].spec.ssrc, lost);
        self.protect_rtcp(rtcp)
    }

    /// Takes a datagram in; what comes back is to be sent.
    pub fn handle_datagram(&mut self, now: Micros, data: &[u8]) -> Vec<Vec<u8>> {
        let mut data = data.to_vec();
        match classify(&data) {
            Class::Stun => self.handle_stun(&data),
            Class::Rtp => self.handle_rtp(now, &mut data),
            Class::Rtcp => return self.handle_rtcp(now, &mut data),
            Class::Dtls | Class::Unknown => {}
        }
        Vec::new()
    }

    fn handle_stun(&mut self, data: &[u8]) {
        let message = Message::parse(data).unwrap();
        if !message.verify_integrity(self.ice.local_pwd.as_bytes()) {
            return;
        }
        match message.class {
            MessageClass::Success => self.checks_answered += 1,
            _ => self.checks_refused += 1,
        }
    }

    fn handle_rtp(&mut self, now: Micros, data: &mut [u8]) {
        let header = RtpHeader::parse(data).unwrap();
        // The network may bring a packet twice; the replay window takes care of that.
        let Ok(opened) = self.inbound.unprotect_rtp(data, header.header_len) else {
            return;
        };
        let packet = &data[..opened.len];
        if let Some(&[high, low]) = header.extension_value(packet, NUMBER_ID) {
            let number = u16::from_be_bytes([high, low]);
            self.arrivals.note(now, number, packet.len());
        }
        if self.spec.reports_by_sequence {
            self.by_sequence.note(now, header.ssrc, header.sequence);
        }
        let payload = &packet[header.header_len..];
        let is_padding = packet[0] & 0x20 != 0;
        for receiver in &mut self.receivers {
            if receiver.spec.ssrc == header.ssrc {
                receiver.handle_media(now, &header, packet, opened.extended_sequence);
            } else if receiver.spec.fec.is_some_and(|fec| fec.ssrc == header.ssrc) {
                receiver.handle_fec(now, payload);
            } else if receiver.spec.rtx_ssrc == Some(header.ssrc) && !is_padding {
                receiver.handle_repair(now, &header, payload);
            }
        }
        if self.next_nack == NEVER {
            self.next_nack = now + NACK_INTERVAL;
        }
    }

    fn handle_rtcp(&mut self, now: Micros, data: &mut [u8]) -> Vec<Vec<u8>> {
        let Ok(len) = self.inbound.unprotect_rtcp(data) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for packet in rtcp::parse(&data[..len]) {
            match packet.unwrap() {
                Packet::SenderReport(report) => {
                    self.blocks
                        .extend(report.blocks().map(|block| (now, block)));
                    let mut receivers = self.receivers.iter_mut();
                    let receiver = receivers.find(|r| r.spec.ssrc == report.ssrc);
                    receiver.unwrap().handle_sender_report(now, &report);
                }
                Packet::ReceiverReport(report) => {
                    self.blocks
                        .extend(report.blocks().map(|block| (now, block)));
                }
                Packet::Nack(nack) => out.extend(self.answer_nack(nack.media, nack.lost())),
                Packet::Pli(pli) => self.note_pli(now, pli.media),
                Packet::Remb(remb) => self.limits.push((now, remb.bitrate_bps)),
                _ => {}
            }
        }
        out
    }

    fn answer_nack(&mut self, media: u32, lost: impl Iterator<Item = u16>) -> Vec<Vec<u8>> {
        let sender = self.senders.iter_mut().find(|s| s.ssrc == media).unwrap();
        let again: Vec<Plain> = lost
            .filter_map(|sequence| sender.retransmit(sequence))
            .collect();
        let again = again.iter().filter(|_| self.repairs);
        again.map(|plain| self.protect(plain)).collect()
    }

    fn note_pli(&mut self, now: Micros, media: u32) {
        let Some(at) = self.senders.iter().position(|s| s.ssrc == media) else {
            return;
        };
        self.senders[at].plis.push(now);
        let (source, together) = (self.senders[at].spec.source, self.keys_together);
        let is_asked = |of: &&Sender| of.ssrc == media || together && of.spec.source == source;
        let mut served = self.senders.iter().filter(is_asked).map(|of| of.served);
        if served.any(|at| at.is_some_and(|at| now.since(at) < PASSED_OVER)) {
            return;
        }
        self.senders[at].served = Some(now);
        for (other, sender) in self.senders.iter_mut().enumerate() {
            let is_beside = together && sender.spec.source == source;
            sender.key_frame_due |= other == at || is_beside;
        }
    }
}
