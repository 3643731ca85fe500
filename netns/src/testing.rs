//! A host for unit tests: one CPU, a counter for randomness, keepers that are stepped by
//! hand, wake-ups that are counted.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use warren_platform::{CpuId, Instant, Keeper, KeeperStep, Platform, Wake};

use crate::stack::Stack;

#[derive(Debug, Default)]
pub(crate) struct TestWake(pub(crate) AtomicUsize);

impl Wake for TestWake {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
pub(crate) struct TestPlatform {
    random: AtomicU64,
    pub(crate) napi_wakes: AtomicUsize,
    keepers: spin::Mutex<Vec<Box<dyn Keeper>>>,
}

impl core::fmt::Debug for TestPlatform {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TestPlatform")
    }
}

impl Platform for TestPlatform {
    fn cpu_count(&self) -> u16 {
        1
    }

    fn current_cpu(&self) -> CpuId {
        CpuId(0)
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        // SplitMix64: spreads a counter over all bits.
        for chunk in buffer.chunks_mut(8) {
            let seed = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let bytes = (mixed ^ (mixed >> 27)).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    fn wake_napi(&self, _cpu: CpuId) {
        self.napi_wakes.fetch_add(1, Ordering::Relaxed);
    }

    fn start_keeper(&self, keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>> {
        self.keepers.lock().push(keeper);
        Some(Arc::new(TestWake::default()))
    }
}

impl TestPlatform {
    /// Steps every keeper once at `now`, drops those that exit, and says when the next
    /// one wants to be woken.
    pub(crate) fn step_keepers(&self, now: Instant) -> Option<Instant> {
        let mut keepers = core::mem::take(&mut *self.keepers.lock());
        let mut earliest = None;
        keepers.retain_mut(|keeper| match keeper.step(now) {
            KeeperStep::SleepUntil(at) => {
                earliest = Some(earliest.map_or(at, |known: Instant| known.min(at)));
                true
            }
            KeeperStep::Sleep => true,
            KeeperStep::Exit => false,
        });
        self.keepers.lock().extend(keepers);
        earliest
    }

    pub(crate) fn keeper_count(&self) -> usize {
        self.keepers.lock().len()
    }
}

/// A stack on a fresh test host.
pub(crate) fn stack() -> (Arc<Stack>, Arc<TestPlatform>) {
    let platform = Arc::new(TestPlatform::default());
    (Stack::new(platform.clone()), platform)
}
