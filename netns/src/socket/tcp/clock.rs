//! The clock shown to the protocol engine.
//!
//! smoltcp's smallest retransmission timeout is one second (RFC 6298), Linux's is 200 ms.
//! The engine takes the time as an argument, so an established connection is shown a clock
//! that runs five times faster; everything the engine measures and waits for scales with
//! it. Before that the clock is true: SYNs are repeated after 1, 3, 7, ... seconds, as on
//! Linux.

use smoltcp::time::Instant as EngineInstant;
use warren_platform::{Duration, Instant};

/// How much faster the clock of an established connection runs.
const RATE: u64 = 5;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    since: Instant,
    /// Microseconds shown at `since`.
    shown: i64,
    rate: u64,
}

impl Clock {
    /// A true clock that starts at `now`.
    pub(super) const fn new(now: Instant) -> Self {
        // Some way past zero: the engine takes zero for "at once".
        Self { since: now, shown: 1_000_000, rate: 1 }
    }

    /// Runs fast from `now` on. Idempotent.
    pub(super) fn speed_up(&mut self, now: Instant) {
        if self.rate != RATE {
            *self = Self { since: now, shown: self.show(now).total_micros(), rate: RATE };
        }
    }

    /// What the engine is shown at `now`.
    pub(super) fn show(&self, now: Instant) -> EngineInstant {
        let passed = now.since(self.since).as_micros();
        let scaled = i64::try_from(passed.saturating_mul(u128::from(self.rate)));
        EngineInstant::from_micros(self.shown.saturating_add(scaled.unwrap_or(i64::MAX / 2)))
    }

    /// When the clock will show `at`; `now` if it does already. Rounded up, so that a timer
    /// set for the result finds its time come.
    pub(super) fn when(&self, at: EngineInstant, now: Instant) -> Instant {
        let left = at.total_micros().saturating_sub(self.show(now).total_micros());
        match u64::try_from(left) {
            Ok(left) if left > 0 => now + Duration::from_micros(left.div_ceil(self.rate).max(1)),
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sped_up_clock_goes_on_from_where_it_was() {
        let start = Instant::from_millis(500);
        let mut clock = Clock::new(start);
        let later = start + Duration::from_secs(2);
        let shown = clock.show(later);
        clock.speed_up(later);
        assert_eq!(clock.show(later), shown);
        clock.speed_up(later + Duration::from_secs(1));
        let second = shown + smoltcp::time::Duration::from_secs(1);
        assert_eq!(clock.when(second, later), later + Duration::from_millis(200));
        assert_eq!(clock.show(later + Duration::from_millis(200)), second);
        assert_eq!(clock.when(shown, later), later);
    }
}
