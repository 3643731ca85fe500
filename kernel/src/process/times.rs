//! Processor time, as times(2), getrusage(2) and wait4(2) tell it.

use core::ops::Add;

use crate::time::Duration;

/// How many clock ticks the ABI counts in a second (`USER_HZ`).
pub const TICKS_PER_SECOND: u64 = 100;

/// Time spent in user code and in the kernel on its behalf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// In user code.
    pub user: Duration,
    /// In the kernel.
    pub system: Duration,
}

impl Times {
    /// Both in clock ticks: user, system.
    #[must_use]
    pub fn to_ticks(self) -> [u64; 2] {
        [self.user, self.system].map(ticks)
    }
}

/// A span in clock ticks, rounded down.
#[must_use]
pub fn ticks(span: Duration) -> u64 {
    (span.as_nanos() / u128::from(1_000_000_000 / TICKS_PER_SECOND)) as u64
}

impl Add for Times {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }
}
