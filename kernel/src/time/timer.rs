//! Alarms: waking a task at a deadline, or running a callback then.
//!
//! The interrupt only wakes: sleeping tasks directly, and the timer task for
//! callbacks, so that those may take locks like any kernel code.

use alloc::collections::VecDeque;

use ostd::sync::{LocalIrqDisabled, SpinLock};
use spin::Once;
pub use warren_kernel_core::timers::AlarmId;
use warren_kernel_core::timers::TimerQueue;

use super::hpet::Hpet;
use super::{Instant, now};
use crate::prelude::*;
use crate::sync::{Notify, WaitQueue};

enum Action {
    Wake(Arc<dyn Notify>),
    Run(Weak<TimerState>, u64),
}

static QUEUE: SpinLock<TimerQueue<Action>, LocalIrqDisabled> = SpinLock::new(TimerQueue::new());
static HPET: Once<Hpet> = Once::new();
/// Timers that came due and wait for the timer task: which, and which setting of it.
static EXPIRED: SpinLock<VecDeque<(Arc<TimerState>, u64)>, LocalIrqDisabled> =
    SpinLock::new(VecDeque::new());
static HAS_EXPIRED: WaitQueue = WaitQueue::new();

pub(super) fn init(hpet: Hpet) {
    let hpet = HPET.call_once(|| hpet);
    let line = hpet.connect(on_interrupt).expect("comparator 0 can interrupt through the IOAPIC");
    // The timer interrupt is needed until power-off.
    core::mem::forget(line);
    // A comparator set to a moment that passes meanwhile may stay silent; the tick
    // bounds how late anything can be then.
    ostd::timer::register_callback_on_cpu(on_interrupt);
}

pub(super) fn start_task() {
    crate::sched::spawn_kernel("timers", None, || {
        loop {
            let (timer, setting) = HAS_EXPIRED.wait_uninterruptible(|| EXPIRED.lock().pop_front());
            timer.fire(setting);
        }
    });
}

/// Acts on everything that is due and arms the comparator for the next deadline.
fn on_interrupt() {
    loop {
        let due = {
            let mut queue = QUEUE.lock();
            match queue.take_due(now()) {
                Some(action) => action,
                None => {
                    let Some(next) = queue.first_deadline() else { return };
                    if arm(next) {
                        return;
                    }
                    continue;
                }
            }
        };
        match due {
            Action::Wake(notify) => {
                notify.notify();
            }
            Action::Run(timer, setting) => {
                if let Some(timer) = timer.upgrade() {
                    EXPIRED.lock().push_back((timer, setting));
                    HAS_EXPIRED.wake_one();
                }
            }
        }
    }
}

/// Arms the comparator; false if `deadline` has passed.
fn arm(deadline: Instant) -> bool {
    let Some(hpet) = HPET.get() else { return true };
    hpet.arm(deadline.since(now()))
}

fn enqueue(deadline: Instant, action: Action) -> AlarmId {
    let (id, missed) = {
        let mut queue = QUEUE.lock();
        let (id, is_first) = queue.insert(deadline, action);
        (id, is_first && !arm(deadline))
    };
    if missed {
        on_interrupt();
    }
    id
}

/// Notifies `target` at `deadline`, from the timer interrupt. [`cancel`] it when it is
/// no longer wanted.
#[must_use = "an alarm that is not cancelled keeps its target alive until it fires"]
pub fn wake_at(deadline: Instant, target: Arc<dyn Notify>) -> AlarmId {
    enqueue(deadline, Action::Wake(target))
}

/// Withdraws an alarm; nothing happens if it has fired.
pub fn cancel(id: AlarmId) {
    let action = QUEUE.lock().remove(id);
    // Dropped here, after the lock: the target may be the last reference to something big.
    drop(action);
}

struct TimerState {
    /// The alarm in the queue, and the number of the setting it belongs to.
    armed: SpinLock<(Option<AlarmId>, u64), LocalIrqDisabled>,
    callback: Box<dyn Fn() + Send + Sync>,
}

impl TimerState {
    /// Runs the callback unless the timer was set again or cancelled since `setting`.
    fn fire(&self, setting: u64) {
        {
            let mut armed = self.armed.lock();
            if armed.1 != setting {
                return;
            }
            armed.0 = None;
        }
        (self.callback)();
    }
}

/// A timer that can be set again and again, and runs its callback in the timer task.
///
/// Dropping the timer cancels it. The callback may set it anew.
pub struct Timer {
    state: Arc<TimerState>,
}

impl Timer {
    /// A timer that is not set.
    pub fn new(callback: impl Fn() + Send + Sync + 'static) -> Self {
        let callback = Box::new(callback);
        Self { state: Arc::new(TimerState { armed: SpinLock::new((None, 0)), callback }) }
    }

    /// Sets the timer to fire at `deadline`, instead of when it was set to before.
    pub fn set(&self, deadline: Instant) {
        let mut armed = self.state.armed.lock();
        let previous = armed.0.take();
        armed.1 += 1;
        let setting = armed.1;
        // The alarm may fire before its id is stored; it then finds `armed.0` empty or
        // stale, and a later cancel of it does nothing.
        armed.0 = Some(enqueue(deadline, Action::Run(Arc::downgrade(&self.state), setting)));
        drop(armed);
        previous.map(cancel).unwrap_or_default();
    }

    /// Takes the setting back; the callback does not run any more for it.
    pub fn cancel(&self) {
        let previous = {
            let mut armed = self.state.armed.lock();
            armed.1 += 1;
            armed.0.take()
        };
        previous.map(cancel).unwrap_or_default();
    }

    /// When the timer will fire.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.state.armed.lock().0.map(|id| id.deadline())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.cancel();
    }
}
