//! VP8 payload descriptor and payload header (RFC 7741 sections 4.2 and 4.3).

use crate::bytes::u8_at;
use crate::WireError;

const EXTENDED: u8 = 0x80;
const NON_REFERENCE: u8 = 0x20;
const START_OF_PARTITION: u8 = 0x10;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0_PIC_IDX: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEY_IDX: u8 = 0x10;
const LONG_PICTURE_ID: u8 = 0x80;
const INTER_FRAME: u8 = 0x01;
const KEY_FRAME_START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];

/// The temporal layer of a packet's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    /// TID, 0..=3: the layer.
    pub tid: u8,
    /// Y: the frame depends on the base layer only, so a receiver may step up to this layer here.
    pub layer_sync: bool,
}

/// One packet's payload descriptor, and what the payload header behind it says about key frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// S: the payload starts a VP8 partition.
    pub start_of_partition: bool,
    /// PID, 0..=7: the partition.
    pub partition_index: u8,
    /// N: no later frame refers to this one, so it can be left out.
    pub non_reference: bool,
    /// The picture id, of [`Self::picture_id_bits`] bits.
    pub picture_id: Option<u16>,
    /// 7 or 15, or 0 without a picture id.
    pub picture_id_bits: u8,
    /// TL0PICIDX: running number of base layer frames.
    pub tl0_pic_idx: Option<u8>,
    /// TID and Y.
    pub temporal: Option<Temporal>,
    /// KEYIDX, 0..=31.
    pub key_idx: Option<u8>,
    /// Bytes of the descriptor.
    pub header_len: usize,
    /// This packet starts a key frame: S=1, PID=0 and the payload header's P is 0.
    pub is_key_frame: bool,
    /// Width and height in pixels, if this packet starts a key frame and holds them.
    pub key_frame_size: Option<(u16, u16)>,
}

