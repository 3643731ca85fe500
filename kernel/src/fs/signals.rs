//! The signal that files send: to whoever writes into the void.

use crate::process::try_current;
use crate::signal::{SigInfo, Signal, send_to_thread};

/// Tells the current thread that nobody will read what it writes (SIGPIPE). The write
/// fails with `EPIPE` as well.
pub fn broken_pipe() {
    if let Some(thread) = try_current() {
        // It can only fail for real-time signals.
        let _: crate::prelude::Result<()> = send_to_thread(&thread, SigInfo::kernel(Signal::PIPE));
    }
}
