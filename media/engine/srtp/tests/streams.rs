//! Roll-over, replays, forgeries and take-over of RTP streams.

mod support;

use engine_srtp::{Inbound, Profile, SrtpError, StreamState, MAX_STREAMS};
use support::{master, pair, protect_header, receive, rtp, sent};

const SSRC: u32 = 0xcafe_babe;

fn states(inbound: &Inbound) -> Vec<StreamState> {
    inbound.rtp_streams().collect()
}

/// Every packet of a run over two wraps opens, with the number that the sender gave it.
#[test]
fn a_stream_is_followed_over_the_wrap() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        for extended in (65_000..65_700).chain((66_000..200_000).step_by(997)) {
            let packet = sent(&outbound, SSRC, extended);
            assert_eq!(receive(&mut inbound, &packet), Ok(extended));
        }
    }
}

/// A packet from before the wrap that comes after it opens with the earlier roll-over counter.
#[test]
fn late_packets_cross_the_wrap() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        for extended in [65_530, 65_537, 65_535, 65_536, 65_531, 65_538] {
            let packet = sent(&outbound, SSRC, extended);
            assert_eq!(receive(&mut inbound, &packet), Ok(extended));
        }
    }
}

/// In the first cycle a number far ahead is a jump, for no index lies below zero.
#[test]
fn a_far_number_in_the_first_cycle_is_a_jump_ahead() {
    let (outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    for extended in [5, 65_530, 65_540] {
        let packet = sent(&outbound, SSRC, extended);
        assert_eq!(receive(&mut inbound, &packet), Ok(extended));
    }
}

/// A second copy is refused, wherever in the window it lies.
#[test]
fn replays_are_refused() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        let packets: Vec<_> = (65_000..66_000)
            .map(|extended| sent(&outbound, SSRC, extended))
            .collect();
        for packet in &packets {
            assert!(receive(&mut inbound, packet).is_ok());
        }
        for packet in &packets {
            assert_eq!(receive(&mut inbound, packet), Err(SrtpError::Replay));
        }
    }
}

/// The window holds 1024 indices: 1023 back is taken, 1024 back is not.
#[test]
fn packets_behind_the_window_are_refused() {
    let (outbound, mut inbound) = pair(Profile::AesCm128HmacSha1_80);
    let (oldest, older) = (sent(&outbound, SSRC, 70_000), sent(&outbound, SSRC, 69_999));
    assert!(receive(&mut inbound, &sent(&outbound, SSRC, 60_000)).is_ok());
    assert!(receive(&mut inbound, &sent(&outbound, SSRC, 71_023)).is_ok());
    assert_eq!(receive(&mut inbound, &older), Err(SrtpError::TooOld));
    assert_eq!(receive(&mut inbound, &oldest), Ok(70_000));
}

/// A change of any single byte is refused, changes no state, and the true packet still opens.
#[test]
fn forgeries_leave_the_state_untouched() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        assert!(receive(&mut inbound, &sent(&outbound, SSRC, 100)).is_ok());
        let before = states(&inbound);
        let packet = sent(&outbound, SSRC, 101);
        for at in 0..packet.len() {
            let mut forged = packet.clone();
            forged[at] ^= 0x40;
            assert!(inbound.unprotect_rtp(&mut forged, 12).is_err(), "byte {at}");
            assert_eq!(states(&inbound), before, "byte {at}");
        }
        assert_eq!(receive(&mut inbound, &packet), Ok(101));
    }
}

/// A packet under another key makes no stream, so strangers cannot fill the table.
#[test]
fn only_authentic_packets_make_a_stream() {
    let profile = Profile::AeadAes256Gcm;
    let (outbound, _) = pair(profile);
    let mut inbound = Inbound::new(profile, &vec![1; profile.master_len()]).unwrap();
    for ssrc in 0..200 {
        let refused = receive(&mut inbound, &sent(&outbound, ssrc, 1));
        assert_eq!(refused, Err(SrtpError::Authentication));
    }
    assert!(states(&inbound).is_empty());
}

