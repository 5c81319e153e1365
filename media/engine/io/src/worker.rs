//! A thread that is told what to do through a queue, and woken where it waits for packets.

use crate::engine::EngineError;
use mio::Waker;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// The message that ends a thread.
pub trait Stop {
    /// That message.
    fn stop() -> Self;
}

/// A running thread; dropping it stops and joins it.
pub struct Worker<M: Stop> {
    inbox: SyncSender<M>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<M: Stop> Worker<M> {
    /// A thread that reads the other end of `inbox` whenever `waker` wakes it.
    pub fn new(inbox: SyncSender<M>, waker: Waker, thread: Option<JoinHandle<()>>) -> Self {
        Self {
            inbox,
            waker,
            thread: Mutex::new(thread),
        }
    }

    /// Hands a message over without waiting.
    ///
    /// # Errors
    /// [`EngineError::Busy`] when the queue is full, [`EngineError::Stopped`] when the thread has ended.
    pub fn send(&self, message: M) -> Result<(), EngineError> {
        self.inbox.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Busy,
            TrySendError::Disconnected(_) => EngineError::Stopped,
        })?;
        self.waker.wake().map_err(EngineError::Socket)
    }

    /// Stops the thread and waits for it.
    pub fn stop(&self) {
        while matches!(self.send(M::stop()), Err(EngineError::Busy)) {
            std::thread::yield_now();
        }
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl<M: Stop> Drop for Worker<M> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// CPU time of the calling thread in microseconds.
pub fn thread_cpu_micros() -> u64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    spent.tv_sec as u64 * 1_000_000 + spent.tv_nsec as u64 / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Poll, Token};
    use std::sync::mpsc::sync_channel;

    impl Stop for bool {
        fn stop() -> Self {
            true
        }
    }

    /// A full queue and a thread that has ended are told apart, and neither blocks.
    #[test]
    fn a_full_queue_refuses_and_an_ended_thread_says_so() {
        let poll = Poll::new().unwrap();
        let (inbox, outbox) = sync_channel(1);
        let worker = Worker::new(inbox, Waker::new(poll.registry(), Token(0)).unwrap(), None);
        assert!(worker.send(false).is_ok());
        assert_eq!(worker.send(false).unwrap_err().code(), "busy");
        drop(outbox);
        assert_eq!(worker.send(false).unwrap_err().code(), "stopped");
    }
}
