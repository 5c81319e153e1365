//! Events on their way to the control plane: a bounded queue, and a descriptor that wakes its reader once for many.

use crate::engine::EngineError;
use serde::Serialize;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

/// Wakes the reader of events, once for many.
pub struct EventSignal {
    stream: UnixStream,
    raised: Arc<AtomicBool>,
}

impl EventSignal {
    /// Says that there are events.
    pub fn raise(&mut self) {
        if !self.raised.swap(true, Ordering::AcqRel) {
            // A full pipe means that the reader has been woken already.
            let _ = self.stream.write(&[1]);
        }
    }

    /// One for another thread.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            stream: self.stream.try_clone()?,
            raised: Arc::clone(&self.raised),
        })
    }
}

/// The reader's end.
pub struct EventQueue<E> {
    reader: Mutex<(Receiver<E>, UnixStream)>,
    fd: RawFd,
    raised: Arc<AtomicBool>,
}

impl<E> EventQueue<E> {
    /// A queue for that many events, with the writer's ends.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(capacity: usize) -> io::Result<(Self, SyncSender<E>, EventSignal)> {
        let (sender, receiver) = sync_channel(capacity);
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let raised = Arc::new(AtomicBool::new(false));
        let signal = EventSignal {
            stream: writer,
            raised: Arc::clone(&raised),
        };
        let queue = Self {
            fd: reader.as_raw_fd(),
            reader: Mutex::new((receiver, reader)),
            raised,
        };
        Ok((queue, sender, signal))
    }

    /// Readable when there are events.
    pub const fn fd(&self) -> RawFd {
        self.fd
    }

    /// Takes up to `most` events out. A caller that got as many as it asked for asks again at once: the descriptor
    /// speaks up for new events only.
    pub fn take(&self, most: usize) -> Vec<E> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let (queue, stream) = &mut *reader;
        let mut sink = [0; 64];
        while matches!(stream.read(&mut sink), Ok(1..)) {}
        // Lowered before the queue is read: an event that comes in between raises it again.
        self.raised.store(false, Ordering::Release);
        queue.try_iter().take(most).collect()
    }
}

/// Events as MessagePack, one by one.
///
/// # Errors
/// [`EngineError::Encode`] if one cannot be written, which would be a bug.
pub fn encode<E: Serialize>(events: &[E]) -> Result<Vec<Vec<u8>>, EngineError> {
    let encode = |event: &E| rmp_serde::to_vec_named(event).map_err(EngineError::from);
    events.iter().map(encode).collect()
}
