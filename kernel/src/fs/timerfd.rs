//! timerfd_create(2): a timer to wait for like for any file.
//!
//! Expirations are counted from the clock when somebody reads; the kernel's timer only
//! tells pollers and readers that the next one has come.

use alloc::format;

use ostd::mm::VmWriter;
use ostd::sync::SpinLock;

use super::anon::open_anonymous;
use super::file::{File, OpenFile, OpenFlags, copy_out};
use super::poll::{Events, Pollee, Poller};
use crate::prelude::*;
use crate::time::{Duration, Instant, Timer, now};

/// When the timer expires next, and how often after that (zero: not again).
#[derive(Clone, Copy, Default)]
struct Setting {
    next: Option<Instant>,
    interval: Duration,
}

impl Setting {
    /// How often it expired until `now`; the next expiration is moved behind that.
    fn take_expirations(&mut self, now: Instant) -> u64 {
        let Some(next) = self.next.filter(|next| *next <= now) else { return 0 };
        if self.interval.is_zero() {
            self.next = None;
            return 1;
        }
        let further = now.since(next).as_nanos() / self.interval.as_nanos();
        let count = u64::try_from(further).unwrap_or(u64::MAX - 1) + 1;
        let span = u128::from(count).saturating_mul(self.interval.as_nanos());
        self.next = Some(next + Duration::from_nanos(u64::try_from(span).unwrap_or(u64::MAX)));
        count
    }

    fn left(&self, now: Instant) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.since(now))
    }
}

/// A timer as a file.
pub struct TimerFd {
    setting: SpinLock<Setting>,
    pollee: Arc<Pollee>,
    timer: Timer,
    /// Whether absolute times are on the wall clock.
    realtime: bool,
}

/// Makes a timer that is not running.
#[must_use]
pub fn new_timerfd(realtime: bool, flags: OpenFlags) -> Arc<OpenFile> {
    let pollee = Arc::new(Pollee::new());
    let told = pollee.clone();
    let timer = Timer::new(move || told.notify(Events::READABLE));
    let setting = SpinLock::new(Setting::default());
    open_anonymous("[timerfd]", Box::new(TimerFd { setting, pollee, timer, realtime }), flags)
}

impl TimerFd {
    /// Whether absolute times are on the wall clock.
    #[must_use]
    pub fn is_realtime(&self) -> bool {
        self.realtime
    }

    /// Starts, changes or (without a `next`) stops the timer. Answers what was set
    /// before: the interval and what was left.
    pub fn set(&self, next: Option<Instant>, interval: Duration) -> (Duration, Duration) {
        let mut setting = self.setting.lock();
        let previous = *setting;
        *setting = Setting { next, interval };
        drop(setting);
        self.arm(next);
        (previous.interval, previous.left(now()))
    }

    /// The interval and what is left until the next expiration.
    #[must_use]
    pub fn get(&self) -> (Duration, Duration) {
        let setting = *self.setting.lock();
        (setting.interval, setting.left(now()))
    }

    fn arm(&self, next: Option<Instant>) {
        match next {
            Some(next) => self.timer.set(next),
            None => self.timer.cancel(),
        }
    }
}

impl File for TimerFd {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        if to.avail() < 8 {
            return Err(Errno::EINVAL);
        }
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        let (count, next) = self.pollee.wait(Events::READABLE, nonblocking, None, || {
            let mut setting = self.setting.lock();
            let count = setting.take_expirations(now());
            (count > 0).then_some((count, setting.next))
        })?;
        self.arm(next);
        copy_out(&count.to_ne_bytes(), to)
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.pollee.register(poller);
        let expired = self.setting.lock().next.is_some_and(|next| next <= now());
        if expired { Events::READABLE } else { Events::empty() }
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn fdinfo(&self) -> String {
        let (interval, left) = self.get();
        let pair = |span: Duration| format!("({}, {})", span.as_secs(), span.subsec_nanos());
        format!("it_value: {}\nit_interval: {}\n", pair(left), pair(interval))
    }
}
