//! Data path of a bridge: one frame, from the port or the namespace it came from to where
//! it goes (Linux: `br_handle_frame`, `br_dev_xmit`, `br_flood`).
//!
//! A frame is decided on under the table's lock and moved after it is released. What a
//! local sender sends to one port only comes back if that port is full; what is forwarded
//! or flooded is dropped there, by name.

use alloc::sync::{Arc, Weak};

use warren_netns::link::datapath::{ETHERNET_HEADER, Upper};
use warren_netns::link::{LinkFlags, TxVerdict};
use warren_netns::{Cx, DropReason, Link, MacAddr};
use warren_packet::Packet;

use crate::fdb::{Lookup, Seen};
use crate::port::{Port, PortFlags, PortState};
use crate::switch::Switch;

/// Bytes of a VLAN tag, allowed on top of the MTU (Linux: `is_skb_forwardable`).
const VLAN_TAG: usize = 4;

/// The link-local group addresses 01:80:c2:00:00:00 to :0f (IEEE 802.1D table 7-10).
const LINK_LOCAL_GROUP: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];

/// To whom a frame is addressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cast {
    Unicast,
    Multicast,
    Broadcast,
}

impl Cast {
    fn of(destination: MacAddr) -> Self {
        match destination {
            MacAddr::BROADCAST => Self::Broadcast,
            group if group.is_multicast() => Self::Multicast,
            _ => Self::Unicast,
        }
    }

    /// The flag of the ports that take such a frame when it is flooded.
    const fn flood_flag(self) -> PortFlags {
        match self {
            Self::Unicast => PortFlags::FLOOD,
            Self::Multicast => PortFlags::MULTICAST_FLOOD,
            Self::Broadcast => PortFlags::BROADCAST_FLOOD,
        }
    }
}

/// What a bridge does with a frame to one of the link-local group addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
enum LinkLocal {
    /// Treat it like any multicast frame.
    Forward,
    /// Give it to the port's own namespace.
    PassUp,
    /// Drop it.
    Drop,
}

/// `last` is the last byte of the address, `mask` the groups the user has forwarded. BPDUs
/// (`00`) pass while no spanning tree runs here; pause frames (`01`) concern the wire only.
const fn link_local(last: u8, mask: u16) -> LinkLocal {
    match last {
        0x01 => LinkLocal::Drop,
        0x00 => LinkLocal::Forward,
        _ if mask & 1 << last != 0 => LinkLocal::Forward,
        _ => LinkLocal::PassUp,
    }
}

/// Where a frame comes from.
#[derive(Clone, Copy, Debug)]
enum Origin<'a> {
    /// Received by this port.
    Port(&'a Arc<Port>),
    /// Sent by the bridge's own namespace.
    Local,
}

/// What stands in front of a port's own L3.
#[derive(Debug)]
pub(crate) struct Ingress {
    pub(crate) switch: Weak<Switch>,
    pub(crate) port: Arc<Port>,
}

impl Upper for Ingress {
    fn ingress(&self, link: &Arc<Link>, frame: Packet, cx: &Cx<'_>) -> Option<Packet> {
        match self.switch.upgrade() {
            Some(switch) => switch.receive(&self.port, link, frame, cx),
            None => Some(frame),
        }
    }
}

fn addresses(frame: &Packet) -> Option<(MacAddr, MacAddr)> {
    let (destination, rest) = frame.bytes().split_first_chunk()?;
    let source = rest.first_chunk()?;
    Some((MacAddr(*destination), MacAddr(*source)))
}

impl Switch {
    /// A frame received by `port`. `Some`: the port's own namespace shall have it.
    fn receive(
        &self,
        port: &Arc<Port>,
        link: &Arc<Link>,
        frame: Packet,
        cx: &Cx<'_>,
    ) -> Option<Packet> {
        let drop_frame = |reason| {
            link.stats.drops.count(reason);
            None
        };
        let Some((destination, source)) = addresses(&frame) else {
            return drop_frame(DropReason::FrameLength);
        };
        if !source.is_valid_unicast() {
            return drop_frame(DropReason::BadSourceMac);
        }
        if destination.0.starts_with(&LINK_LOCAL_GROUP) && destination.0[5] < 0x10 {
            let mask = self.group_fwd_mask() | port.group_fwd_mask();
            match link_local(destination.0[5], mask) {
                LinkLocal::Forward => {}
                LinkLocal::Drop => return drop_frame(DropReason::LinkLocalGroup),
                LinkLocal::PassUp => {
                    if matches!(port.state(), PortState::Learning | PortState::Forwarding) {
                        self.learn(source, port, cx);
                    }
                    return Some(frame);
                }
            }
        }
        let state = port.state();
        if !matches!(state, PortState::Learning | PortState::Forwarding) {
            return drop_frame(DropReason::PortState);
        }
        self.learn(source, port, cx);
        if state == PortState::Learning {
            return drop_frame(DropReason::PortState);
        }
        self.route(port, destination, frame, cx);
        None
    }

