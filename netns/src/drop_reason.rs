//! Why a frame went no further. Every drop has a name and a counter.

use core::sync::atomic::{AtomicU64, Ordering};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Why a frame went no further.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum DropReason { $($(#[doc = $doc])* $name,)* }

        impl DropReason {
            /// All of them, in the order of their counters.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$name,)*];

            /// The name as counters and traces show it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$name => stringify!($name),)* }
            }
        }
    };
}

reasons! {
    /// The link is administratively down.
    LinkDown,
    /// The link has no carrier: its peer is down or gone.
    NoCarrier,
    /// The frame is shorter than its headers or longer than the MTU allows.
    FrameLength,
    /// The receiver's queue is full.
    QueueFull,
    /// No buffer for a copy or an answer.
    NoBuffer,
    /// The link or namespace is going away.
    Dying,
    /// The frame is for another station.
    OtherHost,
    /// An EtherType or IP protocol nobody here speaks.
    UnknownProtocol,
    /// An IP header that contradicts itself.
    BadIpHeader,
    /// The IP header checksum is wrong.
    BadIpChecksum,
    /// A source address no host may use, or one of our own coming from outside.
    MartianSource,
    /// A destination that is not for us while forwarding is off.
    NotForwarding,
    /// No route to the destination.
    NoRoute,
    /// The route says blackhole, unreachable or prohibit.
    RouteRefuses,
    /// The time to live ran out.
    TtlExpired,
    /// Larger than the next MTU with DF set.
    FragmentationNeeded,
    /// A fragment that cannot be reassembled (overlap, overflow, limit).
    BadFragment,
    /// A datagram some of whose fragments never came.
    ReassemblyTimeout,
    /// The neighbour did not answer.
    NeighbourFailed,
    /// The neighbour's queue of waiting packets is full.
    NeighbourQueueFull,
    /// The neighbour table is full.
    NeighbourTableFull,
    /// An ARP packet that makes no sense here.
    BadArp,
    /// A malformed transport header or a wrong transport checksum.
    BadTransport,
    /// No socket wants it.
    NoSocket,
    /// A source hardware address no station has: a group's, or zero.
    BadSourceMac,
    /// The bridge port does not forward.
    PortState,
    /// A link-local group frame (IEEE 802.1D table 7-10) a bridge may not forward.
    LinkLocalGroup,
    /// The bridge has no other port to send it to.
    NoPort,
}

/// A counter for each reason.
#[derive(Debug, Default)]
pub struct DropCounters([AtomicU64; DropReason::ALL.len()]);

impl DropCounters {
    /// Counts one drop.
    pub fn count(&self, reason: DropReason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often a frame was dropped for `reason`.
    #[must_use]
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }

    /// The reasons that occurred, with their counts: what a test compares.
    pub fn nonzero(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|r| (*r, self.get(*r))).filter(|(_, count)| *count != 0)
    }
}
