//! Bytes from a guest, with a time limit on waiting for them.

use std::io::Read;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use crate::clock::Deadline;

/// What arrived.
pub(crate) enum Chunk {
    /// Some bytes.
    Bytes(Vec<u8>),
    /// The other end is closed.
    Closed,
    /// Nothing before the deadline.
    TimedOut,
}

/// A source read by a thread of its own, so that one can stop waiting for it.
pub(crate) struct Stream(Receiver<Vec<u8>>);

/// How many unread pieces may pile up before the reader waits, and with it the guest.
const BACKLOG: usize = 256;

impl Stream {
    /// Starts reading `source`. The thread ends with the source or with the last reader.
    pub(crate) fn reading(mut source: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::sync_channel(BACKLOG);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A pseudo-terminal reports the other end's closing as an error (EIO).
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next bytes.
    pub(crate) fn next(&self, deadline: Deadline) -> Chunk {
        match self.0.recv_timeout(deadline.remaining()) {
            Ok(bytes) => Chunk::Bytes(bytes),
            Err(RecvTimeoutError::Disconnected) => Chunk::Closed,
            Err(RecvTimeoutError::Timeout) => Chunk::TimedOut,
        }
    }
}
