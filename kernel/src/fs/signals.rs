//! The signal that files send: to whoever writes into the void.

use crate::process::current;
use crate::signal::{SigInfo, Signal, send_to_thread};

/// Tells the current thread that nobody will read what it writes (SIGPIPE).
pub fn broken_pipe() {
    // Queueing fails only for real-time signals, of which this is none.
    let _queued = send_to_thread(&current(), SigInfo::kernel(Signal::PIPE));
}
