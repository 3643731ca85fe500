//! The ownership word of a NAPI instance: SCHED, MISSED, DISABLED.
//!
//! Whoever turns SCHED on owns the instance and must see to it that it is polled exactly
//! until [`State::complete`] says so. Everyone else who has news only leaves MISSED, and
//! the owner polls once more. DISABLED refuses new owners; it is set by
//! [`State::try_disable`] only while nobody owns.

use core::sync::atomic::{AtomicU8, Ordering};

const SCHED: u8 = 1;
const MISSED: u8 = 2;
const DISABLED: u8 = 4;

/// See the module.
#[derive(Debug)]
pub struct State(AtomicU8);

/// What a poller that found nothing more does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Completion {
    /// Ownership is given up.
    Done,
    /// News came while polling: still the owner, poll again.
    Again,
}

impl State {
    /// Enabled and idle.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// Announces news. `true`: the caller now owns the instance and must have it polled.
    /// `false`: an owner exists and will poll once more, or the instance is disabled.
    #[must_use]
    pub fn schedule(&self) -> bool {
        let next = |bits: u8| match bits {
            bits if bits & DISABLED != 0 => None,
            bits if bits & SCHED != 0 => Some(bits | MISSED),
            bits => Some(bits | SCHED),
        };
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) {
            Ok(before) => before & SCHED == 0,
            Err(_) => false,
        }
    }

    /// The owner starts a poll: news before this moment is about to be seen.
    pub fn begin_poll(&self) {
        self.0.fetch_and(!MISSED, Ordering::AcqRel);
    }

    /// The owner found nothing more.
    pub fn complete(&self) -> Completion {
        let next = |bits: u8| (bits & MISSED == 0).then_some(bits & !SCHED);
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) {
            Ok(_) => Completion::Done,
            Err(_) => Completion::Again,
        }
    }

    /// The owner gives up without polling (its target is gone or going).
    pub fn abandon(&self) {
        self.0.fetch_and(!(SCHED | MISSED), Ordering::AcqRel);
    }

    /// Refuses owners from now on; `false` if there is one, then nothing changed.
    #[must_use]
    pub fn try_disable(&self) -> bool {
        let next = |bits: u8| (bits & SCHED == 0).then_some(bits | DISABLED);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }

    /// Accepts owners again. News that came meanwhile was refused: look for it afterwards.
    pub fn enable(&self) {
        self.0.fetch_and(!DISABLED, Ordering::AcqRel);
    }

    pub(super) fn is_scheduled(&self) -> bool {
        self.0.load(Ordering::Acquire) & SCHED != 0
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_schedule_owns_and_the_rest_leave_missed() {
        let state = State::new();
        assert!(state.schedule());
        assert!(!state.schedule());
        assert_eq!(state.complete(), Completion::Again);
        state.begin_poll();
        assert_eq!(state.complete(), Completion::Done);
        assert!(state.schedule());
    }

    #[test]
    fn a_disabled_instance_has_no_owner_until_enabled() {
        let state = State::new();
        assert!(state.schedule());
        assert!(!state.try_disable());
        state.abandon();
        assert!(state.try_disable());
        assert!(!state.schedule());
        state.enable();
        assert!(state.schedule());
    }
}
