//! [`LinkKind`]: what a kind of link is asked to do. A new kind implements this and
//! touches nothing else in this crate.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use warren_packet::Packet;

use super::{Link, LinkFlags, TxVerdict};
use crate::cx::Cx;
use crate::error::LinkError;
use crate::ids::Mtu;

/// `ifi_type`: what the hardware address means (include/uapi/linux/if_arp.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HardwareType {
    /// ARPHRD_ETHER.
    Ethernet = 1,
    /// ARPHRD_LOOPBACK: Ethernet framing, zero addresses, no ARP.
    Loopback = 772,
}

/// The MTUs a kind accepts (`IFLA_MIN_MTU`, `IFLA_MAX_MTU`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MtuRange {
    /// Smallest.
    pub min: Mtu,
    /// Largest; `Mtu(0)` for no bound of its own, as Linux shows it.
    pub max: Mtu,
}

impl MtuRange {
    /// Whether a link may have `mtu` (Linux: `dev_validate_mtu`).
    ///
    /// # Errors
    /// [`LinkError::MtuTooSmall`] or [`LinkError::MtuTooLarge`].
    pub const fn check(self, mtu: Mtu) -> Result<(), LinkError> {
        if mtu.0 < self.min.0 || mtu.0 > i32::MAX as u32 {
            return Err(LinkError::MtuTooSmall);
        }
        if self.max.0 > 0 && mtu.0 > self.max.0 {
            return Err(LinkError::MtuTooLarge);
        }
        Ok(())
    }
}

/// A kind of link. One value per link.
///
/// The data path calls [`transmit`](Self::transmit) with no lock held. Everything else is
/// called by the control path with the `Config` lock of the link's namespace held (and of
/// its companions' namespaces where they matter); none of it may wait or move frames.
pub trait LinkKind: Any + Send + Sync + core::fmt::Debug {
    /// `IFLA_INFO_KIND`; `None` for a loopback or a physical link, which have none.
    fn name(&self) -> Option<&'static str>;

    /// Takes a whole Ethernet frame. Called only while the link is up; the common layer
    /// counts what the verdict says.
    fn transmit(&self, link: &Arc<Link>, frame: Packet, cx: &Cx<'_>) -> TxVerdict;

    /// `ifi_type`.
    fn hardware(&self) -> HardwareType {
        HardwareType::Ethernet
    }

    /// The flags a new link has.
    fn initial_flags(&self) -> LinkFlags {
        LinkFlags::BROADCAST | LinkFlags::MULTICAST
    }

    /// The MTUs it accepts.
    fn mtu_range(&self) -> MtuRange {
        MtuRange { min: Mtu(68), max: Mtu(65_535) }
    }

    /// The MTU of a new link nobody asked another for.
    fn default_mtu(&self) -> Mtu {
        Mtu(1_500)
    }

    /// How many queues each way a new link has that nobody asked another number for.
    fn default_queues(&self, _cpu_count: u16) -> u32 {
        1
    }

    /// The speed in Mb/s, for kinds that claim one (a bridge derives a port's cost of it).
    fn speed_mbps(&self) -> Option<u32> {
        None
    }

    /// Whether the user may set the hardware address, and while the link is up.
    fn accepts_mac(&self) -> bool {
        true
    }

    /// Whether `ip link del` may delete it (not a loopback or a physical link).
    fn deletable(&self) -> bool {
        self.name().is_some()
    }

    /// `IFLA_QDISC`, once the link has been up and before.
    fn qdisc(&self, attached: bool) -> &'static str {
        if attached { "noqueue" } else { "noop" }
    }

    /// Whether the link has carrier; it shows while the link is up. Asked under the link's
    /// state lock: answer from atomics, without a lock. `None`: the kind has no notion of it, and
    /// the operational state stays `UNKNOWN` (loopback, dummy).
    fn carrier(&self, link: &Arc<Link>) -> Option<bool>;

    /// Called once, when the link is registered and before anybody can find it.
    fn attached(&self, _link: &Arc<Link>) {}

    /// The link goes up.
    ///
    /// # Errors
    /// The link stays down.
    fn open(&self, _link: &Arc<Link>, _cx: &Cx<'_>) -> Result<(), LinkError> {
        Ok(())
    }

    /// The link goes down: no frame may be handed up after this returns (disable its NAPI,
    /// drop what is queued).
    fn stop(&self, _link: &Arc<Link>, _cx: &Cx<'_>) {}

    /// Links whose carrier depends on this one's being up (a veth's peer; the master of a
    /// port is asked anyway): re-evaluated when this link went up or down.
    fn carrier_dependents(&self, _link: &Arc<Link>) -> Vec<Arc<Link>> {
        Vec::new()
    }

    /// The other end (`IFLA_LINK`), in whatever namespace. Asked like
    /// [`carrier`](Self::carrier).
    fn peer(&self) -> Option<Arc<Link>> {
        None
    }

    /// Links that die with this one (a veth's peer), in whatever namespace.
    fn companions(&self) -> Vec<Arc<Link>> {
        Vec::new()
    }

    /// The link and its companions are about to be unregistered: from now on it shows no
    /// other end.
    fn parting(&self, _link: &Arc<Link>) {}

    /// The link is being unregistered: let go of peers and tables. It is down; its ports are
    /// removed next.
    fn detached(&self, _link: &Arc<Link>, _cx: &Cx<'_>) {}

    /// Whether the link may move to another namespace (not `lo`, not a bridge in Linux).
    fn movable(&self) -> bool {
        true
    }

    /// Whether the link outlives its namespace by going back to the first one (physical
    /// links) rather than dying with it.
    fn is_physical(&self) -> bool {
        false
    }

    /// Makes `port` a port of this link (`IFLA_MASTER`). `link` is the master.
    ///
    /// # Errors
    /// [`LinkError::NotSupported`] for kinds that have no ports; nothing changed.
    fn add_port(
        &self,
        _link: &Arc<Link>,
        _port: &Arc<Link>,
        _cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        Err(LinkError::NotSupported)
    }

    /// Lets go of a port added before.
    fn remove_port(&self, _link: &Arc<Link>, _port: &Arc<Link>, _cx: &Cx<'_>) {}

    /// The ports it has now: the common layer removes them when the link goes.
    fn ports(&self) -> Vec<Arc<Link>> {
        Vec::new()
    }

    /// A port added before went up or down, or gained or lost its carrier.
    fn port_changed(&self, _link: &Arc<Link>, _port: &Arc<Link>, _cx: &Cx<'_>) {}

    /// The MTU of the link or of one of its ports changed.
    fn mtu_changed(&self, _link: &Arc<Link>, _port: Option<&Arc<Link>>, _cx: &Cx<'_>) {}

    /// The address of the link (set by the user if `port` is `None`) or of one of its
    /// ports changed. The kind may answer with [`Link::adopt_mac`].
    fn mac_changed(&self, _link: &Arc<Link>, _port: Option<&Arc<Link>>, _cx: &Cx<'_>) {}

    /// The deadline [`Key::Link`](crate::deadline::Key::Link) of this link is due. Data
    /// path rules: no `Config` lock is held.
    fn on_deadline(&self, _link: &Arc<Link>, _cx: &Cx<'_>) {}
}