    fn learn(&self, source: MacAddr, port: &Arc<Port>, cx: &Cx<'_>) {
        let ageing = self.ageing_time();
        if !port.flags().contains(PortFlags::LEARNING) || ageing.is_zero() {
            return;
        }
        if self.tables.read().fdb.touch(source, port, cx.now) == Seen::Known {
            return;
        }
        let first = {
            let mut tables = self.tables.write();
            // A removed or disabled port was flushed after its state was set: what was on
            // its way in teaches nothing any more.
            if port.state() == PortState::Disabled {
                return;
            }
            tables.fdb.learn(source, port, ageing, cx.now)
        };
        if let Some(first) = first {
            self.sweep_at(first, cx);
        }
    }

    /// Moves a frame `port` received to where it belongs.
    fn route(&self, port: &Arc<Port>, destination: MacAddr, frame: Packet, cx: &Cx<'_>) {
        let Some(bridge) = self.link() else { return };
        let cast = Cast::of(destination);
        let promiscuous = bridge.flags().contains(LinkFlags::PROMISC);
        let found = match cast {
            Cast::Unicast => self.tables.read().fdb.lookup(destination, self.ageing_time(), cx.now),
            Cast::Multicast | Cast::Broadcast => Lookup::Unknown,
        };
        if matches!(found, Lookup::Local(_)) {
            return pass_up(&bridge, destination, frame, cx);
        }
        if cast == Cast::Multicast {
            bridge.stats.count_multicast();
        }
        let copy_up = promiscuous || cast != Cast::Unicast;
        let origin = Origin::Port(port);
        let verdict = match found {
            Lookup::Port(to) => self.forward(&to, origin, frame, copy_up, cx),
            Lookup::Local(_) | Lookup::Unknown => self.flood(cast, origin, frame, copy_up, cx),
        };
        match verdict {
            Onward::Done => {}
            Onward::Up(frame) => pass_up(&bridge, bridge.mac(), frame, cx),
            Onward::Nowhere => bridge.stats.drops.count(DropReason::NoPort),
            Onward::Full(to, frame) => {
                drop(frame);
                to.stats.drop_tx(DropReason::QueueFull);
            }
        }
    }

    /// What the bridge's own namespace sends.
    pub(crate) fn transmit(&self, bridge: &Arc<Link>, frame: Packet, cx: &Cx<'_>) -> TxVerdict {
        let Some((destination, _)) = addresses(&frame) else {
            return TxVerdict::Dropped(DropReason::FrameLength);
        };
        let cast = Cast::of(destination);
        let found = match cast {
            Cast::Unicast => self.tables.read().fdb.lookup(destination, self.ageing_time(), cx.now),
            Cast::Multicast | Cast::Broadcast => Lookup::Unknown,
        };
        let verdict = match found {
            Lookup::Local(None) => Onward::Nowhere,
            Lookup::Local(Some(to)) | Lookup::Port(to) => {
                self.forward(&to, Origin::Local, frame, false, cx)
            }
            Lookup::Unknown => self.flood(cast, Origin::Local, frame, false, cx),
        };
        match verdict {
            Onward::Full(_, frame) => TxVerdict::Full(frame),
            Onward::Nowhere => {
                // Linux counts the frame as sent whatever the ports do with it.
                bridge.stats.drops.count(DropReason::NoPort);
                TxVerdict::Sent
            }
            Onward::Done | Onward::Up(_) => TxVerdict::Sent,
        }
    }

    fn forward(
        &self,
        to: &Arc<Port>,
        origin: Origin<'_>,
        frame: Packet,
        copy_up: bool,
        cx: &Cx<'_>,
    ) -> Onward {
        let link = if may_pass(to, origin) { to.link() } else { None };
        match (link, copy_up) {
            (Some(link), true) => {
                send_copy(&link, &frame, cx);
                Onward::Up(frame)
            }
            (Some(link), false) => send(link, frame, cx),
            (None, true) => Onward::Up(frame),
            (None, false) => Onward::Nowhere,
        }
    }

