//! The packet buffer: one frame on its way through the machine, owned by whoever holds it.
//!
//! A [`Packet`] has room in front for headers ([`HEADROOM`]), knows whether its checksum
//! was computed and whether it is a super-segment ([`meta`]), and goes back to its
//! [`Pool`] when dropped. Moving a packet between devices moves the buffer, never bytes.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod buffer;
pub mod meta;
mod pool;

pub use buffer::{HEADROOM, MAX_FRAME, Packet};
pub use meta::{Checksum, Gso, Meta};
pub use pool::{NoBuffer, Pool, PoolStats};
