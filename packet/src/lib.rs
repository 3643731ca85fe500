//! Warren: packet.
#![no_std]
#![forbid(unsafe_code)]
