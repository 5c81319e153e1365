//! What the kernel dropped at our ports, since nobody had read what came before. It counts that itself, socket by socket,
//! and is asked here.
//!
//! `SO_MEMINFO` would tell at the price of `unsafe`. `SO_RXQ_OVFL` tells in a control message, which quinn-udp keeps to
//! itself, and with the next datagram that fits. The table of UDP sockets in /proc has a column for it: text, a line for
//! each socket of the network namespace, and lines of calls make thousands of those (0.8 ms for 400, 17 ms for 4,000). So it is
//! read by a thread of its own, each time that somebody takes a snapshot, which is once a second: no shard waits for it,
//! nor does the loop that takes snapshots, and each snapshot has what was read for the one before, or since.
//!
//! Not known is what a port lost after the last reading before it was closed. What the kernel has joined (GRO) counts
//! once. What the machine drops before it comes to a socket, in its network card or in a processor's queue, is not in here.

use crate::socket::Port;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

/// Of this process's network namespace, and there where only processes are shown of /proc (`ProcSubset=pid`), too.
const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];
/// Columns of a line, the first being 0. Ports would not do: other processes may have the same at another address.
const INODE: usize = 9;
const DROPS: usize = 12;

#[derive(Debug)]
struct Watched {
    shard: usize,
    /// What its counter was at last; it begins at 0 with the socket, and wraps.
    seen: u32,
    open: Weak<u64>,
}

/// By the inodes of sockets.
#[derive(Debug, Default)]
struct Counted {
    ports: HashMap<u64, Watched>,
    shards: Vec<u64>,
}

impl Counted {
    /// Takes what a reading tells of all sockets. One that it passed over, since others were closed meanwhile, comes with
    /// the next.
    fn enter(&mut self, sockets: impl Iterator<Item = (u64, u32)>) {
        for (inode, drops) in sockets {
            if let Some(port) = self.ports.get_mut(&inode) {
                self.shards[port.shard] += u64::from(drops.wrapping_sub(port.seen));
                port.seen = drops;
            }
        }
        self.ports.retain(|_, port| port.open.strong_count() > 0);
    }
}

/// Drops of all shards, with the thread that reads them.
#[derive(Debug)]
pub(crate) struct ReceiveDrops {
    counted: Arc<Mutex<Counted>>,
    thread: Mutex<Option<(SyncSender<()>, JoinHandle<()>)>>,
}

impl ReceiveDrops {
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start(shards: u16) -> io::Result<Self> {
        let counted = Arc::new(Mutex::new(Counted {
            shards: vec![0; usize::from(shards)],
            ..Counted::default()
        }));
        // One reading tells all who asked meanwhile.
        let (ask, asked) = sync_channel(1);
        let reads = Arc::clone(&counted);
        let thread = std::thread::Builder::new()
            .name("receive-drops".into())
            .spawn(move || {
                let mut tables = Tables::open();
                while asked.recv().is_ok() {
                    tables.look(&reads);
                }
            })?;
        let thread = Mutex::new(Some((ask, thread)));
        Ok(Self { counted, thread })
    }

    /// Counts this port among those of a shard, until it is closed.
    pub(crate) fn watch(&self, shard: usize, port: &Port) {
        let watched = Watched {
            shard,
            seen: 0,
            open: Arc::downgrade(&port.inode),
        };
        lock(&self.counted).ports.insert(*port.inode, watched);
    }

    /// Has it read soon.
    pub(crate) fn read_soon(&self) {
        if let Some((ask, _)) = &*lock(&self.thread) {
            // Full is as good: somebody has asked, and it has not begun.
            let _ = ask.try_send(());
        }
    }

    /// Datagrams that were dropped at the ports of a shard, those that have closed too.
    pub(crate) fn of(&self, shard: usize) -> u64 {
        lock(&self.counted).shards[shard]
    }

    /// Stops the thread and waits for it.
    pub(crate) fn stop(&self) {
        let running = lock(&self.thread).take();
        if let Some((ask, thread)) = running {
            drop(ask);
            let _ = thread.join();
        }
    }
}

impl Drop for ReceiveDrops {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The tables, open, and memory for what is in them.
#[derive(Debug)]
struct Tables {
    files: Vec<BufReader<File>>,
    line: String,
    sockets: Vec<(u64, u32)>,
}

impl Tables {
    fn open() -> Self {
        // A system without one of them has no such sockets.
        let files = TABLES.iter().filter_map(|table| File::open(table).ok());
        Self {
            files: files.map(BufReader::new).collect(),
            line: String::new(),
            sockets: Vec::new(),
        }
    }

