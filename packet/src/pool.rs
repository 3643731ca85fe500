//! The pool: a few hot buffers per size class, last in first out, bounded in total.
//!
//! Invariant: every buffer that left through [`Pool::take`] comes back through
//! `give_back` or dies with the pool; `outstanding` counts those that are out.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use warren_platform::lock::{self, Mutex};

use crate::buffer::{HEADROOM, MAX_FRAME, Packet};

/// Buffer sizes, headroom included: an MTU-1500 frame, a jumbo frame, a super-segment.
const CLASSES: [usize; 3] = [2_048, 10_240, 66_048];
/// Free buffers kept per class; the rest goes back to the allocator.
const KEEP: [usize; 3] = [512, 64, 64];

const _: () = assert!(HEADROOM + MAX_FRAME <= CLASSES[2]);

/// No buffer to be had: the pool is at its bound, the size is above the longest frame, or
/// memory is short. Linux's word for it is ENOBUFS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct NoBuffer;

/// Where packets come from and go back to. One per stack.
#[derive(Debug)]
pub struct Pool {
    free: [Mutex<lock::Pool, Vec<Box<[u8]>>>; 3],
    outstanding: AtomicUsize,
    outstanding_bytes: AtomicUsize,
    limit_bytes: usize,
}

/// A look at the pool, for leak checks and /proc.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PoolStats {
    /// Packets alive.
    pub outstanding: usize,
    /// Buffer bytes behind them.
    pub outstanding_bytes: usize,
}

impl Pool {
    /// A pool whose living packets never hold more than `limit_bytes` of buffers.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            free: [const { Mutex::new(Vec::new()) }; 3],
            outstanding: AtomicUsize::new(0),
            outstanding_bytes: AtomicUsize::new(0),
            limit_bytes,
        })
    }

    /// A packet of `len` bytes behind [`HEADROOM`]. Its bytes are unspecified (whatever
    /// the buffer held before): the caller writes all of them.
    ///
    /// # Errors
    /// [`NoBuffer`] if `len` is above [`MAX_FRAME`], the bound is reached, or memory is
    /// short.
    pub fn take(self: &Arc<Self>, len: usize) -> Result<Packet, NoBuffer> {
        let need = HEADROOM.checked_add(len).ok_or(NoBuffer)?;
        let class = CLASSES.iter().position(|size| need <= *size).ok_or(NoBuffer)?;
        let size = CLASSES[class];
        let before = self.outstanding_bytes.fetch_add(size, Ordering::Relaxed);
        if before + size > self.limit_bytes {
            self.outstanding_bytes.fetch_sub(size, Ordering::Relaxed);
            return Err(NoBuffer);
        }
        let recycled = self.free[class].lock().pop();
        let buffer = match recycled {
            Some(buffer) => buffer,
            None => match fresh(size) {
                Ok(buffer) => buffer,
                Err(error) => {
                    self.outstanding_bytes.fetch_sub(size, Ordering::Relaxed);
                    return Err(error);
                }
            },
        };
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        Ok(Packet::from_parts(buffer, len, self))
    }

    pub(crate) fn give_back(&self, buffer: Box<[u8]>) {
        let size = buffer.len();
        self.outstanding.fetch_sub(1, Ordering::Relaxed);
        self.outstanding_bytes.fetch_sub(size, Ordering::Relaxed);
        if let Some(class) = CLASSES.iter().position(|class| *class == size) {
            let mut free = self.free[class].lock();
            if free.len() < KEEP[class] && free.try_reserve(1).is_ok() {
                free.push(buffer);
            }
        }
    }

    /// How many packets are alive.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        PoolStats {
            outstanding: self.outstanding.load(Ordering::Relaxed),
            outstanding_bytes: self.outstanding_bytes.load(Ordering::Relaxed),
        }
    }
}

fn fresh(size: usize) -> Result<Box<[u8]>, NoBuffer> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| NoBuffer)?;
    bytes.resize(size, 0);
    Ok(bytes.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_pushed_and_popped_in_place() {
        let pool = Pool::new(1 << 20);
        let mut packet = pool.take(4).expect("the pool is empty");
        packet.bytes_mut().copy_from_slice(b"data");
        packet.push_front(2).expect("headroom").copy_from_slice(b"h:");
        assert_eq!(packet.bytes(), b"h:data");
        assert!(packet.pop_front(3));
        assert_eq!(packet.bytes(), b"ata");
        assert!(!packet.pop_front(4));
        packet.truncate(1);
        assert_eq!(packet.bytes(), b"a");
        assert!(packet.push_front(HEADROOM + 8).is_none());
    }

    #[test]
    fn a_dropped_packet_goes_home_and_its_buffer_is_reused() {
        let pool = Pool::new(1 << 20);
        let first = pool.take(100).expect("the pool is empty");
        let address = first.bytes().as_ptr();
        assert_eq!(pool.stats(), PoolStats { outstanding: 1, outstanding_bytes: 2_048 });
        drop(first);
        assert_eq!(pool.stats(), PoolStats::default());
        let second = pool.take(1_500).expect("the pool is empty");
        assert_eq!(second.bytes().as_ptr(), address);
    }

    #[test]
    fn the_bound_and_the_longest_frame_hold() {
        let pool = Pool::new(2 * 2_048);
        let one = pool.take(1).expect("first");
        let copy = one.try_clone().expect("second");
        assert_eq!(pool.take(1).err(), Some(NoBuffer));
        drop((one, copy));
        assert_eq!(pool.take(MAX_FRAME + 1).err(), Some(NoBuffer));
        assert_eq!(pool.stats(), PoolStats::default());
    }
}
