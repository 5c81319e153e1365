mod congestion;
use congestion::Setup;
use engine_netem::{Jitter, Profile};

#[test]
fn survey() {
    let mut rows = vec![];
    for rate in [
        150_000u64, 300_000, 600_000, 1_000_000, 2_000_000, 5_000_000,
    ] {
        for rtt in [20u64, 60, 150, 300] {
            for (kind, queue) in [
                ("q100", 100u64),
                ("q300", 300),
                ("q1000", 1000),
                ("loss5", 300),
                ("loss20", 300),
                ("burst5", 300),
                ("jit30", 300),
                ("norm15o", 300),
                ("fbloss30", 300),
                ("q40", 40),
                ("vbr50", 300),
                ("key", 300),
            ] {
                let mut s = Setup::new("x", Some(rate), rtt, queue);
                s.video_bps = 6_000_000;
                s.seed = rate + rtt;
                match kind {
                    "loss5" => s.there = s.there.losing(0.05),
                    "loss20" => s.there = s.there.losing(0.2),
                    "burst5" => s.there = s.there.losing_in_bursts(0.05, 4.0),
                    "jit30" => s.there = s.there.shaking(30),
                    "norm15o" => {
                        s.there.jitter = Jitter::NormalUs(15_000);
                        s.there.keep_order = true;
                    }
                    "fbloss30" => s.back = s.back.losing(0.3),
                    "vbr50" => s.variation = 0.5,
                    "key" => s.key_frames = Some((5.0, 75)),
                    _ => {}
                }
                let _ = Profile::PERFECT;
                let l = s.run(16_000);
                let carried =
                    l.arrived(8_000, 16_000) / (1.0 - l.loss(8_000, 16_000)).max(0.1) / rate as f64;
                rows.push((
                    kind,
                    rate,
                    rtt,
                    carried,
                    l.audio_wait(6_000, 16_000, 0.95),
                    l.audio_wait(6_000, 16_000, 1.0),
                    l.loss(6_000, 16_000),
                    l.estimate_least(6_000, 16_000) as f64 / rate as f64,
                    l.estimate_most(6_000, 16_000) as f64 / rate as f64,
                    l.reaches(0, 0.75 * rate as f64).unwrap_or(99999),
                ));
            }
        }
    }
    rows.sort_by(|a, b| a.0.cmp(b.0));
    for r in rows {
        println!("{:9} {:5}k rtt {:3}  use {:.2} wait95 {:4.0} max {:4.0} loss {:.3} est {:.2}..{:.2} reach {}", r.0, r.1/1000, r.2, r.3, r.4, r.5, r.6, r.7, r.8, r.9);
    }
}
