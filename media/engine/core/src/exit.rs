//! The last step of every RTP packet: written and encrypted in the place from which the kernel takes it.

use crate::fec::{FecSender, Lane};
use crate::outbox::Outbox;
use crate::red::form::Carried;
use crate::rewrite::Outgoing;
use crate::time::Micros;
use engine_srtp::Outbound;
use engine_wire::payload::{rtx, vp8};
use engine_wire::rtp::FixedHeader;
use std::net::SocketAddr;

/// Length of the RTP header that we send: no contributors, no extensions.
const HEADER: usize = 12;

/// Where packets to one receiver leave. What is written comes back as the length that goes out, 0 if the key is spent.
pub(crate) struct Exit<'a> {
    pub(crate) out: &'a mut Outbox,
    pub(crate) outbound: &'a mut Outbound,
    pub(crate) to: SocketAddr,
}

impl Exit<'_> {
    /// A packet as it came, but for header and picture ids; repair packets protect it as it leaves.
    pub(crate) fn write_media(
        &mut self,
        header: FixedHeader,
        numbers: Outgoing,
        (payload, descriptor): (&[u8], Option<vp8::Descriptor>),
        fec: Option<(Micros, &mut FecSender)>,
    ) -> usize {
        let plain = HEADER + payload.len();
        let room = self.room(plain);
        header.write(&mut room[..HEADER]);
        room[HEADER..plain].copy_from_slice(payload);
        if let (Some(descriptor), Some(ids)) = (descriptor, numbers.pictures) {
            descriptor.rewrite(&mut room[HEADER..plain], ids.picture, ids.tl0);
        }
        if let Some((now, fec)) = fec {
            fec.protect(now, numbers.sequence, &room[..plain], 0..0);
        }
        self.seal(plain, numbers.sequence)
    }

    /// A packet of sound that carries earlier ones (RFC 2198), all of payload type `inner`.
    pub(crate) fn write_sound(
        &mut self,
        header: FixedHeader,
        numbers: Outgoing,
        (carried, inner, payload): (&Carried<'_>, u8, &[u8]),
    ) -> usize {
        let body = HEADER + carried.len();
        let plain = body + payload.len();
        let room = self.room(plain);
        header.write(&mut room[..HEADER]);
        carried.write(inner, &mut room[HEADER..body]);
        room[body..plain].copy_from_slice(payload);
        self.seal(plain, numbers.sequence)
    }

    /// A packet again (RFC 4588).
    pub(crate) fn write_retransmission(
        &mut self,
        header: FixedHeader,
        (rtx_sequence, numbers): (u64, Outgoing),
        (payload, descriptor): (&[u8], Option<vp8::Descriptor>),
    ) -> usize {
        let body = HEADER + rtx::HEADER_LEN;
        let plain = body + payload.len();
        let room = self.room(plain);
        header.write(&mut room[..HEADER]);
        room[body..plain].copy_from_slice(payload);
        if let (Some(descriptor), Some(ids)) = (descriptor, numbers.pictures) {
            descriptor.rewrite(&mut room[body..plain], ids.picture, ids.tl0);
        }
        let original = numbers.sequence as u16;
        if rtx::write_original_sequence(&mut room[HEADER..body], original).is_err() {
            return 0;
        }
        self.seal(plain, rtx_sequence)
    }

    /// A repair packet for pictures.
    pub(crate) fn write_fec(&mut self, header: FixedHeader, sequence: u64, lane: &Lane) -> usize {
        let plain = HEADER + lane.len();
        let room = self.room(plain);
        header.write(&mut room[..HEADER]);
        if lane.write(&mut room[HEADER..plain]) == 0 {
            return 0;
        }
        self.seal(plain, sequence)
    }

    fn room(&mut self, plain: usize) -> &mut [u8] {
        let overhead = self.outbound.profile().rtp_overhead();
        self.out.room(plain + overhead)
    }

    fn seal(&mut self, plain: usize, sequence: u64) -> usize {
        let overhead = self.outbound.profile().rtp_overhead();
        let room = self.out.room(plain + overhead);
        match self.outbound.protect_rtp(room, plain, HEADER, sequence) {
            Ok(len) => {
                self.out.commit(self.to, len);
                len
            }
            Err(_) => 0,
        }
    }
}
