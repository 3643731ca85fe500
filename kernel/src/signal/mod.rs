//! Signals (signal(7)): sending them, handling them on the way back to user code, and
//! stopping and continuing processes.
//!
//! Locks, in this order: the process tree, a process's signals, a thread's signals. All
//! are spin locks that keep interrupts off, so signals can be sent from anywhere.

mod actions;
mod deliver;
mod frame;
mod info;
mod mask;
mod send;
mod state;
mod syscalls;

pub use actions::{Action, ActionTable, Disposition};
pub use deliver::{Interrupted, Outcome, deliver};
pub use info::{Code, SIGINFO_LEN, SigInfo};
pub use mask::with_mask;
pub use send::{force, kill_process, send_to_group, send_to_process, send_to_thread};
pub use state::{AltStack, ProcessSignals, Stop, ThreadSignals};
pub use syscalls::{CALLS, read_set};
pub use warren_kernel_core::signals::{Signal, SignalSet};
