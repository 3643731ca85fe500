//! The only place of xtask that reads the clock or waits.
//!
//! The rest of the workspace takes `now` as an argument (clippy.toml bans the ambient clock);
//! xtask watches real machines in real time, so it needs one, and needs it only here.
#![allow(clippy::disallowed_methods, reason = "xtask supervises QEMU in real time")]

use std::time::{Duration, Instant};

/// A moment after which one stops waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The moment `wait` from now.
    pub(crate) fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }

    /// What is left until then; zero when it has passed.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The earlier of two deadlines.
    pub(crate) fn sooner(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

/// Measures how long something took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits a little before looking again.
pub(crate) fn pause(wait: Duration) {
    std::thread::sleep(wait);
}
