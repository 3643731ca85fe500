//! Warren: syscall.
#![no_std]
#![forbid(unsafe_code)]
