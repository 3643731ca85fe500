//! Wait queues.
//!
//! The rule that loses no wake-up: a waiter first enters the queue, then looks at the
//! condition, then sleeps; whoever makes the condition true does so before it wakes. A
//! wake-up between the look and the sleep is remembered by the waiter's waker.
//!
//! A waiter that leaves without having got what it waited for (signal, timeout) passes
//! on a `wake_one` it may have swallowed.

use alloc::collections::VecDeque;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use ostd::sync::{LocalIrqDisabled, SpinLock, Waiter, Waker};

use crate::prelude::*;
use crate::process::{Thread, try_current};
use crate::time::{Instant, cancel, now, wake_at};

/// Something that can be told that there is news. May be called in interrupts and under
/// spin locks: an implementation marks and wakes, nothing more.
pub trait Notify: Send + Sync {
    /// Tells it; true if that made a difference to someone.
    fn notify(&self) -> bool;
}

impl Notify for Waker {
    fn notify(&self) -> bool {
        self.wake_up()
    }
}

/// Those who wait for one kind of news.
pub struct WaitQueue {
    /// How many wait, so that waking nobody takes no lock.
    len: AtomicUsize,
    waiting: SpinLock<VecDeque<Arc<dyn Notify>>, LocalIrqDisabled>,
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitQueue {
    /// A queue with nobody in it.
    #[must_use]
    pub const fn new() -> Self {
        Self { len: AtomicUsize::new(0), waiting: SpinLock::new(VecDeque::new()) }
    }

    /// Adds someone to be notified once. The caller must look at its condition after this.
    pub fn add(&self, waiter: Arc<dyn Notify>) {
        let mut waiting = self.waiting.lock();
        waiting.push_back(waiter);
        self.len.store(waiting.len(), Ordering::Relaxed);
        // Orders the entry before the caller's look at its condition; pairs with `is_empty`.
        fence(Ordering::SeqCst);
    }

    /// Takes a waiter out. False if it was not there any more, so has been notified.
    pub fn remove(&self, waiter: &Arc<dyn Notify>) -> bool {
        let mut waiting = self.waiting.lock();
        let Some(index) = waiting.iter().position(|other| Arc::ptr_eq(other, waiter)) else {
            return false;
        };
        let removed = waiting.remove(index);
        self.len.store(waiting.len(), Ordering::Relaxed);
        drop(waiting);
        drop(removed);
        true
    }

    /// Whether nobody waits. What the caller wrote before is visible to whoever is added later.
    fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        self.len.load(Ordering::Relaxed) == 0
    }

    fn pop(&self) -> Option<Arc<dyn Notify>> {
        let mut waiting = self.waiting.lock();
        let first = waiting.pop_front();
        self.len.store(waiting.len(), Ordering::Relaxed);
        first
    }

    /// Wakes the one who has waited longest. False if there was nobody.
    pub fn wake_one(&self) -> bool {
        if self.is_empty() {
            return false;
        }
        while let Some(waiter) = self.pop() {
            if waiter.notify() {
                return true;
            }
        }
        false
    }

    /// Wakes all who wait now.
    pub fn wake_all(&self) {
        if self.is_empty() {
            return;
        }
        let count = self.waiting.lock().len();
        for _ in 0..count {
            let Some(waiter) = self.pop() else { return };
            waiter.notify();
        }
    }

    /// Waits until `condition` gives a value.
    ///
    /// # Errors
    /// `EINTR` if a signal is to be handled first, `ETIMEDOUT` at the deadline. Either
    /// way the condition was false after the last look.
    pub fn wait_until<R>(
        &self,
        deadline: Option<Instant>,
        mut condition: impl FnMut() -> Option<R>,
    ) -> Result<R> {
        if let Some(value) = condition() {
            return Ok(value);
        }
        self.wait_slow(Sleeper::new(), deadline, &mut condition)
    }

