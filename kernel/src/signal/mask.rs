//! Waiting with another signal mask: sigsuspend(2), ppoll(2) and their like.

use super::SignalSet;
use crate::prelude::*;
use crate::process::Thread;

/// Runs `wait` with the signal mask `mask`, if there is one.
///
/// If a signal interrupts it the mask stays until that signal has been delivered, so that
/// a handler runs that only this mask lets through; it then comes back to the old mask.
///
/// # Errors
/// Those of `wait`.
pub fn with_mask<R>(
    thread: &Arc<Thread>,
    mask: Option<SignalSet>,
    wait: impl FnOnce() -> Result<R>,
) -> Result<R> {
    let Some(mask) = mask else { return wait() };
    let previous = thread.set_signal_mask(mask);
    let result = wait();
    if matches!(result, Err(Errno::EINTR)) && thread.has_signal() {
        thread.signals.lock().saved_mask = Some(previous);
    } else {
        thread.set_signal_mask(previous);
    }
    result
}
