//! Events of a namespace as messages to the multicast groups.

use alloc::sync::Arc;

use warren_netns::event::Event;
use warren_netns::ip::{Address, Route};
use warren_netns::neighbour::Neighbour;
use warren_netns::{Cx, Namespace};

use super::{addresses, links, namespaces, neighbours, netconf, routes};
use crate::netlink::abi::{
    RTM_DELADDR, RTM_DELLINK, RTM_DELNEIGH, RTM_DELNETCONF, RTM_DELNSID, RTM_DELROUTE, RTM_NEWADDR,
    RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWNSID, RTM_NEWROUTE, RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV4_ROUTE, RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_NSID,
};
use crate::netlink::attr::Writer;
use crate::netlink::message::{Datagram, Reply};

/// A message to a group.
#[derive(Debug)]
pub(in crate::netlink) struct Notification {
    /// The group.
    pub(in crate::netlink) group: u32,
    /// The datagram.
    pub(in crate::netlink) bytes: Arc<[u8]>,
}

/// The messages for `event`, in Linux's order; one that does not fit memory is left out.
pub(in crate::netlink) fn render(
    ns: &Arc<Namespace>,
    event: &Event,
    cx: &Cx<'_>,
) -> impl Iterator<Item = Notification> {
    let (before, message) = match event {
        Event::LinkNew { info, changed } => {
            let message = links::LinkMessage::of(info, ns, cx).changed(*changed);
            // Only a new link names the request behind it.
            let origin = cx.origin.filter(|_| *changed == u32::MAX);
            let reply = from(origin, RTM_NEWLINK);
            (None, single(RTNLGRP_LINK, &reply, |out| message.write(out)))
        }
        Event::LinkGone { info, moved_to } => {
            let settings = single(RTNLGRP_IPV4_NETCONF, &from(None, RTM_DELNETCONF), |out| {
                netconf::write_gone(info.ifindex, out);
            });
            let message = links::LinkMessage::of(info, ns, cx).changed(u32::MAX).gone(moved_to);
            let origin = cx.origin.filter(|_| moved_to.is_none());
            let reply = from(origin, RTM_DELLINK);
            (settings, single(RTNLGRP_LINK, &reply, |out| message.write(out)))
        }
        Event::NsidNew { nsid } => {
            let reply = from(cx.origin, RTM_NEWNSID);
            (None, single(RTNLGRP_NSID, &reply, |out| namespaces::write_nsid(*nsid, out)))
        }
        Event::NsidGone { nsid } => {
            let reply = from(None, RTM_DELNSID);
            (None, single(RTNLGRP_NSID, &reply, |out| namespaces::write_nsid(*nsid, out)))
        }
        Event::AddrNew { address } => (None, address_message(RTM_NEWADDR, *address, cx)),
        Event::AddrGone { address } => (None, address_message(RTM_DELADDR, *address, cx)),
        Event::RouteNew { route, how } => {
            (None, route_message(RTM_NEWROUTE, how.bits(), route, cx))
        }
        Event::RouteGone { route } => (None, route_message(RTM_DELROUTE, 0, route, cx)),
        Event::NeighbourNew { neighbour } => {
            (None, neighbour_message(RTM_NEWNEIGH, *neighbour, cx))
        }
        Event::NeighbourGone { neighbour } => {
            (None, neighbour_message(RTM_DELNEIGH, *neighbour, cx))
        }
        _ => (None, None),
    };
    before.into_iter().chain(message)
}

fn neighbour_message(kind: u16, neighbour: Neighbour, cx: &Cx<'_>) -> Option<Notification> {
    let shown = neighbours::Shown { neighbour, now: cx.now };
    // Linux names the asker of these, but not the request.
    let reply = Reply { sequence: 0, ..from(cx.origin, kind) };
    single(RTNLGRP_NEIGH, &reply, |out| shown.write(out))
}

fn address_message(kind: u16, address: Address, cx: &Cx<'_>) -> Option<Notification> {
    let shown = addresses::Shown { address, target: None, now: cx.now };
    single(RTNLGRP_IPV4_IFADDR, &from(cx.origin, kind), |out| shown.write(out))
}

fn route_message(kind: u16, flags: u16, route: &Route, cx: &Cx<'_>) -> Option<Notification> {
    let reply = Reply { flags, ..from(cx.origin, kind) };
    single(RTNLGRP_IPV4_ROUTE, &reply, |out| routes::message::write(route, out))
}

/// The header of a notification, in the name of the request behind it if that is told.
fn from(origin: Option<warren_netns::Origin>, kind: u16) -> Reply {
    let (port, sequence) = origin.map_or((0, 0), |origin| (origin.port, origin.sequence));
    Reply { kind, flags: 0, sequence, port }
}

fn single(group: u32, reply: &Reply, fill: impl FnOnce(&mut Writer<'_>)) -> Option<Notification> {
    let bytes = Datagram::single(reply, fill)?.into_bytes().into();
    Some(Notification { group, bytes })
}