    /// Reads all there is. Nobody who opens a port is held up meanwhile.
    fn look(&mut self, counted: &Mutex<Counted>) {
        let Self {
            files,
            line,
            sockets,
        } = self;
        sockets.clear();
        for file in files {
            // What could not be read comes with the next.
            let _ = read(file, line, sockets);
        }
        lock(counted).enter(sockets.iter().copied());
    }
}

fn read(
    table: &mut (impl BufRead + Seek),
    line: &mut String,
    into: &mut Vec<(u64, u32)>,
) -> io::Result<()> {
    table.rewind()?;
    line.clear();
    while table.read_line(line)? > 0 {
        into.extend(socket(line));
        line.clear();
    }
    Ok(())
}

/// The inode of the socket of a line, and how many datagrams it has dropped.
fn socket(line: &str) -> Option<(u64, u32)> {
    let mut columns = line.split_ascii_whitespace();
    let inode = columns.nth(INODE)?.parse().ok()?;
    let drops = columns.nth(DROPS - INODE - 1)?.parse().ok()?;
    Some((inode, drops))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Socket;
    use std::io::Cursor;
    use std::net::{SocketAddr, UdpSocket};
    use std::time::Duration;

    /// More than any kernel buffer that is asked for here holds of datagrams of a thousand bytes.
    const TOO_MANY: u64 = 20_000;

    const TABLE: &str = "  \
        sl local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode ref pointer drops\n \
        1377: 0100007F:2710 00000000:0000 07 00000000:00033600 00:00000000 00000000     0        0 11872 2 0 96        \n\
        21377: 00000000000000000000000001000000:2711 00000000000000000000000000000000:0000 07 00000000:00000000 \
        00:00000000 00000000     0        0 4294967295 2 0000000000000000 4294967295\n";

    #[test]
    fn the_table_is_read_as_the_kernel_writes_it() {
        let (mut table, mut line, mut found) = (Cursor::new(TABLE), String::new(), Vec::new());
        for _ in 0..2 {
            found.clear();
            read(&mut table, &mut line, &mut found).unwrap();
            assert_eq!(found, [(11_872, 96), (u64::from(u32::MAX), u32::MAX)]);
        }
    }

    #[test]
    fn a_counter_that_wraps_goes_on_and_one_that_is_closed_stays() {
        let (inode, mut counted) = (Arc::new(7), Counted::default());
        let open = Arc::downgrade(&inode);
        counted.shards = vec![0, 0];
        counted.ports.insert(
            7,
            Watched {
                shard: 1,
                seen: 0,
                open,
            },
        );
        counted.enter([(7, u32::MAX), (8, 5)].into_iter());
        counted.enter([(8, 9)].into_iter());
        counted.enter([(7, 2)].into_iter());
        assert_eq!(counted.shards, [0, u64::from(u32::MAX) + 3]);
        drop(inode);
        counted.enter([(7, 4)].into_iter());
        assert!(counted.ports.is_empty());
        counted.enter([(7, 900)].into_iter());
        assert_eq!(counted.shards, [0, u64::from(u32::MAX) + 5]);
    }

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    /// Reads a socket until all that were sent to it have come or are told as dropped; gives how many were dropped.
    fn all_told(drops: &ReceiveDrops, shard: usize, socket: &mut Socket) -> u64 {
        let (mut came, mut tables) = (0, Tables::open());
        for _ in 0..2_000 {
            while socket.receive(0, |_, batch, _| came += batch.len() as u64) {}
            tables.look(&drops.counted);
            if came + drops.of(shard) >= TOO_MANY {
                // What is told is all there is to tell.
                tables.look(&drops.counted);
                assert_eq!(came + drops.of(shard), TOO_MANY);
                return drops.of(shard);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{came} came and {} were dropped", drops.of(shard));
    }

    /// Nobody reads while a socket is sent more than it holds: what it did not hold is counted, one by one, and nothing of
    /// its neighbour; nor is anything forgotten once it is closed.
    #[test]
    fn what_nobody_read_in_time_is_counted() {
        let drops = ReceiveDrops::start(2).unwrap();
        let (mut late, quiet) = (Socket::bind(any()).unwrap(), Socket::bind(any()).unwrap());
        for (shard, socket) in [&late, &quiet].into_iter().enumerate() {
            drops.watch(shard, &socket.ports.shared);
        }
        let sender = UdpSocket::bind(any()).unwrap();
        let to = late.ports.shared.inner.local_addr().unwrap();
        for _ in 0..TOO_MANY {
            sender.send_to(&[0; 1_000], to).unwrap();
        }
        let dropped = all_told(&drops, 0, &mut late);
        assert!(dropped > 0 && dropped < TOO_MANY, "{dropped}");
        assert_eq!(drops.of(1), 0);
        drop(late);
        Tables::open().look(&drops.counted);
        assert_eq!((drops.of(0), drops.of(1)), (dropped, 0));
        assert_eq!(lock(&drops.counted).ports.len(), 1);
    }
}
