//! virtio-net (Virtual I/O Device 1.2, section 5.1): what can be said without a device.
//!
//! Here are the parts that are plain values: the [`header`] in front of every frame, and
//! which [`features`] a driver accepts of those a device offers. **There is no driver yet**:
//! no queues, no DMA, no link kind. A stack's only links today are loopback, dummy, veth
//! and bridge.
#![no_std]
#![forbid(unsafe_code)]

pub mod features;
pub mod header;

pub use features::{Features, Unusable, negotiate};
pub use header::{BadHeader, GsoType, Header};
