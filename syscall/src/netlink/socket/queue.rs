//! A socket's receive queue: bounded in bytes, overrun in Linux's way.
//!
//! What does not fit is lost, and the reader is told once with ENOBUFS; until the queue has
//! been read empty nothing more is taken, so that a listener that lost something
//! resynchronises instead of limping on (Linux: `netlink_overrun`, NETLINK_S_CONGESTED).

use alloc::collections::VecDeque;
use alloc::sync::Arc;

/// What a datagram is charged beyond its bytes, so that empty ones cost something
/// (Linux charges the buffer's true size).
const OVERHEAD: usize = 512;

/// A datagram on its way to user space.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// The sender's port: 0 is the kernel.
    pub port: u32,
    /// The multicast group it was sent to, or 0.
    pub group: u32,
    /// Process, user and group of the sender: zeros for the kernel.
    pub credentials: [u32; 3],
}

impl Incoming {
    /// What the kernel says to `group`, or to one socket.
    pub(super) const fn from_kernel(bytes: Arc<[u8]>, group: u32) -> Self {
        Self { bytes, port: 0, group, credentials: [0; 3] }
    }
}

/// Whether a datagram was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(super) enum Admission {
    /// It is queued.
    Queued,
    /// It is lost; `report` says that the reader has to be told now.
    Lost {
        /// The first loss since the queue was last empty.
        report: bool,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    datagrams: VecDeque<Incoming>,
    charged: usize,
    congested: bool,
}

impl Queue {
    /// Queues a datagram if `limit` bytes are not exceeded yet.
    pub(super) fn push(&mut self, datagram: Incoming, limit: usize) -> Admission {
        let full = self.congested || self.charged > limit || self.datagrams.try_reserve(1).is_err();
        if full {
            let report = !self.congested;
            self.congested = true;
            return Admission::Lost { report };
        }
        self.charged += datagram.bytes.len() + OVERHEAD;
        self.datagrams.push_back(datagram);
        Admission::Queued
    }

    /// The next datagram, which stays.
    #[must_use]
    pub(super) fn peek(&self) -> Option<Incoming> {
        self.datagrams.front().cloned()
    }

    /// The next datagram.
    pub(super) fn pop(&mut self) -> Option<Incoming> {
        let datagram = self.datagrams.pop_front()?;
        self.charged -= datagram.bytes.len() + OVERHEAD;
        self.congested &= !self.datagrams.is_empty();
        Some(datagram)
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Whether a dump may go on: at most half of `limit` is waiting to be read.
    #[must_use]
    pub(super) const fn has_room_for_dump(&self, limit: usize) -> bool {
        self.charged <= limit / 2
    }

    /// Takes datagrams again after a loss (`NETLINK_NO_ENOBUFS` was set).
    pub(super) const fn forgive(&mut self) {
        self.congested = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(len: usize) -> Incoming {
        Incoming::from_kernel(alloc::vec![0; len].into(), 1)
    }

    #[test]
    fn a_loss_is_reported_once_and_lasts_until_the_queue_is_empty() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(datagram(600), 1_000), Admission::Queued);
        assert_eq!(queue.push(datagram(600), 1_000), Admission::Lost { report: true });
        assert_eq!(queue.push(datagram(1), 9_000), Admission::Lost { report: false });
        assert!(queue.pop().is_some() && queue.pop().is_none());
        assert_eq!(queue.push(datagram(1), 1_000), Admission::Queued);
    }
}
