//! The signals that files send: to whoever writes into the void, and from terminals.

use crate::prelude::*;

/// Tells the writer that nobody will read.
pub(super) fn broken_pipe() {}
