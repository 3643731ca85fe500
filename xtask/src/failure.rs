//! Errors that say what went wrong and what to do next.

use std::{fmt, io};

/// The exit status when a guest does not come back in time, as timeout(1) has it.
pub(crate) const TIMED_OUT: u8 = 124;
/// The exit status when the guest itself failed: it panicked, hung, reset, or never started.
pub(crate) const GUEST_FAILED: u8 = 125;

/// Something that could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    next: Option<String>,
    status: u8,
}

/// A result whose error already speaks to the reader.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure, described in one sentence (or a sentence and an excerpt below it).
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), next: None, status: 1 }
    }

    /// Says what the reader can do about it.
    pub(crate) fn advise(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Ends the process with another status than 1.
    pub(crate) fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The exit status this failure ends the process with.
    pub(crate) fn status(&self) -> u8 {
        self.status
    }

    /// What the reader can do about it, where that is known.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Turns an operating system error into a [`Failure`] by saying what was being attempted.
pub(crate) trait Attempt<T> {
    /// `attempt` completes the sentence "could not ...".
    fn attempting(self, attempt: impl fmt::Display) -> Outcome<T>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempting(self, attempt: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure::new(format!("could not {attempt}: {error}")))
    }
}
