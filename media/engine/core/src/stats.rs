//! Counters as plain integers with one writer, and the rows in which a snapshot carries them out.
//!
//! Every column is an unsigned 64-bit integer, so that a snapshot is a block of numbers with a list of names: Python
//! lays a numpy structured array over it, and there is one place where a column is named.

use crate::histogram::Histogram;
use crate::line::LineRow;

/// Defines a row: a struct of `u64`, its column names, and how it is written.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        pub struct $name { $($(#[$doc])* pub $field: u64,)+ }
        impl $name {
            /// Column names, in the order of the bytes.
            pub const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];
            /// Adds every column of another row.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)+
            }
            /// Appends the row as little-endian integers.
            pub fn write(&self, out: &mut Vec<u8>) {
                $(out.extend_from_slice(&self.$field.to_le_bytes());)+
            }
        }
    };
}

row! {
    /// One leg.
    LegRow {
        /// Leg id.
        leg,
        /// Room id.
        room,
        /// 1 when the gate is open.
        gate_open,
        /// 1 when there is an address to send to.
        connected,
        /// 1 when SRTP keys are set; 0 on a line without protection.
        secured,
        /// Last measured round trip; 0 when none yet.
        rtt_us,
        /// How much longer than the first of its stream each packet of sound from it was under way, and ten seconds more, all
        /// together: the mean over an interval, less that over another one, is how much longer the way up took. Begins anew with
        /// a sender's SSRC.
        up_longer_us,
        /// Their number.
        ups,
        /// Packets of pictures sent a second time without being asked for, since packets to it are lost and its link has room.
        copies_out,
        /// Their bytes, as UDP payload.
        copied_bytes_out,
        // These change with every packet, and are neighbours so that they lie on one cache line.
        /// Datagrams taken in that belong to this leg.
        datagrams_in,
        /// When the last RTP or RTCP packet arrived.
        last_in_us,
        /// When the last RTP or RTCP packet was sent.
        last_out_us,
        /// RTP packets sent, retransmissions included.
        rtp_out,
        /// Bytes of RTP and RTCP sent, as UDP payload.
        bytes_out,
        /// RTCP packets sent.
        rtcp_out,
        /// RTP and RTCP packets dropped on arrival because the gate was closed.
        gate_drops_in,
        /// Packets not forwarded to this leg because its gate was closed.
        gate_drops_out,
        /// RTP packets dropped on arrival because a host muted the source.
        muted_drops,
        /// Packets that failed SRTP authentication or were malformed under it.
        srtp_failures,
        /// Packets refused by the replay window.
        replays,
        /// RTP packets of no known stream.
        unknown_streams,
        /// RTCP that did not parse.
        malformed_rtcp,
        /// DTLS datagrams dropped by the rate limit.
        dtls_drops,
        /// When the gate was last opened; 0 if never.
        gate_opened_us,
        /// Reports sent to it on when each of its packets arrived.
        feedback_out,
        /// Such reports taken in from it.
        feedback_in,
        /// Bit/s that its link carries; 0 if it does not report on each packet.
        estimate_bps,
        /// Bit/s that would be sent to it if its link carried them; 0 if it does not report on each packet.
        wanted_bps,
        /// How long packets to it wait in the link, beside jitter.
        link_queue_us,
        /// Packets to it that were lost of late, in millionths, before repair.
        link_loss_ppm,
        /// Packets that had to wait for their turn.
        paced,
        /// Packets that waited too long for their turn, or found too many waiting.
        pacer_drops,
        /// Bytes sent only to find out what its link carries.
        padding_out,
        /// Packets of sound to it that were left out, since nobody spoke in them and its link is thin; none of them is a loss.
        silences,
        /// All round trips measured together, in microseconds.
        rtt_sum_us,
        /// Their number.
        rtts,
        /// From the leaving of each packet that a report on each calls arrived to the report, all together, in microseconds:
        /// a round trip, and what the receiver waits beside what it waits for the next packet.
        report_delay_sum_us,
        /// Their number.
        report_delays,
        /// What protects packets from it, in the words of `line::Cipher`: of several lines the weakest.
        cipher_in,
        /// What protects packets to it.
        cipher_out,
        /// 1 when its keys come of a handshake on the path of its media (RFC 5764), on all lines that have any.
        by_handshake,
    }
}

