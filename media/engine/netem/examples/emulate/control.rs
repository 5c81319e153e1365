//! Lines of JSON over a Unix socket.
//!
//! In: `{"a_to_b": PROFILE, "b_to_a": PROFILE}`, either left out, changes the link at once and has no answer;
//! `{}` asks for the counters. Out: the counters, or `{"error": TEXT}`.

use crate::relay::Change;
use rustix::fd::{AsFd, BorrowedFd};
use serde::Serialize;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// A request is a few hundred bytes.
const MAX_PENDING: usize = 1 << 16;

#[derive(Debug)]
pub(crate) enum Request {
    Profiles(Box<Change>),
    Counters,
    Bad(String),
    End,
}

#[derive(Debug)]
pub(crate) struct Control {
    stream: UnixStream,
    pending: Vec<u8>,
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Control {
    pub(crate) fn connect(path: &str) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            pending: Vec::new(),
        })
    }

    /// What has come in whole lines by now.
    pub(crate) fn requests(&mut self) -> io::Result<Vec<Request>> {
        let mut found = Vec::new();
        let mut buffer = [0; 4_096];
        let ended = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(len) if self.pending.len() < MAX_PENDING => self.pending.extend(&buffer[..len]),
                Ok(_) => break true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
                Err(error) => return Err(error),
            }
        };
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            found.push(understand(&line));
        }
        found.extend(ended.then_some(Request::End));
        Ok(found)
    }

    pub(crate) fn answer(&mut self, answer: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(answer)?;
        line.push(b'\n');
        // A few hundred bytes to a peer that waits for them: there is room, or the peer is gone.
        self.stream.write_all(&line)
    }
}

fn understand(line: &[u8]) -> Request {
    match serde_json::from_slice::<Change>(line) {
        Ok(change) if change.is_empty() => Request::Counters,
        Ok(change) => Request::Profiles(Box::new(change)),
        Err(error) => Request::Bad(error.to_string()),
    }
}
