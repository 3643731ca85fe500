//! The dummy: a link with addresses and routes that swallows what it is given.

use alloc::sync::Arc;

use warren_packet::Packet;

use super::{Link, LinkFlags, LinkKind, MtuRange, TxVerdict};
use crate::cx::Cx;
use crate::ids::Mtu;

/// See the module.
#[derive(Debug, Default)]
pub struct Dummy;

impl LinkKind for Dummy {
    fn name(&self) -> Option<&'static str> {
        Some("dummy")
    }

    fn initial_flags(&self) -> LinkFlags {
        LinkFlags::BROADCAST | LinkFlags::NOARP
    }

    fn mtu_range(&self) -> MtuRange {
        MtuRange { min: Mtu(0), max: Mtu(0) }
    }

    fn carrier(&self, _link: &Arc<Link>) -> Option<bool> {
        None
    }

    fn transmit(&self, _link: &Arc<Link>, frame: Packet, _cx: &Cx<'_>) -> TxVerdict {
        // Linux counts it as sent (drivers/net/dummy.c behaves so), not as dropped.
        drop(frame);
        TxVerdict::Sent
    }
}
