//! The queue of one end: frames on their way to it, bounded in number and in bytes.
//!
//! Invariant: a shut queue is empty and takes nothing, so no frame can be left behind by a
//! sender that looked at the receiver's flags just before it went down.

use alloc::collections::VecDeque;

use warren_packet::Packet;

/// Frames that may wait (Linux hands veth frames to the backlog: `netdev_max_backlog`).
pub(crate) const MAX_FRAMES: usize = 1_000;

/// Frame bytes that may wait: 64 super-segments. Without it one queue of super-segments
/// could hold the whole packet pool.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// Why a frame was not taken. Either way it is the caller's again.
#[derive(Debug)]
#[must_use]
pub(crate) enum Refused {
    /// The bound is reached or memory is short.
    Full(Packet),
    /// The receiving end is down.
    Shut(Packet),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct FrameQueue {
    frames: VecDeque<Packet>,
    bytes: usize,
    open: bool,
}

impl FrameQueue {
    /// Takes a frame, or gives it back.
    pub(crate) fn push(&mut self, frame: Packet) -> Result<(), Refused> {
        if !self.open {
            return Err(Refused::Shut(frame));
        }
        let full = self.frames.len() >= MAX_FRAMES || self.bytes >= MAX_BYTES;
        if full || self.frames.try_reserve(1).is_err() {
            return Err(Refused::Full(frame));
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
        Ok(())
    }

    /// The oldest frame.
    pub(crate) fn pop(&mut self) -> Option<Packet> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Takes frames from now on.
    pub(crate) const fn open(&mut self) {
        self.open = true;
    }

    /// Takes no more frames and hands over what waited, to be dropped outside the lock.
    pub(crate) fn shut(&mut self) -> VecDeque<Packet> {
        self.open = false;
        self.bytes = 0;
        core::mem::take(&mut self.frames)
    }
}

#[cfg(test)]
mod tests {
    use warren_packet::Pool;

    use super::*;

    fn frame(pool: &alloc::sync::Arc<Pool>, len: usize) -> Packet {
        pool.take(len).expect("the pool is large")
    }

    #[test]
    fn a_queue_is_bounded_in_frames_and_gives_the_surplus_back() {
        let pool = Pool::new(64 << 20);
        let mut queue = FrameQueue::default();
        queue.open();
        for _ in 0..MAX_FRAMES {
            queue.push(frame(&pool, 60)).expect("below the bound");
        }
        assert!(matches!(queue.push(frame(&pool, 60)), Err(Refused::Full(_))));
        assert!(queue.pop().is_some());
        queue.push(frame(&pool, 60)).expect("there is room again");
    }

    #[test]
    fn a_queue_is_bounded_in_bytes() {
        let pool = Pool::new(64 << 20);
        let mut queue = FrameQueue::default();
        queue.open();
        let mut taken = 0;
        while queue.push(frame(&pool, 65_000)).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, MAX_BYTES / 65_000 + 1);
        while queue.pop().is_some() {}
        queue.push(frame(&pool, 65_000)).expect("an empty queue has room");
    }

    #[test]
    fn a_shut_queue_is_empty_and_takes_nothing() {
        let pool = Pool::new(1 << 20);
        let mut queue = FrameQueue::default();
        assert!(matches!(queue.push(frame(&pool, 60)), Err(Refused::Shut(_))));
        queue.open();
        queue.push(frame(&pool, 60)).expect("open");
        assert_eq!(queue.shut().len(), 1);
        assert!(matches!(queue.push(frame(&pool, 60)), Err(Refused::Shut(_))));
        assert!(queue.pop().is_none());
        assert_eq!(pool.stats().outstanding, 0);
    }
}
