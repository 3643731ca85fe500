//! How a process ended.

use crate::signal::Signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It called exit(2).
    Exited(u8),
    /// A signal ended it.
    Killed(Signal),
}

impl ExitStatus {
    /// As wait(2) encodes it.
    #[must_use]
    pub fn to_wait(self) -> i32 {
        match self {
            Self::Exited(code) => i32::from(code) << 8,
            Self::Killed(signal) => signal.number() as i32,
        }
    }

    /// `si_status`: the exit code, or the signal.
    #[must_use]
    pub fn to_info(self) -> i32 {
        match self {
            Self::Exited(code) => i32::from(code),
            Self::Killed(signal) => signal.number() as i32,
        }
    }
}