/// A leg has a bounded number of streams; forgetting one makes room for another.
#[test]
fn the_number_of_streams_is_bounded() {
    let (outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..MAX_STREAMS as u32 {
        assert!(receive(&mut inbound, &sent(&outbound, ssrc, 1)).is_ok());
    }
    let newcomer = sent(&outbound, 1_000, 1);
    assert_eq!(
        receive(&mut inbound, &newcomer),
        Err(SrtpError::StreamLimit)
    );
    assert!(inbound.forget(7) && !inbound.forget(7));
    assert_eq!(receive(&mut inbound, &newcomer), Ok(1));
    assert!(receive(&mut inbound, &sent(&outbound, 8, 2)).is_ok());
    assert_eq!(
        receive(&mut inbound, &sent(&outbound, 8, 2)),
        Err(SrtpError::Replay)
    );
}

/// A session that was told to take fewer or more streams does so, for those that come and those that are imported.
#[test]
fn the_bound_on_streams_can_be_chosen() {
    for most in [1, MAX_STREAMS + 3] {
        let profile = Profile::AeadAes128Gcm;
        let (outbound, inbound) = pair(profile);
        assert_eq!(inbound.profile(), profile);
        let mut inbound = inbound.with_streams(most);
        for ssrc in 0..most as u32 {
            assert_eq!(receive(&mut inbound, &sent(&outbound, ssrc, 1)), Ok(1));
        }
        let newcomer = sent(&outbound, 1_000, 1);
        let refused = Err(SrtpError::StreamLimit);
        assert_eq!(receive(&mut inbound, &newcomer), refused);
        let stranger = StreamState {
            ssrc: 1_000,
            highest: 5,
            window: [0; 16],
        };
        assert_eq!(inbound.restore_rtp(stranger), Err(SrtpError::StreamLimit));
        let known = StreamState {
            ssrc: 0,
            ..stranger
        };
        assert_eq!(inbound.restore_rtp(known), Ok(()));
    }
}

/// A retransmission stream shares the key, and counts for itself.
#[test]
fn streams_under_one_key_count_for_themselves() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        for step in 0..10 {
            let media = sent(&outbound, SSRC, 65_530 + step);
            let repair = sent(&outbound, SSRC + 1, 20 + step);
            assert_eq!(receive(&mut inbound, &media), Ok(65_530 + step));
            assert_eq!(receive(&mut inbound, &repair), Ok(20 + step));
        }
        assert_eq!(inbound.rtp_streams().count(), 2);
    }
}

/// A standby with the exported state knows the roll-over counter and refuses what was received.
#[test]
fn a_standby_goes_on_from_the_exported_state() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        for extended in [65_000, 65_535, 65_537] {
            assert!(receive(&mut inbound, &sent(&outbound, SSRC, extended)).is_ok());
        }
        let mut standby = Inbound::new(profile, &master(profile)).unwrap();
        for state in inbound.rtp_streams() {
            standby.restore_rtp(state).unwrap();
        }
        assert_eq!(states(&standby), states(&inbound));
        let old = sent(&outbound, SSRC, 65_535);
        assert_eq!(receive(&mut standby, &old), Err(SrtpError::Replay));
        for extended in [65_536, 65_538, 98_000] {
            assert_eq!(
                receive(&mut standby, &sent(&outbound, SSRC, extended)),
                Ok(extended)
            );
        }
    }
}

