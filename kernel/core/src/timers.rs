//! An ordered queue of deadlines: what is due, and what is due next.

use alloc::collections::BTreeMap;

use warren_platform::Instant;

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
#[derive(Debug)]
pub struct TimerQueue<T> {
    entries: BTreeMap<AlarmId, T>,
    next_sequence: u64,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> TimerQueue<T> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: BTreeMap::new(), next_sequence: 0 }
    }

    /// Adds an entry; true if its deadline is now the earliest.
    pub fn insert(&mut self, deadline: Instant, action: T) -> (AlarmId, bool) {
        let id = AlarmId { deadline, sequence: self.next_sequence };
        self.next_sequence += 1;
        let is_first = self.first_deadline().is_none_or(|first| deadline < first);
        self.entries.insert(id, action);
        (id, is_first)
    }

    /// Takes an entry out before it is due. `None` if it was taken already.
    pub fn remove(&mut self, id: AlarmId) -> Option<T> {
        self.entries.remove(&id)
    }

    /// Takes the first entry if it is due at `now`.
    pub fn take_due(&mut self, now: Instant) -> Option<T> {
        let first = self.entries.first_entry()?;
        (first.key().deadline <= now).then(|| first.remove())
    }

    /// The earliest deadline.
    #[must_use]
    pub fn first_deadline(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(id, _)| id.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn entries_come_out_in_order_of_deadline_and_then_of_age() {
        let mut queue = TimerQueue::new();
        for (deadline, name) in [(5, 'c'), (3, 'a'), (5, 'd'), (4, 'b')] {
            let _: (AlarmId, bool) = queue.insert(at(deadline), name);
        }
        assert_eq!(queue.take_due(at(2)), None);
        let taken: alloc::string::String = core::iter::from_fn(|| queue.take_due(at(5))).collect();
        assert_eq!(taken, "abcd");
        assert_eq!(queue.first_deadline(), None);
    }

    #[test]
    fn only_an_entry_that_comes_first_says_so() {
        let mut queue = TimerQueue::new();
        assert!(queue.insert(at(5), ()).1);
        assert!(!queue.insert(at(6), ()).1);
        assert!(!queue.insert(at(5), ()).1, "an equal deadline is armed already");
        assert!(queue.insert(at(4), ()).1);
    }

    #[test]
    fn a_removed_entry_is_never_due() {
        let mut queue = TimerQueue::new();
        let (id, _) = queue.insert(at(1), 'x');
        assert_eq!(queue.remove(id), Some('x'));
        assert_eq!(queue.remove(id), None);
        assert_eq!(queue.take_due(at(9)), None);
    }
}
