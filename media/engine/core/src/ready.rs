//! Packets on their way through the shard: opened, let through by the gate of their sender, and not yet sent to anybody.

use crate::rewrite::{Incoming, PictureIds};
use engine_wire::payload::vp8;
use engine_wire::rtp::RtpHeader;
use std::ops::Range;

/// Bytes by which a packet may be shorter than the next and still be made as long.
const UNEVEN: usize = 8;

/// A decrypted packet that passed the gate of its sender.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// Position of the sender in the shard.
    pub(crate) leg: u32,
    /// Position of the source in the leg.
    pub(crate) source: u16,
    /// Which of the source's encodings.
    pub(crate) encoding: u8,
    /// Which of the encoding's streams: numbers mean nothing across a restart of the sender.
    pub(crate) epoch: u32,
    /// Position of the datagram in the batch.
    pub(crate) at: u32,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) timestamp: u32,
    pub(crate) sequence: u64,
    /// Where the payload lies in the datagram.
    pub(crate) payload: Range<usize>,
    /// First packet of a key frame.
    pub(crate) key_frame: bool,
    /// First packet of a key frame of H.264 that has come without parameter sets.
    pub(crate) lacks_parameters: bool,
    pub(crate) vp8: Option<vp8::Descriptor>,
    pub(crate) level: Option<u8>,
    pub(crate) has_holes: bool,
    /// First packet of an encoding that was not sent before, or not for some time.
    pub(crate) wakes: bool,
    /// First picture after an outage of the sender's link, in which more was lost than is worth asking for.
    pub(crate) after_outage: bool,
    /// Bytes of redundancy before the payload (RFC 2198).
    pub(crate) redundant: u16,
    /// It came as redundancy in a later packet.
    pub(crate) recovered: bool,
    /// At least one slot was sent a copy.
    pub(crate) forwarded: bool,
    /// Bytes of padding that make it as long as the next ([`even_out`]).
    pub(crate) padding: u8,
}

impl Ready {
    pub(crate) fn new(header: &RtpHeader, sequence: u64, payload: Range<usize>) -> Self {
        Self {
            leg: 0,
            source: 0,
            encoding: 0,
            epoch: 0,
            at: 0,
            marker: header.marker,
            payload_type: header.payload_type,
            timestamp: header.timestamp,
            sequence,
            payload,
            key_frame: false,
            lacks_parameters: false,
            vp8: None,
            level: None,
            has_holes: false,
            wakes: false,
            after_outage: false,
            redundant: 0,
            recovered: false,
            forwarded: false,
            padding: 0,
        }
    }

    pub(crate) const fn group(&self) -> (u32, u16, u8, u32) {
        (self.leg, self.source, self.encoding, self.epoch)
    }

    pub(crate) const fn order(&self) -> ((u32, u16, u8, u32), u32, u64) {
        (self.group(), self.at, self.sequence)
    }

    pub(crate) fn incoming(&self) -> Incoming {
        Incoming {
            sequence: self.sequence,
            timestamp: self.timestamp,
            pictures: self.vp8.as_ref().map(picture_ids),
        }
    }
}

pub(crate) fn picture_ids(descriptor: &vp8::Descriptor) -> PictureIds {
    PictureIds {
        picture: descriptor.picture_id.unwrap_or(0),
        tl0: descriptor.tl0_pic_idx.unwrap_or(0),
    }
}

/// Makes neighbours of one stream that differ by a few bytes alike. Senders cut a picture into packets that are about equal,
/// the shorter ones first, as libwebrtc does; and one call to the socket takes packets of one length, of which only the last
/// may be shorter. A byte or two of padding halves the calls for a picture, which are most of what it costs.
pub(crate) fn even_out(group: &mut [Ready]) {
    let mut next = 0;
    for ready in group.iter_mut().rev() {
        let len = ready.payload.len();
        let lacks = usize::saturating_sub(next, len);
        if len > 0 && lacks <= UNEVEN {
            ready.padding = lacks as u8;
        }
        next = len + usize::from(ready.padding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padding(lens: &[usize]) -> Vec<u8> {
        let mut packet = [0; 12];
        packet[0] = 0x80;
        let header = RtpHeader::parse(&packet).unwrap();
        let ready = |len: &usize| Ready::new(&header, 1, 12..12 + len);
        let mut group: Vec<Ready> = lens.iter().map(ready).collect();
        even_out(&mut group);
        group.iter().map(|ready| ready.padding).collect()
    }

    #[test]
    fn what_is_nearly_as_long_as_the_next_becomes_so() {
        assert_eq!(padding(&[1_166, 1_167, 1_167]), [1, 0, 0]);
        assert_eq!(padding(&[1_160, 1_167, 1_170, 400]), [0, 3, 0, 0]);
        assert_eq!(padding(&[1_168, 1_169, 1_170, 1_170]), [2, 1, 0, 0]);
    }

    #[test]
    fn what_is_empty_stays_so() {
        assert_eq!(padding(&[5, 0, 6]), [0, 0, 0]);
        assert!(padding(&[]).is_empty());
    }
}
