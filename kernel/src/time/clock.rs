//! The clocks: time-stamp counter to nanoseconds, and the offset of the wall clock.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use ostd::arch::read_tsc;
use spin::Once;

use super::hpet::Hpet;
use super::{Instant, rtc};

/// How counter ticks become nanoseconds: `ticks * multiplier >> 32`.
struct Calibration {
    boot_ticks: u64,
    multiplier: u64,
}

static CALIBRATION: Once<Calibration> = Once::new();
/// Nanoseconds between the epoch and boot, by the wall clock.
static BOOT_REALTIME: AtomicU64 = AtomicU64::new(0);

const CALIBRATION_SPAN: Duration = Duration::from_millis(20);

pub(super) fn init(hpet: &Hpet) {
    let boot_ticks = read_tsc();
    let frequency = u128::from(measure_tsc(hpet)).max(1);
    let multiplier = (1_000_000_000_u128 << 32) / frequency;
    CALIBRATION.call_once(|| Calibration {
        boot_ticks,
        multiplier: u64::try_from(multiplier).expect("a counter is faster than 1 Hz"),
    });
    let wall = rtc::read().as_nanos() - since_boot().as_nanos();
    BOOT_REALTIME.store(wall as u64, Ordering::Relaxed);
}

/// Ticks of the time-stamp counter per second, measured by the HPET.
fn measure_tsc(hpet: &Hpet) -> u64 {
    let (tsc_start, hpet_start) = read_pair(hpet);
    let span = hpet.ticks_in(CALIBRATION_SPAN);
    while hpet.counter() - hpet_start < span {
        core::hint::spin_loop();
    }
    let (tsc_end, hpet_end) = read_pair(hpet);
    let per_second = u128::from(hpet.ticks_in(Duration::from_secs(1)));
    (u128::from(tsc_end - tsc_start) * per_second / u128::from(hpet_end - hpet_start)) as u64
}

/// Reads both counters at nearly the same moment: the closest of several tries.
fn read_pair(hpet: &Hpet) -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..16 {
        let before = read_tsc();
        let counter = hpet.counter();
        let width = read_tsc() - before;
        if width < best.0 {
            best = (width, before + width / 2, counter);
        }
    }
    (best.1, best.2)
}

/// The monotonic clock: time since boot. Zero before calibration.
#[must_use]
pub fn now() -> Instant {
    let Some(calibration) = CALIBRATION.get() else { return Instant::default() };
    let ticks = read_tsc().saturating_sub(calibration.boot_ticks);
    Instant::from_nanos(((u128::from(ticks) * u128::from(calibration.multiplier)) >> 32) as u64)
}

/// Time since boot.
fn since_boot() -> Duration {
    now().since(Instant::ZERO)
}

/// The wall clock: time since the epoch.
#[must_use]
pub fn realtime() -> Duration {
    Duration::from_nanos(BOOT_REALTIME.load(Ordering::Relaxed)) + since_boot()
}

/// Sets the wall clock; the monotonic clock is not affected.
pub fn set_realtime(wall: Duration) {
    let boot = wall.saturating_sub(since_boot());
    BOOT_REALTIME.store(boot.as_nanos() as u64, Ordering::Relaxed);
}
