//! Which ranges of an address space are mapped, and to what: an ordered map of
//! areas, all page-aligned, none overlapping, neighbours that continue each other
//! joined.
//!
//! The map knows nothing of page tables. Every change hands back what it displaced, so
//! that the caller can unmap exactly that.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use bitflags::bitflags;

bitflags! {
    /// How an area may be used: `PROT_*` of mmap(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Protection: u32 {
        /// `PROT_READ`
        const READ = 1;
        /// `PROT_WRITE`
        const WRITE = 2;
        /// `PROT_EXEC`
        const EXEC = 4;
    }
}

/// What lies behind an area.
pub trait Backing: Clone {
    /// What lies behind the area from `bytes` further on.
    #[must_use]
    fn advanced(&self, bytes: usize) -> Self;

    /// Whether `next` is what would lie behind the `len` bytes that follow, so that two
    /// areas are one.
    fn continues_as(&self, len: usize, next: &Self) -> bool;
}

/// A mapped range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area<B> {
    /// Which addresses.
    pub range: Range<usize>,
    /// What may be done there.
    pub protection: Protection,
    /// What lies there.
    pub backing: B,
}

impl<B: Backing> Area<B> {
    /// Length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no area is empty")]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// The part of this area inside `range`, which must not miss it.
    fn part(&self, range: &Range<usize>) -> Self {
        let start = self.range.start.max(range.start);
        let end = self.range.end.min(range.end);
        let backing = self.backing.advanced(start - self.range.start);
        Self { range: start..end, protection: self.protection, backing }
    }

    fn joins(&self, next: &Self) -> bool {
        self.range.end == next.range.start
            && self.protection == next.protection
            && self.backing.continues_as(self.len(), &next.backing)
    }
}

/// The areas of an address space.
#[derive(Clone, Debug)]
pub struct AreaMap<B> {
    areas: BTreeMap<usize, Area<B>>,
    bytes: usize,
}

impl<B> Default for AreaMap<B> {
    fn default() -> Self {
        Self { areas: BTreeMap::new(), bytes: 0 }
    }
}

