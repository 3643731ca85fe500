//! `ifi_flags` (include/uapi/linux/if.h).

bitflags::bitflags! {
    /// A link's flags. Unknown bits are kept as they are.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct LinkFlags: u32 {
        /// Administratively up.
        const UP = 1 << 0;
        /// Has a broadcast address.
        const BROADCAST = 1 << 1;
        /// The loopback.
        const LOOPBACK = 1 << 3;
        /// Has one peer and no link-layer address resolution.
        const POINTOPOINT = 1 << 4;
        /// Operational (RFC 2863 `up` or `unknown` while UP).
        const RUNNING = 1 << 6;
        /// Speaks no ARP.
        const NOARP = 1 << 7;
        /// Receives all frames.
        const PROMISC = 1 << 8;
        /// Receives all multicast frames.
        const ALLMULTI = 1 << 9;
        /// A port of a load balancer or bond.
        const SLAVE = 1 << 11;
        /// Can multicast.
        const MULTICAST = 1 << 12;
        /// Has carrier.
        const LOWER_UP = 1 << 16;
        /// Driver signals dormant.
        const DORMANT = 1 << 17;
    }
}

impl LinkFlags {
    /// Every bit: how a message says that all of a link is news.
    #[must_use]
    pub const fn all_bits() -> Self {
        Self::from_bits_retain(u32::MAX)
    }
}