row! {
    /// One source (direction 0) or slot (direction 1) of a leg.
    StreamRow {
        // These change with every packet, and stand first so that they lie with what else it needs.
        /// Codec now in use: 0 none, then opus, g722, pcmu, pcma, telephone-event, vp8, vp9, h264, av1, h261,
        /// h263, h263-1998.
        codec,
        /// RTP packets, without retransmissions.
        packets,
        /// Their payload bytes.
        bytes,
        /// Leg id.
        leg,
        /// Room id.
        room,
        /// 0: from the leg to the bridge; 1: from the bridge to the leg.
        direction,
        /// Index of the source or slot.
        index,
        /// 0 audio, 1 video.
        kind,
        /// Packets of which it is known whether they came by themselves: seen here (0), or told by the receiver (1).
        expected,
        /// Of these, the lost ones, before any repair: measured here (0), or by the receiver's word on each packet, where it
        /// gives that, else by its reports, less what never reached us either (1). Never falls.
        lost,
        /// Lost packets that a retransmission or redundancy brought (0), or a retransmission or copy by the receiver's word on
        /// each packet; where it gives none, those that were sent again when asked for (1).
        recovered,
        /// Runs of lost packets without a received one in between; where a receiver tells of each packet (1).
        bursts,
        /// Pictures, or packets of sound (0).
        frames,
        /// Loss in the last report interval, in 256ths.
        fraction_lost,
        /// Interarrival jitter (RFC 3550): measured here (0), or as the receiver reports (1).
        jitter_us,
        /// What jitter is the mean of, since the stream began: differences of transit together, from the sender to here (0),
        /// or from here to a receiver that tells of each packet (1).
        transit_changes_us,
        /// Their number.
        transit_changes,
        /// Last measured round trip; 0 when none.
        rtt_us,
        /// Packets asked for again: by us (0), by the receiver (1).
        nacks,
        /// Retransmissions: taken in (0), sent (1), copies that nobody asked for included.
        rtx_packets,
        /// Asked for again and not sent: no longer in the cache, of an earlier source, or too many at once (1).
        rtx_misses,
        /// Key frame requests: sent to the source (0), received from the receiver (1).
        keyframe_requests,
        /// Key frames seen (0), or forwarded (1).
        keyframes,
        /// Changes of source (1).
        switches,
        /// Changes between encodings of one source (1).
        layer_switches,
        /// RTP packets with redundancy (RFC 2198): taken in (0), sent (1).
        red_packets,
        /// Lost packets that redundancy brought (0); among those recovered.
        red_recovered,
        /// RTP packets with redundancy that did not parse (0).
        red_malformed,
        /// How long, in milliseconds, the receiver should hold sound back for redundancy to be of use; 0 leaves it to the
        /// receiver (1).
        wanted_buffer_ms,
        /// FlexFEC packets sent (1).
        fec_packets,
        /// Which encoding of the source, lowest quality first (0); 0 (1).
        encoding,
        /// One more than the encoding that flows now; 0 when none does (1).
        layer,
    }
}

row! {
    /// One shard. Datagrams are counted where they were turned away.
    ShardRow {
        /// Index of the shard.
        shard,
        /// Legs that live here.
        legs,
        /// Rooms that they are in.
        rooms,
        /// Addresses that have proved a password.
        addresses,
        /// Moments at which a leg is to be looked after; those of legs that have gone are passed over when they come.
        timers,
        /// Datagrams taken in.
        datagrams_in,
        /// Bytes taken in.
        bytes_in,
        /// Datagrams of no known protocol.
        unclassified,
        /// STUN that did not parse.
        stun_malformed,
        /// STUN for a user name that no leg has.
        stun_unknown_user,
        /// STUN without the right password.
        stun_unauthenticated,
        /// DTLS from an address that no leg has proved.
        dtls_unknown_address,
        /// RTP or RTCP from an address that no leg has proved.
        media_unknown_address,
        /// RTP that did not parse.
        rtp_malformed,
        /// RTP or RTCP before the keys.
        media_before_keys,
        /// Datagrams sent.
        datagrams_out,
        /// Calls to the socket that sent them.
        sends,
        /// Datagrams that the socket did not take.
        send_drops,
        /// Datagrams that the kernel dropped at its ports, since nobody had read what came before.
        receive_drops,
        /// Pictures that rest now, since the shard does not keep up.
        pictures_resting,
        /// For how long they have rested, each counted by itself.
        pictures_rested_us,
        /// Times that the link of a sender became thin, of which the sender was told at once.
        uplink_falls,
        /// Events dropped because nobody read them.
        event_drops,
        /// Commands that were refused.
        commands_refused,
        /// CPU time of the shard's thread.
        cpu_us,
        /// Faults of our own that were caught: each ended a room, or cost one datagram where no room was known.
        panics,
        /// 1 when the shard's thread has ended without being told to.
        stopped,
    }
}

/// How long what was forwarded took, from the kernel's receive time stamp to the last send of its copies.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// One count a datagram of which at least one slot was sent a copy.
    pub histogram: Histogram,
    /// Datagrams whose delay cannot be: the system's clock was set in between.
    pub impossible: u64,
}

impl Delays {
    /// Longer than any queue between the kernel and us holds anything.
    const LONGEST_US: u64 = 10_000_000;

    /// Counts datagrams that came at `arrived` and whose copies were all sent at `sent`, both in microseconds by the
    /// system's clock.
    pub const fn record(&mut self, arrived: u64, sent: u64, datagrams: u64) {
        match sent.checked_sub(arrived) {
            Some(us) if us < Self::LONGEST_US => self.histogram.record_many(us, datagrams),
            _ => self.impossible += datagrams,
        }
    }

    /// Appends shard, impossible ones, the sum in microseconds and the counts as little-endian integers.
    pub fn write(&self, shard: u64, out: &mut Vec<u8>) {
        let head = [shard, self.impossible, self.histogram.sum_us()];
        for number in head.iter().chain(self.histogram.counts()) {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Everything that a shard can tell, as rows.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// A row a leg.
    pub legs: Vec<LegRow>,
    /// A row a source and a row a slot.
    pub streams: Vec<StreamRow>,
    /// One row.
    pub shards: Vec<ShardRow>,
    /// Forwarding delays, with the index of the shard.
    pub delays: Vec<(u64, Delays)>,
    /// A row a line of a leg that has lines.
    pub lines: Vec<LineRow>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_makes_no_delay() {
        let mut delays = Delays::default();
        delays.record(1_000_000, 1_000_040, 3);
        delays.record(1_000_000, 999_999, 2);
        delays.record(1_000_000, 5_000_000_000, 1);
        assert_eq!(delays.histogram.counts().iter().sum::<u64>(), 3);
        assert_eq!(delays.impossible, 3);
    }
}
