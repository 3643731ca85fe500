//! The simulated host: CPUs that are words, randomness from a seed, keepers and NAPI
//! threads that run when stepped.

use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use warren_netns::Stack;
use warren_netns::napi::Outcome;
use warren_platform::{CpuId, Instant, Keeper, KeeperStep, Platform, Wake};

use crate::random::Random;

/// Ends one keeper's sleep.
#[derive(Debug, Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(&self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Sleeper {
    keeper: Box<dyn Keeper>,
    bell: Arc<Bell>,
    /// `None`: until woken.
    until: Option<Instant>,
}

/// See the module.
pub struct Host {
    cpu: AtomicU16,
    cpu_count: u16,
    random: Mutex<Random>,
    /// One per CPU: its NAPI thread was woken.
    napi_bells: Vec<AtomicBool>,
    sleepers: Mutex<Vec<Sleeper>>,
    /// Keepers started since the last step.
    newborn: Mutex<Vec<Sleeper>>,
}

impl core::fmt::Debug for Host {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Host({} CPUs)", self.cpu_count)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A test that panicked while holding it has failed already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// A host with `cpu_count` CPUs whose randomness is that of `seed`.
    #[must_use]
    pub fn new(cpu_count: u16, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            cpu: AtomicU16::new(0),
            cpu_count,
            random: Mutex::new(Random::new(seed)),
            napi_bells: (0..cpu_count).map(|_| AtomicBool::new(false)).collect(),
            sleepers: Mutex::default(),
            newborn: Mutex::default(),
        })
    }

    /// Has the next calls run on `cpu`.
    pub fn run_on(&self, cpu: CpuId) {
        assert!(cpu.0 < self.cpu_count, "no such CPU");
        self.cpu.store(cpu.0, Ordering::Release);
    }

    /// Runs the NAPI threads that were woken and the keepers that were woken or are due,
    /// until none is, at one instant.
    pub fn settle(&self, stack: &Stack, now: Instant) {
        // A bound far above any legitimate work: a livelock is a failure, not a hang.
        for _ in 0..10_000 {
            if !self.run_napi_threads(stack, now) && !self.step_keepers(now) {
                return;
            }
        }
        panic!("work that never ends at {now:?}");
    }

    fn run_napi_threads(&self, stack: &Stack, now: Instant) -> bool {
        let before = self.current_cpu();
        let mut ran = false;
        for cpu in (0..self.cpu_count).map(CpuId) {
            if self.napi_bells[usize::from(cpu.0)].swap(false, Ordering::AcqRel) {
                ran = true;
                self.run_on(cpu);
                if stack.run_napi(cpu, now) == Outcome::More {
                    self.wake_napi(cpu);
                }
            }
        }
        self.run_on(before);
        ran
    }

    fn step_keepers(&self, now: Instant) -> bool {
        let mut sleepers = core::mem::take(&mut *lock(&self.sleepers));
        sleepers.append(&mut lock(&self.newborn));
        let mut ran = false;
        sleepers.retain_mut(|sleeper| {
            let woken = sleeper.bell.0.swap(false, Ordering::AcqRel);
            if !woken && sleeper.until.is_none_or(|until| until > now) {
                return true;
            }
            ran = true;
            match sleeper.keeper.step(now) {
                KeeperStep::SleepUntil(at) => sleeper.until = Some(at),
                KeeperStep::Sleep => sleeper.until = None,
                KeeperStep::Exit => return false,
            }
            true
        });
        *lock(&self.sleepers) = sleepers;
        ran
    }

    /// When the first keeper's sleep ends by itself.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Instant> {
        lock(&self.sleepers).iter().filter_map(|sleeper| sleeper.until).min()
    }

    /// Until when the keepers sleep, the earliest first; those that wait to be woken are
    /// left out.
    #[must_use]
    pub fn alarms(&self) -> Vec<Instant> {
        let mut alarms: Vec<_> = lock(&self.sleepers).iter().filter_map(|s| s.until).collect();
        alarms.sort_unstable();
        alarms
    }

    /// How many keepers live.
    #[must_use]
    pub fn keeper_count(&self) -> usize {
        lock(&self.sleepers).len() + lock(&self.newborn).len()
    }
}

impl Platform for Host {
    fn cpu_count(&self) -> u16 {
        self.cpu_count
    }

    fn current_cpu(&self) -> CpuId {
        CpuId(self.cpu.load(Ordering::Acquire))
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        let mut random = lock(&self.random);
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&random.next().to_le_bytes()[..chunk.len()]);
        }
    }

    fn wake_napi(&self, cpu: CpuId) {
        self.napi_bells[usize::from(cpu.0)].store(true, Ordering::Release);
    }

    fn start_keeper(&self, keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>> {
        let bell = Arc::new(Bell::default());
        let until = Some(Instant::ZERO);
        lock(&self.newborn).push(Sleeper { keeper, bell: bell.clone(), until });
        Some(bell)
    }
}
