//! Pictures as Chromium sends and shows them: two encodings in three temporal layers each, of which those flow that
//! somebody takes; and what of them a receiver could show, and when.

use super::{ms, Got, PeerSpec, Picture, World};
use engine_core::api::{Kind, LegId, Wanted};
use engine_core::{Event, Micros};
use std::collections::HashMap;

/// A browser that sends pictures.
pub const SENDS: PeerSpec = PeerSpec {
    simulcast: true,
    temporal: true,
    reports_each: true,
    ..PeerSpec::BROWSER
};
/// A browser that takes them.
pub const TAKES: PeerSpec = PeerSpec {
    reports_each: true,
    takes_red: true,
    ..PeerSpec::BROWSER
};
/// Between two words to a sender and what it does: signalling, and an encoder that begins anew.
const OBEYS: Micros = ms(60);
const FREEZE: Micros = ms(200);

/// Lets the pictures of a peer be like those of 640x360 at 25 a second: 160 and 850 kbit/s, and no third encoding.
pub fn as_chromium(world: &mut World, peer: usize) {
    for sender in &mut world.peers[peer].senders[1..] {
        sender.interval = ms(40);
        (
            sender.packets_per_frame,
            sender.payload_len,
            sender.key_times,
        ) = match sender.encoding {
            0 => (1, 800, 7),
            _ => (4, 1_060, 5),
        };
        sender.on = sender.encoding < 2;
    }
}

/// Runs on, while senders do what they are told.
pub fn run(world: &mut World, span: Micros) {
    let end = world.now + span;
    while world.now < end {
        world.run(ms(20));
        let told: Vec<(u64, Vec<Wanted>)> = world
            .events
            .iter()
            .filter(|(at, _)| {
                at.0 + OBEYS.0 <= world.now.0 && world.now.0 < at.0 + OBEYS.0 + 20_000
            })
            .filter_map(|(_, event)| match event {
                Event::Demand {
                    leg,
                    source: 1,
                    encodings,
                } => Some((leg.0, encodings.clone())),
                _ => None,
            })
            .collect();
        for (leg, encodings) in told {
            obey(world, LegId(leg), &encodings);
        }
    }
}

/// A change of what is sent costs a key frame of everything.
fn obey(world: &mut World, leg: LegId, encodings: &[Wanted]) {
    let now = world.now;
    let peer = world
        .peers
        .iter_mut()
        .find(|peer| peer.leg == leg.0)
        .unwrap();
    let known = peer.senders[1..].iter().filter(|one| one.packets > 0);
    let best = known.count().max(2) - 1;
    // A wish for an encoding that there is not goes to the best that there is.
    let wanted = (0..=best).map(|at| {
        let mut wishes = encodings.iter().enumerate();
        wishes.any(|(of, wish)| wish.active && of.min(best) == at)
    });
    for (sender, wanted) in peer.senders[1..].iter_mut().zip(wanted) {
        if wanted && !sender.on {
            sender.next_at = now;
        }
        sender.on = wanted;
        sender.key_frame_due = true;
    }
}

/// What was shown in a time.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub fps: f64,
    /// Percent of the time in gaps of 200 ms and more.
    pub frozen: f64,
    pub longest: Micros,
    /// The median of the time from capture to show.
    pub delay: Micros,
    /// Percent of pictures in the higher encoding.
    pub higher: f64,
}

/// What the first slot for pictures of peer 0 in which some came showed of peer 1.
pub fn shown(world: &World, from: Micros, to: Micros) -> Shown {
    shown_of(&times(world), from, to)
}

/// What of these pictures was shown in a time.
pub fn shown_of(times: &[Time], from: Micros, to: Micros) -> Shown {
    let within: Vec<_> = times
        .iter()
        .filter(|(at, _)| (from..to).contains(at))
        .collect();
    let marks = [from]
        .into_iter()
        .chain(within.iter().map(|(at, _)| *at))
        .chain([to]);
    let marks: Vec<Micros> = marks.collect();
    let gaps: Vec<Micros> = marks
        .windows(2)
        .map(|pair| pair[1].since(pair[0]))
        .collect();
    let frozen: u64 = gaps
        .iter()
        .filter(|gap| **gap >= FREEZE)
        .map(|gap| gap.0)
        .sum();
    let span = to.since(from).0 as f64;
    let mut delays: Vec<u64> = within.iter().map(|(at, of)| at.since(of.0).0).collect();
    delays.sort_unstable();
    let higher = within.iter().filter(|(_, of)| of.1 > 0).count();
    Shown {
        fps: within.len() as f64 * 1e6 / span,
        frozen: frozen as f64 * 100.0 / span,
        longest: gaps.into_iter().max().unwrap_or(Micros(0)),
        delay: Micros(delays.get(delays.len() / 2).copied().unwrap_or(0)),
        higher: higher as f64 * 100.0 / within.len().max(1) as f64,
    }
}

/// When a picture could be shown, its capture and its encoding.
pub type Time = (Micros, (Micros, u8));

/// The same of the first slot for pictures of peer 0 in which some came, and of what peer 1 sends.
pub fn times(world: &World) -> Vec<Time> {
    let mut receivers = world.peers[0].receivers.iter();
    let pictures = receivers.position(|one| one.spec.kind == Kind::Video && !one.got.is_empty());
    times_of(world, (0, pictures.unwrap()), 1)
}

/// When each picture of a sender could be shown in a slot (a peer, and which of its slots) that came whole there; none after
/// a newer one.
pub fn times_of(world: &World, (peer, slot): (usize, usize), sender: usize) -> Vec<Time> {
    let mut packets: HashMap<(Micros, u8), Vec<&Got>> = HashMap::new();
    let sender = &world.peers[sender];
    let came = world.peers[peer].receivers[slot].got.values();
    for got in came.filter(|got| got.tag.leg == sender.leg) {
        let encoding = (got.tag.number >> 56) as u8;
        packets
            .entry((got.tag.sent_at, encoding))
            .or_default()
            .push(got);
    }
    let sent = |of: &(Micros, u8)| -> &Picture {
        let log = &sender.senders[1 + usize::from(of.1)].log;
        let at = log.binary_search_by_key(&of.0, |picture| picture.at);
        &log[at.unwrap()]
    };
    let mut order: Vec<_> = packets.keys().copied().collect();
    order.sort_unstable();
    let mut decoded: HashMap<(Micros, u8), Micros> = HashMap::new();
    for of in &order {
        let picture = sent(of);
        let got = &packets[of];
        if got.len() < picture.packets {
            continue;
        }
        let refers = picture.refers.iter();
        let needs: Option<Vec<Micros>> = refers
            .map(|at| decoded.get(&(*at, of.1)).copied())
            .collect();
        let Some(needs) = needs else { continue };
        let came = got.iter().map(|got| got.at).max().unwrap();
        decoded.insert(*of, needs.into_iter().chain([came]).max().unwrap());
    }
    let mut shown: Vec<_> = decoded.into_iter().map(|(of, at)| (at, of)).collect();
    shown.sort_unstable();
    let mut newest = Micros(0);
    shown.retain(|(_, of)| {
        let is_newer = of.0 > newest;
        newest = newest.max(of.0);
        is_newer
    });
    shown
}
