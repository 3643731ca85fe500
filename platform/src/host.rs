//! The host's side of the bargain: [`Platform`], and the two small objects that cross it.
//!
//! [`Observer::notify`] is called with no lock of the core held. Everything else may be
//! called under one, so none of it may block or call back into the core.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::time::Instant;

/// A CPU of the host, numbered from zero without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CpuId(pub u16);

/// What a host lends the core.
pub trait Platform: core::fmt::Debug + Send + Sync + 'static {
    /// How many CPUs there are; constant for the life of a stack, at least one.
    fn cpu_count(&self) -> u16;

    /// The CPU this call runs on. May be stale the moment it returns where the host
    /// preempts; the core uses it for locality, never for exclusion.
    fn current_cpu(&self) -> CpuId;

    /// Fills `buffer` with unpredictable bytes (a CSPRNG in a kernel, a seed in a test).
    fn fill_random(&self, buffer: &mut [u8]);

    /// A CPU's NAPI list has work that no running poller will pick up: let the CPU's NAPI
    /// thread run `Stack::run_napi`. Called after the work is visible; may be called
    /// often, must be cheap when the thread is awake already.
    fn wake_napi(&self, cpu: CpuId);

    /// Starts a thread that keeps time for one namespace: it calls [`Keeper::step`] and
    /// sleeps as told, until the step says [`KeeperStep::Exit`]. The returned handle
    /// ends a sleep early. `None` if the host has no thread to give; the core asks again
    /// at the next deadline.
    fn start_keeper(&self, keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>>;
}

/// The body of a deadline thread. It only keeps time: a due deadline schedules NAPI.
pub trait Keeper: Send + 'static {
    /// One turn at `now`; says how long to sleep. Never blocks.
    fn step(&mut self, now: Instant) -> KeeperStep;
}

/// What a deadline thread does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum KeeperStep {
    /// Sleep until the instant, or until woken.
    SleepUntil(Instant),
    /// Sleep until woken: no deadline is pending.
    Sleep,
    /// The namespace is gone: end the thread.
    Exit,
}

/// Ends the sleep of one thread. A wake that comes before the sleep must not be lost.
pub trait Wake: core::fmt::Debug + Send + Sync + 'static {
    /// Wakes the thread, now or at its next attempt to sleep.
    fn wake(&self);
}

bitflags::bitflags! {
    /// What a socket can do without waiting, in the words of poll(2).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Readiness: u16 {
        /// Something to read or to accept, or the end of the stream (POLLIN).
        const IN = 0x001;
        /// Urgent data (POLLPRI).
        const PRI = 0x002;
        /// Room to write (POLLOUT).
        const OUT = 0x004;
        /// An error is pending (POLLERR).
        const ERR = 0x008;
        /// Both directions are shut (POLLHUP).
        const HUP = 0x010;
        /// The peer will send no more (POLLRDHUP).
        const RDHUP = 0x2000;
    }
}

/// Who wants to hear that a socket's readiness changed. Called once per change, with no
/// lock of the core held, possibly from another CPU; must not call back into the socket.
pub trait Observer: core::fmt::Debug + Send + Sync + 'static {
    /// `news` are the conditions that became true.
    fn notify(&self, news: Readiness);
}