    /// Sends a frame by every port that takes such frames: copies, and the frame itself by
    /// the last one unless it is wanted by the bridge's own namespace.
    fn flood(
        &self,
        cast: Cast,
        origin: Origin<'_>,
        frame: Packet,
        copy_up: bool,
        cx: &Cx<'_>,
    ) -> Onward {
        let ports = self.ports();
        // Frames of our own are not held back from ports that take no group frames.
        let exempt = matches!(origin, Origin::Local) && cast != Cast::Unicast;
        let mut previous: Option<Arc<Link>> = None;
        let mut copies = 0;
        for port in ports.iter() {
            if !may_pass(port, origin) || !(exempt || port.flags().contains(cast.flood_flag())) {
                continue;
            }
            let Some(link) = port.link() else { continue };
            if let Some(previous) = previous.replace(link) {
                send_copy(&previous, &frame, cx);
                copies += 1;
            }
        }
        match (previous, copy_up) {
            (Some(last), true) => {
                send_copy(&last, &frame, cx);
                Onward::Up(frame)
            }
            (Some(last), false) => match send(last, frame, cx) {
                // The sender would send it again by all of them.
                Onward::Full(last, frame) if copies > 0 => {
                    drop(frame);
                    last.stats.drop_tx(DropReason::QueueFull);
                    Onward::Done
                }
                outcome => outcome,
            },
            (None, true) => Onward::Up(frame),
            (None, false) => Onward::Nowhere,
        }
    }
}

/// What is left to do with a frame that went its way.
#[derive(Debug)]
#[must_use]
enum Onward {
    /// Nothing: the ports have it, or counted why not.
    Done,
    /// The bridge's own namespace wants it.
    Up(Packet),
    /// No port takes it.
    Nowhere,
    /// The one port it goes to is full.
    Full(Arc<Link>, Packet),
}

/// Whether a frame from `origin` may leave by `to` (Linux: `should_deliver`).
fn may_pass(to: &Arc<Port>, origin: Origin<'_>) -> bool {
    let between_ports = match origin {
        Origin::Local => true,
        Origin::Port(from) => {
            let same = Arc::ptr_eq(from, to);
            let both_isolated = from.flags().intersection(to.flags()).contains(PortFlags::ISOLATED);
            (!same || to.flags().contains(PortFlags::HAIRPIN)) && !both_isolated
        }
    };
    between_ports && to.state() == PortState::Forwarding
}

fn send(link: Arc<Link>, frame: Packet, cx: &Cx<'_>) -> Onward {
    let longest = link.mtu().0 as usize + ETHERNET_HEADER + VLAN_TAG;
    if frame.len() > longest && frame.meta.gso.is_none() {
        link.stats.drop_tx(DropReason::FrameLength);
        return Onward::Done;
    }
    match link.send(frame, cx) {
        TxVerdict::Sent | TxVerdict::Dropped(_) => Onward::Done,
        TxVerdict::Full(frame) => Onward::Full(link, frame),
    }
}

fn send_copy(link: &Arc<Link>, frame: &Packet, cx: &Cx<'_>) {
    match frame.try_clone() {
        Ok(copy) => {
            if let Onward::Full(link, copy) = send(link.clone(), copy, cx) {
                drop(copy);
                link.stats.drop_tx(DropReason::QueueFull);
            }
        }
        Err(warren_packet::NoBuffer) => link.stats.drop_tx(DropReason::NoBuffer),
    }
}

/// Hands a frame to the bridge's own namespace, which is `station`: the bridge, or one of
/// its ports. Linux counts it there without its Ethernet header (`br_pass_frame_up`).
fn pass_up(bridge: &Arc<Link>, station: MacAddr, frame: Packet, cx: &Cx<'_>) {
    if !bridge.flags().contains(LinkFlags::UP) {
        bridge.stats.drop_rx(DropReason::LinkDown);
        return;
    }
    bridge.stats.count_rx(frame.len() - ETHERNET_HEADER);
    bridge.receive_as(station, frame, cx);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_groups_pass_only_where_asked_for() {
        assert_eq!(link_local(0x00, 0), LinkLocal::Forward);
        assert_eq!(link_local(0x01, 0xffff), LinkLocal::Drop);
        assert_eq!(link_local(0x0e, 0), LinkLocal::PassUp);
        assert_eq!(link_local(0x0e, 1 << 14), LinkLocal::Forward);
    }
}
