//! Sockets as system calls see them.

pub mod message;
