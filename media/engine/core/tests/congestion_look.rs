mod congestion;
use congestion::Setup;
use engine_netem::Profile;

#[test]
fn look() {
    let which = std::env::var("LOOK").unwrap_or_default();
    let base = |n, r, rtt, q| Setup::new(n, r, rtt, q);
    let down = |s: &Setup, bps, q| s.there.limited(bps, q);
    let mut all = vec![
        base("clean1M", Some(1_000_000), 40, 300),
        base("clean300k", Some(300_000), 40, 300),
        base("clean150k", Some(150_000), 100, 300),
        base("clean5M", Some(5_000_000), 100, 200),
        base("open", None, 40, 300),
    ];
    let mut s = base("loss20", None, 40, 0);
    s.there = s.there.losing(0.2);
    all.push(s);
    let mut s = base("loss20both", None, 40, 0);
    s.there = s.there.losing(0.2);
    s.back = s.back.losing(0.2);
    all.push(s);
    let mut s = base("burst5", None, 40, 0);
    s.there = s.there.losing_in_bursts(0.05, 4.0);
    all.push(s);
    let mut s = base("jitter30", None, 40, 0);
    s.there = s.there.shaking(30);
    all.push(s);
    let mut s = base("jitter30order", None, 40, 0);
    s.there = Profile {
        keep_order: true,
        ..s.there.shaking(30)
    };
    all.push(s);
    let mut s = base("normal30", None, 80, 0);
    s.there.jitter = engine_netem::Jitter::NormalUs(30_000);
    all.push(s);
    all.push(base("shallow1M", Some(1_000_000), 40, 10));
    all.push(base("shallow300k", Some(300_000), 40, 10));
    let mut s = base("step", Some(2_000_000), 40, 300);
    s.steps = vec![(10_000, down(&s, 300_000, 300)), (20_000, s.there)];
    all.push(s);
    let mut s = base("stepdeep", Some(2_000_000), 40, 1500);
    s.steps = vec![(10_000, down(&s, 300_000, 1500)), (20_000, s.there)];
    all.push(s);
    let mut s = base("stepshallow", Some(2_000_000), 40, 15);
    s.steps = vec![(10_000, down(&s, 300_000, 15)), (20_000, s.there)];
    all.push(s);
    let mut s = base("outage2", Some(2_000_000), 40, 300);
    s.steps = vec![(10_000, s.there.broken()), (12_000, s.there)];
    all.push(s);
    let mut s = base("outage5", Some(2_000_000), 40, 300);
    s.steps = vec![(10_000, s.there.broken()), (15_000, s.there)];
    all.push(s);
    let mut s = base("outage02", Some(2_000_000), 40, 300);
    s.steps = vec![(10_000, s.there.broken()), (10_200, s.there)];
    all.push(s);
    let mut s = base("cross", Some(2_000_000), 40, 300);
    s.cross = Some((1_000_000, 8_000, 16_000));
    all.push(s);
    let mut s = base("keyframes", Some(600_000), 40, 300);
    s.key_frames = Some((6.0, 100));
    all.push(s);
    let mut s = base("loss2_300k", Some(300_000), 40, 300);
    s.there = s.there.losing(0.02);
    all.push(s);
    let mut s = base("loss10_1M", Some(1_000_000), 40, 300);
    s.there = s.there.losing(0.10);
    all.push(s);
    let mut s = base("jitter30_1M", Some(1_000_000), 40, 300);
    s.there = s.there.shaking(30);
    all.push(s);
    let mut s = base("b1000_300", Some(1_000_000), 300, 300);
    s.there = s.there.losing_in_bursts(0.05, 4.0);
    s.seed = 1_000_300;
    all.push(s);
    let mut s = base("l600_20", Some(600_000), 20, 300);
    s.there = s.there.losing(0.2);
    s.seed = 600_020;
    all.push(s);
    for setup in all
        .into_iter()
        .filter(|s| which.is_empty() || which.split(',').any(|w| w == s.name))
    {
        let log = setup.run(25_000);
        if which.is_empty() {
            let t = log.table();
            println!("{:14} est {:5.0} arrived {:5.0} wait p50 {:4.0} p95 {:4.0} max {:4.0} loss {:.3} pad {:.3}", log.name,
              log.estimate_mean(15_000, 25_000)/1e3, log.arrived(15_000, 25_000)/1e3, log.audio_wait(5_000, 25_000, 0.5), log.audio_wait(5_000, 25_000, 0.95), log.audio_wait(5_000, 25_000, 1.0), log.loss(5_000, 25_000), log.padding_share());
            let _ = t;
        } else {
            println!("{}", log.table());
        }
    }
}
