//! Senders that keep one group of packets each under way: the subject is never idle, and nothing is lost on the way in.

use crate::crowd::{Crowd, Voices};
use crate::plan::Plan;
use mio::{Events, Interest, Poll, Token};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// A group whose first copy does not come back within this is taken for lost.
const LOST_AFTER: Duration = Duration::from_millis(200);
const GROUP: usize = 6;
const PACKET: usize = 1_200;

/// One sender, and the first of those who watch it.
struct Pair {
    camera: usize,
    watcher: usize,
    awaited: usize,
    sent_at: Instant,
}

pub(crate) struct ClosedLoop {
    pairs: Vec<Pair>,
    poll: Poll,
    pub(crate) lost_groups: u64,
}

impl ClosedLoop {
    /// The legs whose packets are waited for: the first watcher of each room.
    pub(crate) fn readers(plan: &Plan) -> Vec<usize> {
        (0..plan.rooms)
            .map(|room| plan.legs_of(room).start + 1)
            .collect()
    }

    pub(crate) fn new(plan: &Plan, crowd: &Crowd) -> Self {
        let poll = Poll::new().unwrap();
        for (room, leg) in Self::readers(plan).into_iter().enumerate() {
            let fd = crowd.people[leg].socket().as_raw_fd();
            let mut source = mio::unix::SourceFd(&fd);
            let registry = poll.registry();
            registry
                .register(&mut source, Token(room), Interest::READABLE)
                .unwrap();
        }
        let pair = |leg| Pair {
            camera: leg - 1,
            watcher: leg,
            awaited: 0,
            sent_at: Instant::now(),
        };
        Self {
            pairs: Self::readers(plan).into_iter().map(pair).collect(),
            poll,
            lost_groups: 0,
        }
    }

    pub(crate) fn run(
        &mut self,
        crowd: &mut Crowd,
        voices: &mut Voices,
        to: SocketAddr,
        span: Duration,
    ) {
        let (start, mut ready) = (Instant::now(), Events::with_capacity(64));
        for pair in &mut self.pairs {
            pair.take_in(crowd);
            pair.awaited = 0;
        }
        while start.elapsed() < span {
            for pair in &mut self.pairs {
                pair.take_in(crowd);
                if pair.awaited == 0 || pair.sent_at.elapsed() > LOST_AFTER {
                    self.lost_groups += u64::from(pair.awaited > 0);
                    voices.send_frame(&crowd.people[pair.camera], to, pair.camera, 0);
                    (pair.awaited, pair.sent_at) = (GROUP, Instant::now());
                }
            }
            crowd.read();
            self.poll.poll(&mut ready, Some(LOST_AFTER)).unwrap();
        }
        let end = Instant::now() + LOST_AFTER;
        while self.pairs.iter().any(|pair| pair.awaited > 0) && Instant::now() < end {
            self.poll.poll(&mut ready, Some(LOST_AFTER)).unwrap();
            self.pairs.iter_mut().for_each(|pair| pair.take_in(crowd));
        }
    }
}

impl Pair {
    /// One packet or several in one piece; reports and answers to checks are shorter.
    fn take_in(&mut self, crowd: &Crowd) {
        let mut sink = [0; 16_384];
        while let Ok(len) = crowd.people[self.watcher].socket().recv(&mut sink) {
            self.awaited = self.awaited.saturating_sub(len / PACKET);
        }
    }
}
