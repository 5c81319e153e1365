//! Keys of a telephone (RFC 4733 section 2.3): event, end, volume, duration.

use crate::WireError;

/// Bytes of one event.
pub const LEN: usize = 4;
const END: u8 = 0x80;
/// Events 0 to 15 are the keys (section 3.2); others are tones of lines and modems.
const KEYS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

/// What one packet says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Which event.
    pub event: u8,
    /// The event is over.
    pub end: bool,
    /// How long it has lasted, in ticks of the RTP clock, since the packet's timestamp.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads the first event of a payload; packets of the keys have one.
    ///
    /// # Errors
    /// [`WireError::Truncated`] for less than [`LEN`] bytes.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let available = payload.len();
        let needed = LEN;
        let [event, flags, high, low] = *payload
            .first_chunk()
            .ok_or(WireError::Truncated { needed, available })?;
        Ok(Self {
            event,
            end: flags & END != 0,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The key that was pressed, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<char> {
        KEYS.get(usize::from(self.event)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last packet of the example of section 5: the 9 at its end after 1,600 ticks.
    #[test]
    fn reads_what_the_rfc_shows() {
        let event = TelephoneEvent::parse(&[9, 0x87, 0x06, 0x40]).unwrap();
        assert_eq!(
            (event.key(), event.end, event.duration),
            (Some('9'), true, 1_600)
        );
        let event = TelephoneEvent::parse(&[11, 0x0a, 0, 0xa0, 1, 2, 3]).unwrap();
        assert_eq!(
            (event.key(), event.end, event.duration),
            (Some('#'), false, 160)
        );
    }

    /// Tones that are no key have none; less than an event is an error.
    #[test]
    fn other_events_are_no_keys() {
        for event in 16..=255 {
            assert_eq!(
                TelephoneEvent::parse(&[event, 0, 0, 0]).unwrap().key(),
                None
            );
        }
        let short = WireError::Truncated {
            needed: 4,
            available: 3,
        };
        assert_eq!(TelephoneEvent::parse(&[1, 2, 3]), Err(short));
    }
}
