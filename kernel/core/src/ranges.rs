//! Advisory locks on byte ranges of one file (fcntl(2), F_SETLK): which ranges are
//! held, by whom, and what setting or releasing one does to its neighbours.
//!
//! Invariant: the locks of one owner do not overlap and are sorted; neighbours of the
//! same kind are merged.

use alloc::vec::Vec;

/// What a lock allows others to hold on the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Others may read-lock too (F_RDLCK).
    Shared,
    /// Nobody else may lock (F_WRLCK).
    Exclusive,
}

/// A lock held by `owner` on the bytes `start..end`; `end` is `u64::MAX` for "to the
/// end of the file, however it grows".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock<O> {
    /// Who holds it.
    pub owner: O,
    /// What it excludes.
    pub kind: Kind,
    /// First byte.
    pub start: u64,
    /// Byte behind the last.
    pub end: u64,
}

/// All locks on one file.
#[derive(Clone, Debug)]
pub struct Ranges<O> {
    locks: Vec<Lock<O>>,
    limit: usize,
}

/// The file holds as many locks as it may (ENOLCK).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TooManyLocks;

impl<O: Copy + PartialEq> Ranges<O> {
    /// No locks, and room for `limit`.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { locks: Vec::new(), limit }
    }

    /// Whether nobody holds anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }

    /// The first lock that keeps `wanted` from being granted.
    #[must_use]
    pub fn conflict(&self, wanted: &Lock<O>) -> Option<Lock<O>> {
        let conflicts = |held: &&Lock<O>| {
            held.owner != wanted.owner
                && held.start < wanted.end
                && wanted.start < held.end
                && (held.kind == Kind::Exclusive || wanted.kind == Kind::Exclusive)
        };
        self.locks.iter().filter(conflicts).min_by_key(|held| held.start).copied()
    }

    /// Grants `lock`, which has no [`conflict`](Self::conflict), replacing what its
    /// owner held on these bytes.
    pub fn set(&mut self, lock: Lock<O>) -> Result<(), TooManyLocks> {
        // Splitting the owner's old lock in two adds one more beside the new one.
        if self.locks.len() + 2 > self.limit {
            return Err(TooManyLocks);
        }
        self.carve(lock.owner, lock.start, lock.end);
        let mut merged = lock;
        self.locks.retain(|held| {
            let joins = held.owner == merged.owner
                && held.kind == merged.kind
                && held.start <= merged.end
                && merged.start <= held.end;
            if joins {
                merged.start = merged.start.min(held.start);
                merged.end = merged.end.max(held.end);
            }
            !joins
        });
        self.locks.push(merged);
        Ok(())
    }

    /// Releases what `owner` holds on `start..end`.
    pub fn release(&mut self, owner: O, start: u64, end: u64) -> Result<(), TooManyLocks> {
        let splits = |held: &Lock<O>| held.owner == owner && held.start < start && end < held.end;
        if self.locks.iter().any(splits) && self.locks.len() + 1 > self.limit {
            return Err(TooManyLocks);
        }
        self.carve(owner, start, end);
        Ok(())
    }

    /// Releases everything `owner` holds; tells whether there was anything.
    pub fn release_all(&mut self, owner: O) -> bool {
        let before = self.locks.len();
        self.locks.retain(|held| held.owner != owner);
        self.locks.len() != before
    }

    fn carve(&mut self, owner: O, start: u64, end: u64) {
        let mut tail = None;
        self.locks.retain_mut(|held| {
            if held.owner != owner || held.end <= start || end <= held.start {
                return true;
            }
            if end < held.end {
                let rest = Lock { start: end, ..*held };
                if held.start < start {
                    tail = Some(rest);
                } else {
                    *held = rest;
                    return true;
                }
            }
            held.end = held.end.min(start);
            held.start < held.end
        });
        self.locks.extend(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = u64::MAX;

    fn lock(owner: u8, kind: Kind, start: u64, end: u64) -> Lock<u8> {
        Lock { owner, kind, start, end }
    }

    fn held(ranges: &Ranges<u8>) -> Vec<(u8, Kind, u64, u64)> {
        let mut locks: Vec<_> =
            ranges.locks.iter().map(|l| (l.owner, l.kind, l.start, l.end)).collect();
        locks.sort_by_key(|l| (l.0, l.2));
        locks
    }

    #[test]
    fn readers_share_and_writers_exclude() {
        let mut ranges = Ranges::new(8);
        ranges.set(lock(1, Kind::Shared, 0, 10)).unwrap();
        assert_eq!(ranges.conflict(&lock(2, Kind::Shared, 5, 6)), None);
        assert!(ranges.conflict(&lock(2, Kind::Exclusive, 5, 6)).is_some());
        assert_eq!(ranges.conflict(&lock(2, Kind::Exclusive, 10, END)), None);
        assert_eq!(ranges.conflict(&lock(1, Kind::Exclusive, 0, END)), None);
    }

    #[test]
    fn relocking_part_of_a_range_splits_it() {
        let mut ranges = Ranges::new(8);
        ranges.set(lock(1, Kind::Shared, 0, 10)).unwrap();
        ranges.set(lock(1, Kind::Exclusive, 4, 6)).unwrap();
        assert_eq!(
            held(&ranges),
            [(1, Kind::Shared, 0, 4), (1, Kind::Exclusive, 4, 6), (1, Kind::Shared, 6, 10)]
        );
    }

    #[test]
    fn neighbours_of_one_kind_merge() {
        let mut ranges = Ranges::new(8);
        ranges.set(lock(1, Kind::Shared, 0, 4)).unwrap();
        ranges.set(lock(1, Kind::Shared, 8, 10)).unwrap();
        ranges.set(lock(1, Kind::Shared, 4, 8)).unwrap();
        assert_eq!(held(&ranges), [(1, Kind::Shared, 0, 10)]);
    }

    #[test]
    fn releasing_the_middle_leaves_both_ends() {
        let mut ranges = Ranges::new(8);
        ranges.set(lock(1, Kind::Exclusive, 0, END)).unwrap();
        ranges.set(lock(2, Kind::Exclusive, 0, 0)).unwrap();
        ranges.release(1, 10, 20).unwrap();
        assert!(held(&ranges).contains(&(1, Kind::Exclusive, 0, 10)));
        assert!(held(&ranges).contains(&(1, Kind::Exclusive, 20, END)));
    }

    #[test]
    fn an_owner_that_goes_takes_only_its_own_locks() {
        let mut ranges = Ranges::new(8);
        ranges.set(lock(1, Kind::Shared, 0, 10)).unwrap();
        ranges.set(lock(2, Kind::Shared, 0, 10)).unwrap();
        assert!(ranges.release_all(1));
        assert!(!ranges.release_all(1));
        assert_eq!(held(&ranges), [(2, Kind::Shared, 0, 10)]);
    }

    #[test]
    fn the_limit_is_kept_and_a_refusal_changes_nothing() {
        let mut ranges = Ranges::new(3);
        ranges.set(lock(1, Kind::Shared, 0, 10)).unwrap();
        ranges.set(lock(2, Kind::Shared, 0, 10)).unwrap();
        let before = held(&ranges);
        assert_eq!(ranges.set(lock(1, Kind::Exclusive, 4, 6)), Err(TooManyLocks));
        assert_eq!(held(&ranges), before);
    }
}
