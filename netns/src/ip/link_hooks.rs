//! Control path: what a link's going up, down or away means to addresses, routes and
//! neighbours. `namespace::change` calls these with `Config` held.

use alloc::sync::Arc;

use super::Log;
use super::address::control::MIN_MTU;
use super::conf::Devconf;
use super::route::{Nexthop, Route};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::link::{Link, LinkFlags};
use crate::namespace::Namespace;
use crate::neighbour::arp;

impl Namespace {
    /// The link is up: its addresses' routes appear; the loopback has 127.0.0.1/8.
    pub(crate) fn ip_link_up(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let cx = &Cx { origin: None, ..*cx };
        if link.flags().contains(LinkFlags::LOOPBACK) {
            self.add_loopback_address(link, cx);
        }
        let mut log = Log::default();
        {
            let mut tables = self.ip.tables.write();
            for address in tables.addresses.of_link(link.ifindex()).to_vec() {
                tables.add_derived(&address, link, &mut log);
            }
        }
        log.emit(self, cx);
        self.schedule_announcement(link, cx);
    }

    /// The link is down: routes all of whose ways are dead go, without a word as on Linux;
    /// addresses and their local routes stay. Its neighbours go.
    pub(crate) fn ip_link_down(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let doomed = |route: &Route| route.nexthops.iter().all(Nexthop::is_dead);
        self.ip.tables.write().fib.remove_via(link.ifindex(), doomed);
        self.flush_neighbours(link, false, cx);
    }

    /// The link leaves the namespace: nothing of it stays.
    pub(crate) fn ip_link_gone(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let cx = &Cx { origin: None, ..*cx };
        self.remove_addresses_of(link, cx);
        self.ip.tables.write().fib.remove_via(link.ifindex(), |_| true);
        self.deadlines.clear(Key::Announce(link.id()));
        self.ip.groups.forget(link);
        self.forget_fragments(link);
        self.flush_neighbours(link, false, cx);
    }

    /// `arp_notify`: has the link announce its addresses once the control path is through.
    pub(crate) fn schedule_announcement(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        if self.ip.conf.either(&link.conf4, Devconf::ArpNotify) {
            let key = Key::Announce(link.id());
            self.deadlines.set(key, cx.now, self, cx.stack.platform());
        }
    }

    /// Data path: tells a link's neighbours its addresses, unasked.
    pub(crate) fn announce_addresses(&self, link: &Arc<Link>, cx: &Cx<'_>) {
        let addresses = self.ip.tables.read().addresses.of_link(link.ifindex()).to_vec();
        for address in addresses {
            arp::announce(self, link, address.local, cx);
        }
    }

    /// The link gained or lost its carrier: without it, what was learned of its neighbours
    /// is forgotten unless `arp_evict_nocarrier` is off.
    pub(crate) fn ip_carrier_changed(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let conf = &self.ip.conf;
        let evicts = conf.all.is_on(Devconf::ArpEvictNocarrier)
            && link.conf4.is_on(Devconf::ArpEvictNocarrier);
        let flags = link.flags();
        let lost = flags.contains(LinkFlags::UP) && !flags.contains(LinkFlags::LOWER_UP);
        if lost && evicts {
            self.flush_neighbours(link, true, cx);
        }
    }

    /// The link's MTU changed: one too small for IPv4 takes the addresses (Linux:
    /// `inetdev_event`).
    pub(crate) fn ip_mtu_changed(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        if link.mtu().0 < MIN_MTU && !link.flags().contains(LinkFlags::LOOPBACK) {
            self.remove_addresses_of(link, &Cx { origin: None, ..*cx });
        }
    }
}
