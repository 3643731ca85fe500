//! Test frames: Ethernet frames of a protocol nobody speaks, so that what a link receives
//! is counted by it and by nobody else.

use std::sync::Arc;

use warren_netns::{Link, MacAddr, Stack};
use warren_packet::Packet;

/// EtherType for local experiments (IEEE 802): no L3 takes it.
pub const EXPERIMENT: u16 = 0x88b5;

/// Bytes of a test frame.
pub const LEN: usize = 60;

/// A frame of [`LEN`] bytes.
///
/// # Panics
/// If the pool is exhausted.
#[must_use]
pub fn frame(stack: &Stack, source: MacAddr, destination: MacAddr) -> Packet {
    sized(stack, source, destination, LEN)
}

/// A frame of `len` bytes.
///
/// # Panics
/// If the pool is exhausted or `len` is shorter than an Ethernet header.
#[must_use]
pub fn sized(stack: &Stack, source: MacAddr, destination: MacAddr, len: usize) -> Packet {
    let mut packet = stack.pool().take(len).expect("the pool is large");
    let bytes = packet.bytes_mut();
    bytes.fill(0);
    bytes[..6].copy_from_slice(&destination.0);
    bytes[6..12].copy_from_slice(&source.0);
    bytes[12..14].copy_from_slice(&EXPERIMENT.to_be_bytes());
    packet
}

/// A frame from one link's station to another's.
#[must_use]
pub fn between(stack: &Stack, from: &Arc<Link>, to: &Arc<Link>) -> Packet {
    frame(stack, from.mac(), to.mac())
}

/// A station's address that belongs to no link.
#[must_use]
pub const fn station(number: u16) -> MacAddr {
    let [high, low] = number.to_be_bytes();
    MacAddr([0x02, 0x5a, 0, 0, high, low])
}
