//! What travels beside a packet's bytes.

use core::num::NonZeroU16;

/// The state of the transport checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// The bytes come from outside the machine and nobody has looked yet.
    #[default]
    Unverified,
    /// Verified, by us or by a device.
    Verified,
    /// Born in this machine: not computed, and not needed until the packet leaves it. The
    /// transport header starts at network header + IP header length.
    NotComputed,
}

/// A super-segment: cut into pieces of `size` payload bytes where it leaves the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gso {
    /// Transport payload bytes of each segment but the last.
    pub size: NonZeroU16,
}

/// What travels beside a packet's bytes. All of it describes this one packet; nothing
/// here may outlive a crossing into another namespace except `checksum` and `gso`
/// (see [`Meta::scrub`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Meta {
    /// State of the transport checksum.
    pub checksum: Checksum,
    /// Present on super-segments.
    pub gso: Option<Gso>,
    /// Queueing priority (SO_PRIORITY).
    pub priority: u32,
    /// Firewall mark (SO_MARK).
    pub mark: u32,
}

impl Meta {
    /// Forgets what must not leak into another namespace (Linux: `skb_scrub_packet`).
    #[must_use]
    pub const fn scrub(self) -> Self {
        Self { checksum: self.checksum, gso: self.gso, priority: 0, mark: 0 }
    }
}
