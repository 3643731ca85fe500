//! NAPI: who polls, and never twice at once.
//!
//! A [`Napi`] instance is one source of frames: a veth end, a virtio queue pair, a loopback,
//! a namespace's deadlines and sending sockets. Its [`state`] says whether somebody owns
//! the right to poll it; the [`manager`] keeps the owned ones on a list per CPU and polls
//! them within budgets.

mod manager;
mod state;

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU16, Ordering};

use crate::cx::Cx;

pub use manager::{Budget, NapiManager, Outcome};
pub use state::{Completion, State};

/// What an instance does when polled.
pub trait Poll: Send + Sync + 'static {
    /// Handles at most `weight` frames and returns how many it handled. A return below
    /// `weight` promises that nothing was left at the moment of the last look; what
    /// arrives after it must call [`NapiManager::schedule`].
    fn poll(&self, weight: usize, cx: &Cx<'_>) -> usize;
}

/// One pollable source of frames.
#[derive(Debug)]
pub struct Napi {
    state: State,
    /// The CPU on whose list it is, while scheduled.
    cpu: AtomicU16,
    weight: u16,
    target: Weak<dyn Poll>,
}

impl Napi {
    /// Frames per poll, as Linux's NAPI_POLL_WEIGHT.
    pub const WEIGHT: u16 = 64;

    /// An enabled instance that polls `target` as long as that lives.
    #[must_use]
    pub fn new(weight: u16, target: Weak<dyn Poll>) -> Arc<Self> {
        debug_assert!(weight > 0);
        Arc::new(Self { state: State::new(), cpu: AtomicU16::new(0), weight, target })
    }

    /// Whether somebody owns the right to poll it.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.state.is_scheduled()
    }

    fn cpu(&self) -> usize {
        usize::from(self.cpu.load(Ordering::Acquire))
    }
}
