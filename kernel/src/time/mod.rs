//! Time: the monotonic and the wall clock, and timers to the microsecond.
//!
//! Time is read from the processor's time-stamp counter, calibrated against the
//! HPET at boot; it never depends on counting interrupts, which a loaded host loses.
//! Timers of all processors share one ordered queue and one HPET comparator.

mod clock;
mod hpet;
mod itimer;
mod rtc;
mod syscalls;
mod timer;

pub use clock::{now, realtime, set_realtime};
pub use itimer::IntervalTimers;
pub use syscalls::{CALLS, read_timespec, write_timespec};
pub use timer::{Timer, cancel, wake_at};
pub use warren_platform::{Duration, Instant};

/// Finds the HPET, calibrates the clock and starts the timer interrupt.
///
/// Called once, on the first processor, before any task runs.
pub(crate) fn init() {
    let hpet = hpet::Hpet::find().expect("the machine has an HPET: it is the only one-shot timer");
    clock::init(&hpet);
    timer::init(hpet);
}

/// Starts the task that runs timer callbacks; needs the scheduler.
pub(crate) fn start_timer_task() {
    timer::start_task();
}