    /// Waits until `condition` gives a value, whatever signals arrive.
    pub fn wait_uninterruptible<R>(&self, mut condition: impl FnMut() -> Option<R>) -> R {
        if let Some(value) = condition() {
            return value;
        }
        match self.wait_slow(Sleeper::uninterruptible(), None, &mut condition) {
            Ok(value) => value,
            Err(_) => unreachable!("neither a signal nor a deadline can end this wait"),
        }
    }

    /// Waits until `condition` gives a value, or the thread is to leave.
    ///
    /// # Errors
    /// `EINTR` if it is.
    pub fn wait_killable<R>(&self, mut condition: impl FnMut() -> Option<R>) -> Result<R> {
        if let Some(value) = condition() {
            return Ok(value);
        }
        self.wait_slow(Sleeper::killable(), None, &mut condition)
    }

    fn wait_slow<R>(
        &self,
        sleeper: Sleeper,
        deadline: Option<Instant>,
        condition: &mut dyn FnMut() -> Option<R>,
    ) -> Result<R> {
        let waiter = sleeper.waker();
        self.add(waiter.clone());
        loop {
            if let Some(value) = condition() {
                self.remove(&waiter);
                return Ok(value);
            }
            let slept = sleeper.sleep(deadline);
            let was_notified = !self.remove(&waiter);
            if let Err(error) = slept {
                if let Some(value) = condition() {
                    return Ok(value);
                }
                if was_notified {
                    self.wake_one();
                }
                return Err(error);
            }
            self.add(waiter.clone());
        }
    }
}

/// The current task's way to sleep until one of several things happens: hand
/// [`waker`](Self::waker) to each of them, look whether there is something to do, then
/// [`sleep`](Self::sleep).
pub struct Sleeper {
    waiter: Waiter,
    waker: Arc<Waker>,
    /// The thread whose signals end the sleep.
    interruptible: Option<Arc<Thread>>,
    /// Whether only its end does.
    only_killable: bool,
}

impl Sleeper {
    /// A sleeper that signals wake. In a kernel task there are none.
    #[must_use]
    pub fn new() -> Self {
        let mut sleeper = Self::uninterruptible();
        sleeper.interruptible = try_current();
        if let Some(thread) = &sleeper.interruptible {
            thread.set_sleeping(Some(sleeper.waker.clone()));
        }
        sleeper
    }

    /// A sleeper that only the thread's end wakes.
    #[must_use]
    pub fn killable() -> Self {
        let mut sleeper = Self::new();
        sleeper.only_killable = true;
        sleeper
    }

    /// A sleeper that signals do not wake.
    #[must_use]
    pub fn uninterruptible() -> Self {
        let (waiter, waker) = Waiter::new_pair();
        Self { waiter, waker, interruptible: None, only_killable: false }
    }

    /// What to hand to wait queues.
    #[must_use]
    pub fn waker(&self) -> Arc<dyn Notify> {
        self.waker.clone()
    }

    /// Sleeps until notified; returns at once if that happened since the last sleep.
    ///
    /// # Errors
    /// `EINTR` if a signal is to be handled, `ETIMEDOUT` at the deadline.
    pub fn sleep(&self, deadline: Option<Instant>) -> Result<()> {
        let is_due = |thread: &Arc<Thread>| {
            thread.has_signal()
                && (!self.only_killable || thread.is_killed() || thread.process().is_exiting())
        };
        if self.interruptible.as_ref().is_some_and(is_due) {
            return Err(Errno::EINTR);
        }
        match deadline {
            None => self.waiter.wait(),
            Some(deadline) if deadline <= now() => return Err(Errno::ETIMEDOUT),
            Some(deadline) => {
                let alarm = wake_at(deadline, self.waker());
                self.waiter.wait();
                cancel(alarm);
            }
        }
        Ok(())
    }
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(thread) = &self.interruptible {
            thread.set_sleeping(None);
        }
    }
}
