//! The sockets of lines: opened where somebody asks for them, closed when the shard has no more use for them.

use crate::clock::Clock;
use crate::engine::EngineError;
use crate::ports::Pool;
use crate::shard_thread::ShardThread;
use crate::socket::Port;
use mio::{Interest, Token};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pairs that are tried before the search is given up: others on the machine may sit on some.
const TRIES: usize = 16;

/// The pairs of all shards.
#[derive(Clone)]
pub(crate) struct SharedPool {
    pool: Arc<Mutex<Pool>>,
    clock: Clock,
}

impl SharedPool {
    pub(crate) fn new(pool: Pool, clock: Clock) -> Self {
        let pool = Arc::new(Mutex::new(pool));
        Self { pool, clock }
    }

    /// Opens a pair of ports that nobody uses, and gives the even one.
    pub(crate) fn open(&self, ip: IpAddr) -> Result<(u16, [Port; 2]), EngineError> {
        let mut last = EngineError::NoPorts;
        for _ in 0..TRIES {
            let lent = self.lock().lend(self.clock.now());
            let first = lent.ok_or(EngineError::NoPorts)?;
            let port = |number| Port::bind_line(SocketAddr::new(ip, number));
            match port(first).and_then(|even| Ok([even, port(first + 1)?])) {
                Ok(pair) => return Ok((first, pair)),
                Err(error) => last = EngineError::Socket(error),
            }
            self.give_back(first);
        }
        Err(last)
    }

    pub(crate) fn give_back(&self, first: u16) {
        self.lock().give_back(self.clock.now(), first);
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a shard's thread knows of its lines' sockets beside the sockets themselves.
pub(crate) struct LineSockets {
    pool: SharedPool,
    /// Ports on which something may wait.
    ready: VecDeque<u16>,
}

impl LineSockets {
    pub(crate) fn new(pool: SharedPool) -> Self {
        let ready = VecDeque::new();
        Self { pool, ready }
    }

    /// Notes the ports on which something has come. Ports of lines are their own tokens.
    pub(crate) fn note_ready(&mut self, tokens: impl Iterator<Item = Token>) {
        let ports = tokens.filter_map(|token| u16::try_from(token.0).ok());
        for port in ports.filter(|port| *port > RESERVED) {
            self.come_again(port);
        }
    }

    /// How many ports wait for their turn.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn next_ready(&mut self) -> Option<u16> {
        self.ready.pop_front()
    }

    /// Has a port looked at in the next turn.
    pub(crate) fn come_again(&mut self, port: u16) {
        if !self.ready.contains(&port) {
            self.ready.push_back(port);
        }
    }
}

/// Tokens that are no ports of lines: such ports are larger.
pub(crate) const RESERVED: u16 = 1;

impl ShardThread {
    pub(crate) fn open_ports(&mut self, first: u16, pair: [Port; 2]) {
        for (number, mut port) in (first..).zip(pair) {
            let token = Token(usize::from(number));
            let registry = self.poll.registry();
            // A port that cannot be watched stays silent, which its leg's owner sees.
            let _ = registry.register(&mut port.inner, token, Interest::READABLE);
            self.socket.ports.lines.insert(number, port);
        }
    }

    /// Closes a pair that no line has come to use.
    pub(crate) fn close_unused(&mut self, first: u16) {
        if !self.shard.has_port(first) && self.socket.ports.lines.contains_key(&first) {
            self.close(first);
        }
    }

    /// Closes the ports of lines that are gone.
    pub(crate) fn dispose(&mut self) {
        while let Some(first) = self.shard.poll_freed_port() {
            self.close(first);
        }
    }

    fn close(&mut self, first: u16) {
        for number in [first, first + 1] {
            // Closing takes it out of the poll.
            self.socket.ports.lines.remove(&number);
        }
        self.lines.pool.give_back(first);
    }
}