impl<B: Backing> AreaMap<B> {
    /// How many areas there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.areas.len()
    }

    /// How many bytes are mapped.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All areas, in order of address.
    pub fn iter(&self) -> impl Iterator<Item = &Area<B>> {
        self.areas.values()
    }

    /// The area that contains `addr`.
    #[must_use]
    pub fn find(&self, addr: usize) -> Option<&Area<B>> {
        let (_, area) = self.areas.range(..=addr).next_back()?;
        area.range.contains(&addr).then_some(area)
    }

    /// The first area that starts above `addr`.
    #[must_use]
    pub fn next_above(&self, addr: usize) -> Option<&Area<B>> {
        self.areas.range(addr.checked_add(1)?..).next().map(|(_, area)| area)
    }

    /// The areas that overlap `range`, whole.
    pub fn overlapping(&self, range: Range<usize>) -> impl Iterator<Item = &Area<B>> {
        let first = self.find(range.start).map_or(range.start, |area| area.range.start);
        self.areas.range(first..range.end.max(first)).map(|(_, area)| area)
    }

    /// Whether nothing of `range` is mapped.
    #[must_use]
    pub fn is_free(&self, range: &Range<usize>) -> bool {
        self.overlapping(range.clone()).next().is_none()
    }

    /// Whether all of `range` is mapped.
    #[must_use]
    pub fn is_covered(&self, range: &Range<usize>) -> bool {
        let mut reached = range.start;
        for area in self.overlapping(range.clone()) {
            if area.range.start > reached {
                return false;
            }
            reached = area.range.end;
        }
        reached >= range.end
    }

    /// Maps an area where nothing is, joining it to neighbours it continues.
    ///
    /// # Panics
    /// If part of the range is mapped, or the range is empty: the caller looked before.
    pub fn insert(&mut self, mut area: Area<B>) {
        assert!(!area.range.is_empty() && self.is_free(&area.range), "mapping over an area");
        self.bytes += area.len();
        if let Some((&start, below)) = self.areas.range(..area.range.start).next_back()
            && below.joins(&area)
        {
            area.range.start = below.range.start;
            area.backing = below.backing.clone();
            self.areas.remove(&start);
        }
        if let Some(above) = self.areas.get(&area.range.end)
            && area.joins(above)
        {
            let start = area.range.end;
            area.range.end = above.range.end;
            self.areas.remove(&start);
        }
        self.areas.insert(area.range.start, area);
    }

    /// Unmaps `range` and hands out the parts of areas that were there.
    pub fn remove(&mut self, range: &Range<usize>) -> Vec<Area<B>> {
        let touched: Vec<usize> =
            self.overlapping(range.clone()).map(|area| area.range.start).collect();
        let mut removed = Vec::with_capacity(touched.len());
        for start in touched {
            let Some(area) = self.areas.remove(&start) else { continue };
            if area.range.start < range.start {
                let below = area.part(&(area.range.start..range.start));
                self.areas.insert(below.range.start, below);
            }
            if area.range.end > range.end {
                let above = area.part(&(range.end..area.range.end));
                self.areas.insert(above.range.start, above);
            }
            let part = area.part(range);
            self.bytes -= part.len();
            removed.push(part);
        }
        removed
    }

    /// Changes the protection of whatever is mapped in `range`.
    pub fn protect(&mut self, range: &Range<usize>, protection: Protection) {
        for mut part in self.remove(range) {
            part.protection = protection;
            self.insert(part);
        }
    }

    /// Lets the area that starts at `start` begin lower, at `to`; the space between must
    /// be free. For stacks.
    ///
    /// # Panics
    /// If there is no such area, or something is in the way.
    pub fn grow_down(&mut self, start: usize, to: usize) {
        assert!(to < start && self.is_free(&(to..start)), "growing into an area");
        let mut area = self.areas.remove(&start).expect("the caller found the area there");
        self.bytes += start - to;
        area.range.start = to;
        self.areas.insert(to, area);
    }

    /// The highest free range of `len` bytes within `bounds`.
    #[must_use]
    pub fn highest_gap(&self, len: usize, bounds: &Range<usize>) -> Option<usize> {
        let mut end = bounds.end;
        for (_, area) in self.areas.range(..bounds.end).rev() {
            if area.range.end < end {
                let floor = area.range.end.max(bounds.start);
                if end >= floor && end - floor >= len {
                    return Some(end - len);
                }
            }
            end = end.min(area.range.start);
            if end <= bounds.start {
                return None;
            }
        }
        (end >= bounds.start && end - bounds.start >= len).then(|| end - len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backing that counts bytes from the start of some file.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct At(usize);

    impl Backing for At {
        fn advanced(&self, bytes: usize) -> Self {
            Self(self.0 + bytes)
        }
        fn continues_as(&self, len: usize, next: &Self) -> bool {
            self.0 + len == next.0
        }
    }

    const RW: Protection = Protection::READ.union(Protection::WRITE);

    fn area(range: Range<usize>, offset: usize) -> Area<At> {
        Area { range, protection: RW, backing: At(offset) }
    }

    fn map(areas: &[(Range<usize>, usize)]) -> AreaMap<At> {
        let mut map = AreaMap::default();
        areas.iter().for_each(|(range, offset)| map.insert(area(range.clone(), *offset)));
        map
    }

    fn ranges(map: &AreaMap<At>) -> Vec<(Range<usize>, usize)> {
        map.iter().map(|area| (area.range.clone(), area.backing.0)).collect()
    }

    #[test]
    fn neighbours_that_continue_each_other_become_one() {
        let joined = map(&[(10..20, 0), (30..40, 20), (20..30, 10)]);
        assert_eq!(ranges(&joined), [(10..40, 0)]);
        assert_eq!(joined.bytes(), 30);
        let apart = map(&[(10..20, 0), (20..30, 50)]);
        assert_eq!(apart.count(), 2);
    }

    #[test]
    fn removing_the_middle_leaves_both_ends_with_their_backing() {
        let mut map = map(&[(10..40, 100)]);
        let removed = map.remove(&(20..30));
        assert_eq!(removed, [area(20..30, 110)]);
        assert_eq!(ranges(&map), [(10..20, 100), (30..40, 120)]);
        assert_eq!(map.bytes(), 20);
    }

    #[test]
    fn removing_spans_areas_and_gaps() {
        let mut map = map(&[(0..10, 0), (20..30, 0), (40..50, 0)]);
        assert_eq!(map.remove(&(5..45)).len(), 3);
        assert_eq!(ranges(&map), [(0..5, 0), (45..50, 5)]);
        assert!(map.remove(&(10..40)).is_empty());
    }

    #[test]
    fn protecting_splits_and_protecting_back_joins() {
        let mut map = map(&[(0..30, 0)]);
        map.protect(&(10..20), Protection::READ);
        assert_eq!(map.count(), 3);
        assert_eq!(map.find(15).map(|area| area.protection), Some(Protection::READ));
        map.protect(&(10..20), RW);
        assert_eq!(ranges(&map), [(0..30, 0)]);
    }

    #[test]
    fn an_address_is_found_in_its_area_and_not_past_its_end() {
        let map = map(&[(10..20, 0), (30..40, 0)]);
        assert!(map.find(9).is_none() && map.find(20).is_none());
        assert_eq!(map.find(19).map(|area| area.range.start), Some(10));
        assert_eq!(map.next_above(20).map(|area| area.range.start), Some(30));
        assert!(map.is_covered(&(12..18)) && !map.is_covered(&(15..35)));
    }

    #[test]
    fn the_highest_gap_that_fits_is_found() {
        let map = map(&[(10..20, 0), (50..60, 0), (90..100, 0)]);
        let bounds = 0..100;
        assert_eq!(map.highest_gap(10, &bounds), Some(80));
        assert_eq!(map.highest_gap(30, &bounds), Some(60));
        assert_eq!(map.highest_gap(31, &bounds), None);
        assert_eq!(map.highest_gap(10, &(0..85)), Some(75));
        assert_eq!(map.highest_gap(10, &(0..55)), Some(40));
        assert_eq!(map.highest_gap(10, &(0..15)), Some(0));
        assert_eq!(map.highest_gap(5, &(12..18)), None);
    }

    #[test]
    fn a_stack_grows_down() {
        let mut map = map(&[(50..60, 0)]);
        map.grow_down(50, 40);
        assert_eq!(map.find(40).map(|area| area.range.clone()), Some(40..60));
        assert_eq!(map.bytes(), 20);
    }
}
