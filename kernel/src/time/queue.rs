//! An ordered queue of deadlines: pure data, no clock.

use alloc::collections::BTreeMap;

use super::Instant;

/// Names one entry of a [`TimerQueue`]; orders by deadline, then by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlarmId {
    deadline: Instant,
    sequence: u64,
}

impl AlarmId {
    /// When the entry is due.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// Deadlines with something to do at each. Inserting, removing and taking the first
/// cost O(log n).
pub(super) struct TimerQueue<T> {
    entries: BTreeMap<AlarmId, T>,
    next_sequence: u64,
}

impl<T> TimerQueue<T> {
    pub(super) const fn new() -> Self {
        Self { entries: BTreeMap::new(), next_sequence: 0 }
    }

    /// Adds an entry; true if it is now the first.
    pub(super) fn insert(&mut self, deadline: Instant, action: T) -> (AlarmId, bool) {
        let id = AlarmId { deadline, sequence: self.next_sequence };
        self.next_sequence += 1;
        self.entries.insert(id, action);
        (id, self.first_deadline() == Some(deadline))
    }

    /// Takes an entry out before it is due. `None` if it was taken already.
    pub(super) fn remove(&mut self, id: AlarmId) -> Option<T> {
        self.entries.remove(&id)
    }

    /// Takes the first entry if it is due at `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<T> {
        let first = self.entries.first_entry()?;
        (first.key().deadline <= now).then(|| first.remove())
    }

    /// The earliest deadline.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(id, _)| id.deadline)
    }
}