impl Descriptor {
    /// Reads the descriptor at the start of `payload`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if the descriptor does not fit.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let first = u8_at(payload, 0)?;
        let mut descriptor = Self {
            start_of_partition: first & START_OF_PARTITION != 0,
            partition_index: first & 0x07,
            non_reference: first & NON_REFERENCE != 0,
            picture_id: None,
            picture_id_bits: 0,
            tl0_pic_idx: None,
            temporal: None,
            key_idx: None,
            header_len: 1,
            is_key_frame: false,
            key_frame_size: None,
        };
        if first & EXTENDED != 0 {
            descriptor.read_extension(payload)?;
        }
        if descriptor.start_of_partition && descriptor.partition_index == 0 {
            descriptor
                .read_payload_header(payload.get(descriptor.header_len..).unwrap_or_default());
        }
        Ok(descriptor)
    }

    fn read_extension(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let present = u8_at(payload, 1)?;
        let mut at = 2;
        if present & HAS_PICTURE_ID != 0 {
            let high = u8_at(payload, at)?;
            let long = high & LONG_PICTURE_ID != 0;
            let low = if long {
                u16::from(u8_at(payload, at + 1)?)
            } else {
                0
            };
            let high = u16::from(high & !LONG_PICTURE_ID);
            self.picture_id = Some(if long { high << 8 | low } else { high });
            self.picture_id_bits = if long { 15 } else { 7 };
            at += if long { 2 } else { 1 };
        }
        if present & HAS_TL0_PIC_IDX != 0 {
            self.tl0_pic_idx = Some(u8_at(payload, at)?);
            at += 1;
        }
        if present & (HAS_TID | HAS_KEY_IDX) != 0 {
            let layers = u8_at(payload, at)?;
            let temporal = Temporal {
                tid: layers >> 6,
                layer_sync: layers & 0x20 != 0,
            };
            self.temporal = (present & HAS_TID != 0).then_some(temporal);
            self.key_idx = (present & HAS_KEY_IDX != 0).then_some(layers & 0x1F);
            at += 1;
        }
        self.header_len = at;
        Ok(())
    }

    /// RFC 7741 4.3: the frame tag's P bit; RFC 6386 9.1: start code and size of key frames.
    fn read_payload_header(&mut self, frame: &[u8]) {
        self.is_key_frame = frame.first().is_some_and(|tag| tag & INTER_FRAME == 0);
        let [_, _, _, start_code @ .., w0, w1, h0, h1] =
            frame.first_chunk::<10>().unwrap_or(&[0; 10]);
        if self.is_key_frame && *start_code == KEY_FRAME_START_CODE {
            let side = |low: &u8, high: &u8| u16::from_le_bytes([*low, *high]) & 0x3FFF;
            self.key_frame_size = Some((side(w0, w1), side(h0, h1)));
        }
    }

    /// Writes other ids into `payload`, the one this descriptor was read from (or a copy), at the widths they have.
    ///
    /// An id that the descriptor lacks is not written. A picture id of 7 bits gets the low seven of `picture_id`.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        // A present id always starts at the third byte: the two before it are the flags.
        let Some(ids) = payload.get_mut(2..) else {
            return;
        };
        let after_picture_id = match (self.picture_id_bits, ids) {
            (15, [high, low, rest @ ..]) => {
                [*high, *low] = (picture_id | 0x8000).to_be_bytes();
                rest
            }
            (7, [id, rest @ ..]) => {
                *id = picture_id as u8 & 0x7F;
                rest
            }
            (_, rest) => rest,
        };
        if let (Some(_), Some(id)) = (self.tl0_pic_idx, after_picture_id.first_mut()) {
            *id = tl0_pic_idx;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key frame's first packet with every optional field, 640 by 480.
    const KEY_FRAME: [u8; 17] = [
        0x90, 0xF0, 0x92, 0x34, 0x56, 0x65, 0x10, 2, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01, 9,
    ];

    /// Every field of a full descriptor is read, and the size behind it.
    #[test]
    fn full_descriptor_of_a_key_frame() {
        // The sixth byte 0x65: TID 1, Y, KEYIDX 5. The tag 0x10 has P=0.
        let descriptor = Descriptor::parse(&KEY_FRAME).unwrap();
        let expected = Descriptor {
            start_of_partition: true,
            partition_index: 0,
            non_reference: false,
            picture_id: Some(0x1234),
            picture_id_bits: 15,
            tl0_pic_idx: Some(0x56),
            temporal: Some(Temporal {
                tid: 1,
                layer_sync: true,
            }),
            key_idx: Some(5),
            header_len: 6,
            is_key_frame: true,
            key_frame_size: Some((640, 480)),
        };
        assert_eq!(descriptor, expected);
    }

    /// Scaling bits above the 14 bits of a side are not part of the size.
    #[test]
    fn scaling_is_not_size() {
        let mut payload = KEY_FRAME;
        payload[13] |= 0x40;
        payload[15] |= 0xC0;
        assert_eq!(
            Descriptor::parse(&payload).unwrap().key_frame_size,
            Some((640, 480))
        );
        payload[9] = 0;
        assert_eq!(
            Descriptor::parse(&payload).unwrap().key_frame_size,
            None,
            "wrong start code"
        );
    }

    /// Only the first packet of partition 0 of a frame with P=0 starts a key frame.
    #[test]
    fn key_frames_start_in_partition_zero() {
        for (payload, expected) in [
            (&[0x10, 0x00][..], true),
            (&[0x10, 0x01], false),
            (&[0x00, 0x00], false),
            (&[0x11, 0x00], false),
            (&[0x10], false),
        ] {
            assert_eq!(
                Descriptor::parse(payload).unwrap().is_key_frame,
                expected,
                "{payload:x?}"
            );
        }
    }

    /// The layer byte is there with T or K, and tells only of those that are.
    #[test]
    fn layer_byte_with_t_or_k() {
        let tid_only = Descriptor::parse(&[0x80, 0x20, 0xC7]).unwrap();
        assert_eq!(
            (tid_only.temporal.map(|layer| layer.tid), tid_only.key_idx),
            (Some(3), None)
        );
        let key_only = Descriptor::parse(&[0x80, 0x10, 0xC7]).unwrap();
        assert_eq!((key_only.temporal, key_only.key_idx), (None, Some(7)));
        assert_eq!(Descriptor::parse(&[0xA0, 0x00, 9]).unwrap().header_len, 2);
        assert!(Descriptor::parse(&[0xA0, 0x00]).unwrap().non_reference);
    }

    /// A descriptor that is cut off says how many bytes it needs.
    #[test]
    fn cut_off_descriptors_are_errors() {
        for len in 0..6 {
            let expected = WireError::Truncated {
                needed: len + 1,
                available: len,
            };
            assert_eq!(Descriptor::parse(&KEY_FRAME[..len]), Err(expected));
        }
    }

    /// New ids keep the widths of the old ones, and no other byte changes.
    #[test]
    fn rewriting_keeps_widths() {
        let mut payload = KEY_FRAME;
        Descriptor::parse(&payload)
            .unwrap()
            .rewrite(&mut payload, 0x7FFF, 0xAB);
        assert_eq!(payload[..6], [0x90, 0xF0, 0xFF, 0xFF, 0xAB, 0x65]);
        assert_eq!(payload[6..], KEY_FRAME[6..]);

        let mut short = [0x80, 0xC0, 0x11, 0x22, 0x33];
        Descriptor::parse(&short)
            .unwrap()
            .rewrite(&mut short, 0x1285, 0xAB);
        assert_eq!(short, [0x80, 0xC0, 0x05, 0xAB, 0x33]);

        let mut index_only = [0x80, 0x40, 0x22, 0x33];
        Descriptor::parse(&index_only)
            .unwrap()
            .rewrite(&mut index_only, 0x1285, 0xAB);
        assert_eq!(index_only, [0x80, 0x40, 0xAB, 0x33]);

        let mut bare = [0x10, 0x01, 0x02, 0x03];
        Descriptor::parse(&bare)
            .unwrap()
            .rewrite(&mut bare, 0x1285, 0xAB);
        assert_eq!(bare, [0x10, 0x01, 0x02, 0x03]);
    }

    /// Rewriting another, shorter payload than was parsed writes what there is room for and does not panic.
    #[test]
    fn rewriting_a_shorter_payload_is_harmless() {
        let descriptor = Descriptor::parse(&KEY_FRAME).unwrap();
        for len in 0..5 {
            let mut payload = [0; 5];
            descriptor.rewrite(&mut payload[..len], 1, 2);
            assert!(payload[len..].iter().all(|&byte| byte == 0));
        }
    }
}
