//! Which pages of memory are free: a bitmap with two summaries above it.
//!
//! One free page is found in three looks; runs of pages are found first-fit. All free
//! memory is visible to whoever asks: there are no private stocks that could leave one
//! processor without memory while another has plenty.

/// Bits in a word.
const BITS: usize = 64;

/// The free pages among the first `WORDS * 64`; `MIDDLE` is `WORDS / 64`.
///
/// Bit `n` of a summary says whether word `n` of the level below is not zero.
pub struct FreeMap<const WORDS: usize, const MIDDLE: usize> {
    pages: [u64; WORDS],
    middle: [u64; MIDDLE],
    free: usize,
}

impl<const WORDS: usize, const MIDDLE: usize> Default for FreeMap<WORDS, MIDDLE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize, const MIDDLE: usize> FreeMap<WORDS, MIDDLE> {
    /// How many pages it can know.
    pub const CAPACITY: usize = WORDS * BITS;

    /// A map without free pages.
    #[must_use]
    pub const fn new() -> Self {
        assert!(MIDDLE * BITS == WORDS, "the summary covers the map");
        Self { pages: [0; WORDS], middle: [0; MIDDLE], free: 0 }
    }

    /// How many pages are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free
    }

    /// Takes `count` pages that follow each other, the first a multiple of `align`.
    pub fn take(&mut self, count: usize, align: usize) -> Option<usize> {
        let first = if count == 1 && align == 1 { self.first()? } else { self.run(count, align)? };
        self.mark(first, count, false);
        self.free -= count;
        Some(first)
    }

    /// Gives `count` pages back, or in the first place.
    ///
    /// # Panics
    /// If they are beyond the map's capacity.
    pub fn give(&mut self, first: usize, count: usize) {
        assert!(first + count <= Self::CAPACITY, "pages beyond the map");
        self.mark(first, count, true);
        self.free += count;
    }

    fn is_free(&self, page: usize) -> bool {
        self.pages[page / BITS] & (1 << (page % BITS)) != 0
    }

    /// The lowest free page.
    fn first(&self) -> Option<usize> {
        let (index, summary) = self.middle.iter().enumerate().find(|(_, word)| **word != 0)?;
        let word = index * BITS + summary.trailing_zeros() as usize;
        Some(word * BITS + self.pages[word].trailing_zeros() as usize)
    }

    /// The lowest word at or after `from` that has a free page.
    fn next_word(&self, from: usize) -> Option<usize> {
        let mut index = from / BITS;
        let mut summary = *self.middle.get(index)? & (u64::MAX << (from % BITS));
        while summary == 0 {
            index += 1;
            summary = *self.middle.get(index)?;
        }
        Some(index * BITS + summary.trailing_zeros() as usize)
    }

    /// The lowest run of free pages that fits.
    fn run(&self, count: usize, align: usize) -> Option<usize> {
        let mut at = 0;
        loop {
            let word = self.next_word(at / BITS)?;
            at = at.max(word * BITS).next_multiple_of(align);
            if at + count > Self::CAPACITY {
                return None;
            }
            match (at..at + count).rev().find(|&page| !self.is_free(page)) {
                None => return Some(at),
                // No run that fits starts before the last page in the way.
                Some(taken) => at = (taken + 1).next_multiple_of(align),
            }
            if at >= Self::CAPACITY {
                return None;
            }
        }
    }

    fn mark(&mut self, first: usize, count: usize, free: bool) {
        let mut page = first;
        let end = first + count;
        while page < end {
            let (word, bit) = (page / BITS, page % BITS);
            let width = (BITS - bit).min(end - page);
            let mask = (u64::MAX >> (BITS - width)) << bit;
            let bits = &mut self.pages[word];
            debug_assert_eq!(*bits & mask, if free { 0 } else { mask }, "page state mixed up");
            *bits = if free { *bits | mask } else { *bits & !mask };
            let summary = 1 << (word % BITS);
            if *bits == 0 {
                self.middle[word / BITS] &= !summary;
            } else {
                self.middle[word / BITS] |= summary;
            }
            page += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Small = FreeMap<64, 1>;

    #[test]
    fn pages_are_taken_lowest_first_until_none_is_left() {
        let mut map = Small::new();
        assert_eq!(map.take(1, 1), None);
        map.give(100, 3);
        assert_eq!([map.take(1, 1), map.take(1, 1)], [Some(100), Some(101)]);
        map.give(100, 1);
        assert_eq!([map.take(1, 1), map.take(1, 1), map.take(1, 1)], [Some(100), Some(102), None]);
        assert_eq!(map.free(), 0);
    }

    #[test]
    fn runs_cross_words_and_avoid_what_is_taken() {
        let mut map = Small::new();
        map.give(10, 300);
        assert_eq!(map.take(130, 1), Some(10));
        assert_eq!(map.take(170, 1), Some(140));
        map.give(10, 50);
        map.give(200, 40);
        assert_eq!(map.take(51, 1), None);
        assert_eq!(map.take(40, 1), Some(10));
        assert_eq!(map.take(40, 1), Some(200));
        assert_eq!(map.free(), 10);
    }

    #[test]
    fn runs_start_at_multiples_of_their_alignment() {
        let mut map = Small::new();
        map.give(5, 100);
        assert_eq!(map.take(16, 16), Some(16));
        assert_eq!(map.take(16, 32), Some(32));
        assert_eq!(map.take(16, 32), Some(64));
        assert_eq!(map.take(16, 32), None);
    }

    #[test]
    fn the_last_page_can_be_had_and_nothing_beyond() {
        let mut map = Small::new();
        map.give(Small::CAPACITY - 2, 2);
        assert_eq!(map.take(3, 1), None);
        assert_eq!(map.take(2, 1), Some(Small::CAPACITY - 2));
    }

    #[test]
    fn random_traffic_never_hands_a_page_out_twice() {
        let mut map = Small::new();
        map.give(0, Small::CAPACITY);
        let mut held = alloc::vec::Vec::new();
        let mut owned = [false; Small::CAPACITY];
        let mut state = 12345_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let roll = (state >> 33) as usize;
            if !roll.is_multiple_of(3) {
                let count = roll / 3 % 9 + 1;
                if let Some(first) = map.take(count, 1) {
                    for page in &mut owned[first..first + count] {
                        assert!(!core::mem::replace(page, true));
                    }
                    held.push((first, count));
                }
            } else if !held.is_empty() {
                let (first, count) = held.swap_remove(roll / 3 % held.len());
                owned[first..first + count].fill(false);
                map.give(first, count);
            }
        }
        assert_eq!(map.free(), owned.iter().filter(|page| !**page).count());
    }
}
