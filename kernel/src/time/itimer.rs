//! Interval timers: setitimer(2) and alarm(2).
//!
//! The real-time timer is a [`Timer`]. The two that count processor time are looked at
//! by a timer that fires no later than they could run out: a process with `n` threads
//! uses at most `n` seconds of processor a second.

use ostd::sync::{LocalIrqDisabled, SpinLock};

use super::{Duration, Instant, Timer, now};
use crate::prelude::*;
use crate::process::Process;
use crate::signal::{SigInfo, Signal, send_to_process};

/// How often processor time is compared with what was asked for.
const SAMPLING: Duration = Duration::from_millis(10);

/// Which clock an interval timer runs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Time as it passes: SIGALRM.
    Real,
    /// Time in user code: SIGVTALRM.
    Virtual,
    /// Processor time: SIGPROF.
    Profiling,
}

/// How long until a timer fires, and how often after that; zero for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Until it fires.
    pub value: Duration,
    /// Between one firing and the next.
    pub interval: Duration,
}

/// A setting of a processor-time timer: at how much time used it fires, and the interval.
#[derive(Clone, Copy, Default)]
struct Budget {
    at: Option<Duration>,
    interval: Duration,
}

#[derive(Default)]
struct Settings {
    real_interval: Duration,
    user: Budget,
    total: Budget,
}

/// The interval timers of a process.
pub struct IntervalTimers {
    process: Weak<Process>,
    settings: SpinLock<Settings, LocalIrqDisabled>,
    real: SpinLock<Option<Arc<Timer>>, LocalIrqDisabled>,
    sampler: SpinLock<Option<Arc<Timer>>, LocalIrqDisabled>,
}

impl IntervalTimers {
    /// Timers that are not set.
    #[must_use]
    pub fn new(process: Weak<Process>) -> Self {
        Self {
            process,
            settings: SpinLock::new(Settings::default()),
            real: SpinLock::new(None),
            sampler: SpinLock::new(None),
        }
    }

    /// What a timer is set to.
    #[must_use]
    pub fn get(&self, clock: Clock) -> Setting {
        let used = self.used(clock);
        let deadline = self.real.lock().as_ref().and_then(|timer| timer.deadline());
        let settings = self.settings.lock();
        match clock {
            Clock::Real => Setting {
                value: deadline.map_or(Duration::ZERO, |at| at.since(now())),
                interval: settings.real_interval,
            },
            Clock::Virtual => settings.user.remaining(used),
            Clock::Profiling => settings.total.remaining(used),
        }
    }

    /// Sets a timer; gives what it was set to.
    pub fn set(&self, clock: Clock, setting: Setting) -> Setting {
        let previous = self.get(clock);
        if clock == Clock::Real {
            self.settings.lock().real_interval = setting.interval;
            self.set_real(setting.value);
            return previous;
        }
        let at = (!setting.value.is_zero()).then(|| self.used(clock) + setting.value);
        let budget = Budget { at, interval: setting.interval };
        let mut settings = self.settings.lock();
        match clock {
            Clock::Virtual => settings.user = budget,
            Clock::Real | Clock::Profiling => settings.total = budget,
        }
        drop(settings);
        self.sample_again();
        previous
    }

    fn set_real(&self, value: Duration) {
        let timer = if value.is_zero() {
            self.real.lock().clone()
        } else {
            Some(self.timer_in(&self.real, |timers| timers.fire_real()))
        };
        match timer {
            Some(timer) if value.is_zero() => timer.cancel(),
            Some(timer) => timer.set(now() + value),
            None => {}
        }
    }

    /// The timer in `slot`, made when first needed.
    fn timer_in(
        &self,
        slot: &SpinLock<Option<Arc<Timer>>, LocalIrqDisabled>,
        fire: fn(&Self),
    ) -> Arc<Timer> {
        let process = self.process.clone();
        let made = Arc::new(Timer::new(move || {
            if let Some(process) = process.upgrade() {
                fire(&process.timers);
            }
        }));
        slot.lock().get_or_insert(made).clone()
    }

    fn fire_real(&self) {
        let interval = self.settings.lock().real_interval;
        if !interval.is_zero() {
            self.set_real(interval);
        }
        self.send(Signal::ALRM);
    }

    fn sample(&self) {
        let (user, total) = (self.used(Clock::Virtual), self.used(Clock::Profiling));
        let (user_due, total_due) = {
            let mut settings = self.settings.lock();
            (settings.user.take_due(user), settings.total.take_due(total))
        };
        if user_due {
            self.send(Signal::VTALRM);
        }
        if total_due {
            self.send(Signal::PROF);
        }
        self.sample_again();
    }

    /// Looks again soon, if a processor-time timer is set.
    fn sample_again(&self) {
        let is_set = {
            let settings = self.settings.lock();
            settings.user.at.is_some() || settings.total.at.is_some()
        };
        if is_set {
            self.timer_in(&self.sampler, Self::sample).set(now() + SAMPLING);
        }
    }

    fn used(&self, clock: Clock) -> Duration {
        let times = self.process.upgrade().map_or_else(Default::default, |own| own.times());
        match clock {
            Clock::Real => now().since(Instant::ZERO),
            Clock::Virtual => times.user,
            Clock::Profiling => times.user + times.system,
        }
    }

    fn send(&self, signal: Signal) {
        if let Some(process) = self.process.upgrade() {
            send_to_process(&process, SigInfo::kernel(signal));
        }
    }

    /// Stops all of them; the process has ended.
    pub fn cancel_all(&self) {
        let real = self.real.lock().take();
        let sampler = self.sampler.lock().take();
        for timer in [real, sampler].into_iter().flatten() {
            timer.cancel();
        }
    }
}

impl Budget {
    fn remaining(&self, used: Duration) -> Setting {
        // A timer that is due and not yet noticed is still set.
        let least = Duration::from_micros(1);
        let value = self.at.map_or(Duration::ZERO, |at| at.saturating_sub(used).max(least));
        Setting { value, interval: self.interval }
    }

    /// Whether it is due; then it is set for the next time, or not at all.
    fn take_due(&mut self, used: Duration) -> bool {
        let due = self.at.is_some_and(|at| at <= used);
        if due {
            self.at = (!self.interval.is_zero()).then(|| used + self.interval);
        }
        due
    }
}