/// An imported state of an index that cannot be is refused, and its highest index is a replay.
#[test]
fn imported_states_are_checked() {
    let (outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    let mut state = StreamState {
        ssrc: SSRC,
        highest: 1 << 48,
        window: [0; 16],
    };
    assert_eq!(inbound.restore_rtp(state), Err(SrtpError::KeyExhausted));
    state.highest = 1 << 31;
    assert_eq!(inbound.restore_rtcp(state), Err(SrtpError::KeyExhausted));
    state.highest = 70_000;
    assert_eq!(inbound.restore_rtp(state), Ok(()));
    let newest = sent(&outbound, SSRC, 70_000);
    assert_eq!(receive(&mut inbound, &newest), Err(SrtpError::Replay));
}

/// The last index of a key is the last: the next one is refused on both sides.
#[test]
fn a_key_ends_after_all_its_indices() {
    let (outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    let last = (1 << 48) - 1;
    let state = StreamState {
        ssrc: SSRC,
        highest: last - 1,
        window: [0; 16],
    };
    inbound.restore_rtp(state).unwrap();
    assert_eq!(
        receive(&mut inbound, &sent(&outbound, SSRC, last)),
        Ok(last)
    );
    let beyond = protect_header(&outbound, &rtp(SSRC, 0, &[]), 12, last + 1);
    assert_eq!(beyond, Err(SrtpError::KeyExhausted));
    let next = protect_header(&outbound, &rtp(SSRC, 0, &[]), 12, 0).unwrap();
    assert_eq!(receive(&mut inbound, &next), Err(SrtpError::KeyExhausted));
}

/// Sending has no hidden state: the same packet and number give the same bytes at any time.
#[test]
fn a_packet_is_protected_the_same_way_twice() {
    for profile in Profile::ALL {
        let (outbound, _) = pair(profile);
        let early = sent(&outbound, SSRC, 70_001);
        let _ = sent(&outbound, SSRC, 200_000);
        assert_eq!(sent(&outbound, SSRC, 70_001), early);
        assert_ne!(sent(&outbound, SSRC, 70_001 + 65_536)[12..], early[12..]);
    }
}

/// In an arena of many packets only the packet and its tag are written.
#[test]
fn protection_writes_only_its_own_bytes() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        let plain = rtp(SSRC, 9, &9_u64.to_be_bytes());
        let mut arena = vec![0xee; 200];
        arena[..plain.len()].copy_from_slice(&plain);
        let len = outbound
            .protect_rtp(&mut arena, plain.len(), 12, 9)
            .unwrap();
        assert_eq!(len, plain.len() + profile.rtp_overhead());
        assert!(arena[len..].iter().all(|&byte| byte == 0xee));
        assert_eq!(receive(&mut inbound, &arena[..len]), Ok(9));
    }
}

/// Callers' slips are refused before a key is used: room, header, version, sequence, length.
#[test]
fn wrong_calls_are_refused() {
    for profile in Profile::ALL {
        let (outbound, mut inbound) = pair(profile);
        let plain = rtp(SSRC, 7, b"payload");
        let mut tight = plain.clone();
        tight.resize(plain.len() + profile.rtp_overhead() - 1, 0);
        let refused = outbound.protect_rtp(&mut tight, plain.len(), 12, 7);
        assert_eq!(refused, Err(SrtpError::TooShort));
        assert_eq!(
            outbound.protect_rtp(&mut tight, usize::MAX, 12, 7),
            Err(SrtpError::TooShort)
        );
        for (header_len, extended) in [(11, 7), (plain.len() + 1, 7), (12, 8)] {
            let refused = protect_header(&outbound, &plain, header_len, extended);
            assert_eq!(refused, Err(SrtpError::BadHeader));
        }
        let mut stun = sent(&outbound, SSRC, 7);
        stun[0] = 0;
        assert_eq!(
            inbound.unprotect_rtp(&mut stun, 12),
            Err(SrtpError::BadHeader)
        );
        let mut huge = rtp(SSRC, 7, &vec![0; 70_000]);
        assert_eq!(
            inbound.unprotect_rtp(&mut huge, 12),
            Err(SrtpError::TooLong)
        );
        assert_eq!(
            protect_header(&outbound, &huge, 12, 7),
            Err(SrtpError::TooLong)
        );
    }
}

/// Keying material must have exactly the profile's length, and names are the IANA ones.
#[test]
fn profiles_know_their_names_and_lengths() {
    for profile in Profile::ALL {
        let len = profile.master_len();
        for wrong in [0, 16, len - 1, len + 1] {
            let refused = Inbound::new(profile, &vec![0; wrong]).err();
            assert_eq!(refused, Some(SrtpError::KeyLength));
        }
        assert_eq!(Profile::from_name(profile.name()), Some(profile));
    }
    assert_eq!(Profile::from_name("SRTP_AEAD_AES_128_GCM"), None);
    assert_eq!(Profile::AeadAes256Gcm.master_len(), 44);
}
