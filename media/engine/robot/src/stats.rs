//! Counters as plain integers with one writer, and the rows in which a snapshot carries them out.

use engine_core::histogram::Histogram;

engine_core::row! {
    /// One robot.
    ClientRow {
        /// Robot id.
        client,
        /// 1 when the peer has answered a check and consent has not run out.
        connected,
        /// 1 when SRTP keys are set.
        secured,
        /// 1 when consent ran out: nothing is sent any more.
        failed,
        /// Round trip of the last answered check.
        rtt_us,
        /// Checks sent.
        checks_sent,
        /// Answers to them.
        checks_answered,
        /// Checks of the peer's that were answered.
        checks_received,
        /// STUN that was nobody's answer, malformed, or without the right password.
        stun_foreign,
        /// Datagrams from another address than the peer's.
        strangers,
        /// Datagrams of no known protocol.
        unclassified,
        /// RTP or RTCP that did not parse.
        malformed,
        /// RTP or RTCP before the keys.
        before_keys,
        /// RTCP that failed authentication, or was a replay.
        rtcp_failures,
        /// RTP of no known stream, or of a payload type that was not negotiated.
        unknown_streams,
        /// DTLS datagrams dropped by the rate limit, or not sent for want of a path, or because they are none.
        dtls_drops,
        /// Transport-wide feedback sent.
        twcc_out,
        /// Transport-wide feedback received.
        twcc_in,
        /// Sender and receiver reports received.
        reports_in,
    }
}

engine_core::row! {
    /// One sender of a robot.
    SenderRow {
        /// Robot id.
        client,
        /// Index of the sender.
        sender,
        /// RTP packets, without retransmissions.
        packets,
        /// Their payload bytes.
        bytes,
        /// Pictures, or packets of sound.
        pictures,
        /// Packets that were asked for again.
        nacks,
        /// Retransmissions sent.
        rtx_packets,
        /// Asked for again and not sent: no longer known, just sent, or too many at once.
        rtx_misses,
        /// Key frames that were asked for.
        keyframe_requests,
        /// Datagrams that the socket did not take; of several senders due at one moment, the last one counts them.
        send_drops,
        /// How far behind its schedule a packet was at the most.
        late_us_max,
        /// How often the sender left time out because it was too far behind.
        late_resets,
    }
}

engine_core::row! {
    /// One receiver of a robot.
    ReceiverRow {
        /// Robot id.
        client,
        /// Index of the receiver.
        receiver,
        /// 0 audio, 1 video.
        kind,
        /// RTP packets, without retransmissions and duplicates.
        packets,
        /// Their payload bytes.
        bytes,
        /// Packets that were expected by their numbers.
        expected,
        /// Packets that never came and will not come: what may still be on its way is not counted.
        lost,
        /// Packets that came after they were asked for again.
        repaired,
        /// Packets that came again.
        duplicates,
        /// Packets that came after a later one, without having been asked for.
        reordered,
        /// Pictures or packets of sound verified in full.
        checked,
        /// Packets that failed authentication.
        auth_failures,
        /// Pictures or packets of sound whose checksum is wrong or whose mark is missing.
        content_failures,
        /// Pictures or packets of sound of another source than the expected one.
        wrong_source,
        /// Packets that came when nobody's were allowed.
        unexpected,
        /// Packets asked for again.
        nacks,
        /// Key frames asked for.
        keyframe_requests,
        /// Key frames seen; only among what is decrypted.
        keyframes,
        /// Changes of SSRC.
        restarts,
        /// When the first packet arrived; 0 if none has.
        first_us,
        /// When the last packet arrived.
        last_us,
        /// Interarrival jitter (RFC 3550 section 6.4.1).
        jitter_us,
        /// Source that the last mark named.
        source,
    }
}

engine_core::row! {
    /// One thread.
    ThreadRow {
        /// Index of the thread.
        thread,
        /// Robots that live here.
        clients,
        /// CPU time of the thread.
        cpu_us,
        /// Datagrams taken in.
        datagrams_in,
        /// Bytes taken in.
        bytes_in,
        /// Calls to sockets that brought them.
        receives,
        /// Datagrams sent.
        datagrams_out,
        /// Calls to sockets that sent them.
        sends,
        /// Datagrams that sockets did not take.
        send_drops,
        /// Events dropped because nobody read them.
        event_drops,
        /// Commands that were refused.
        commands_refused,
        /// How late the thread's timers were at the most.
        late_us_max,
    }
}

/// Forwarding latency in microseconds, by kind.
#[derive(Debug, Default, Clone)]
pub struct Latency {
    /// Of sound.
    pub audio: Histogram,
    /// Of pictures, by the packet that carries the mark.
    pub video: Histogram,
}

impl Latency {
    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        self.audio.merge(&other.audio);
        self.video.merge(&other.video);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.audio.clear();
        self.video.clear();
    }
}

/// Everything that a thread can tell, as rows.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// A row a robot.
    pub clients: Vec<ClientRow>,
    /// A row a sender.
    pub senders: Vec<SenderRow>,
    /// A row a receiver.
    pub receivers: Vec<ReceiverRow>,
    /// One row.
    pub threads: Vec<ThreadRow>,
    /// Of all robots.
    pub latency: Latency,
}
