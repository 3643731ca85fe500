//! The signal that files send: to whoever writes into the void.

/// Tells the current thread that nobody will read what it writes (SIGPIPE).
pub fn broken_pipe() {}
