//! Control path of one link: what `RTM_NEWLINK` on an existing link can change.
//!
//! The parts of a [`LinkChange`] are applied in Linux's order (`do_setlink`); one that is
//! refused ends the change, and the parts before it stay, as on Linux.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use super::Namespace;
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::LinkError;
use crate::event::Event;
use crate::ids::{IfName, MacAddr, Mtu};
use crate::link::{Link, LinkFlags};

/// A change of a link's master.
#[derive(Clone, Debug)]
pub enum MasterChange {
    /// No port of anything (`nomaster`).
    Leave,
    /// A port of this link.
    Join(Arc<Link>),
}

/// What shall change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct LinkChange {
    /// Hardware address.
    pub mac: Option<MacAddr>,
    /// IP MTU.
    pub mtu: Option<Mtu>,
    /// `IFLA_GROUP`.
    pub group: Option<u32>,
    /// Name.
    pub name: Option<IfName>,
    /// Description.
    pub alias: Option<Vec<u8>>,
    /// Hardware broadcast address.
    pub broadcast: Option<MacAddr>,
    /// Master.
    pub master: Option<MasterChange>,
    /// Flags: the new values, and which of them are meant.
    pub flags: Option<(LinkFlags, LinkFlags)>,
    /// `IFLA_TXQLEN`.
    pub tx_queue_len: Option<u32>,
    /// `IFLA_LINKMODE`.
    pub link_mode: Option<u8>,
}

/// Flags the user may set; the others are ignored, as Linux ignores them.
const SETTABLE: LinkFlags = LinkFlags::UP
    .union(LinkFlags::NOARP)
    .union(LinkFlags::PROMISC)
    .union(LinkFlags::ALLMULTI)
    .union(LinkFlags::MULTICAST);

impl Namespace {
    /// Changes a link. See the module for what a refusal in the middle leaves behind.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn change_link(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        change: &LinkChange,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        let outcome = {
            let _config = self.config.lock();
            if self.contains(link) {
                self.apply(link, change, cx)
            } else {
                Err(LinkError::NotFound)
            }
        };
        cx.stack.run_tail(cx);
        outcome
    }

    fn apply(
        self: &Arc<Self>,
        link: &Arc<Link>,
        change: &LinkChange,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        if let Some(mac) = change.mac {
            self.set_mac(link, mac, cx)?;
        }
        if let Some(mtu) = change.mtu {
            self.set_mtu(link, mtu, cx)?;
        }
        if let Some(group) = change.group {
            link.state().write().group = group;
            self.announce(link, LinkFlags::empty(), cx);
        }
        if let Some(name) = change.name {
            self.rename(link, name, cx)?;
        }
        if let Some(alias) = &change.alias {
            link.state().write().alias.clone_from(alias);
            self.announce(link, LinkFlags::empty(), cx);
        }
        if let Some(broadcast) = change.broadcast {
            link.state().write().broadcast = broadcast;
            self.announce(link, LinkFlags::empty(), cx);
        }
        if let Some(master) = &change.master {
            self.set_master(link, master, cx)?;
        }
        if let Some((values, mask)) = change.flags {
            self.set_flags(link, values, mask & SETTABLE, cx)?;
        }
        if let Some(len) = change.tx_queue_len {
            link.state().write().tx_queue_len = len;
            self.announce(link, LinkFlags::empty(), cx);
        }
        if let Some(mode) = change.link_mode {
            link.state().write().link_mode = mode;
            self.announce(link, LinkFlags::empty(), cx);
        }
        Ok(())
    }

    /// Tells subscribers of a link as it is now. A peer in another namespace gives that
    /// namespace its number here, whether anybody listens or not: on Linux, making the
    /// message does.
    pub(super) fn announce(self: &Arc<Self>, link: &Arc<Link>, changed: LinkFlags, cx: &Cx<'_>) {
        let peer = link.kind().peer().and_then(|peer| peer.namespace());
        if let Some(elsewhere) = peer.filter(|ns| ns.id() != self.id()) {
            // Without a number left, the message goes without one.
            let _full = self.nsid_or_assign(&elsewhere, cx);
        }
        self.events
            .emit(self, cx, || Event::LinkNew { info: link.info(), changed: changed.bits() });
    }

    /// Tells the namespaces of links whose carrier changed along with another's.
    fn announce_others(links: &[Arc<Link>], cx: &Cx<'_>) {
        for link in links {
            if let Some(home) = link.namespace() {
                home.announce(link, LinkFlags::empty(), cx);
                home.l3_carrier_changed(link, cx);
            }
        }
    }

    fn set_mac(
        self: &Arc<Self>,
        link: &Arc<Link>,
        mac: MacAddr,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        if !link.kind().accepts_mac() {
            return Err(LinkError::NotSupported);
        }
        if !mac.is_valid_unicast() {
            return Err(LinkError::BadAddress);
        }
        link.set_mac(mac);
        link.kind().mac_changed(link, None, cx);
        self.tell_master(link, cx, |master| master.kind().mac_changed(master, Some(link), cx));
        self.l3_link_mac_changed(link, cx);
        self.announce(link, LinkFlags::empty(), cx);
        Ok(())
    }

    fn set_mtu(self: &Arc<Self>, link: &Arc<Link>, mtu: Mtu, cx: &Cx<'_>) -> Result<(), LinkError> {
        if link.mtu() == mtu {
            return Ok(());
        }
        link.kind().mtu_range().check(mtu)?;
        link.set_mtu(mtu);
        link.kind().mtu_changed(link, None, cx);
        self.tell_master(link, cx, |master| master.kind().mtu_changed(master, Some(link), cx));
        self.l3_link_mtu_changed(link, cx);
        self.announce(link, LinkFlags::empty(), cx);
        Ok(())
    }

    fn rename(
        self: &Arc<Self>,
        link: &Arc<Link>,
        name: IfName,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        let old = link.name();
        if old == name {
            return Ok(());
        }
        // Linux 6.1, dev_change_name: not while up.
        if link.flags().contains(LinkFlags::UP) {
            return Err(LinkError::Busy);
        }
        if self.name_in_use(&name) {
            return Err(LinkError::Exists);
        }
        {
            let mut links = self.links.write();
            links.rename(&old, name);
            link.state().write().name = name;
        }
        // In this order, as listeners on Linux hear it: the link, then its addresses.
        self.announce(link, LinkFlags::empty(), cx);
        self.l3_link_renamed(link, cx);
        Ok(())
    }

    fn set_flags(
        self: &Arc<Self>,
        link: &Arc<Link>,
        values: LinkFlags,
        mask: LinkFlags,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        let old = link.flags();
        let plain = mask & (LinkFlags::NOARP | LinkFlags::MULTICAST);
        link.update_flags(values & plain, plain - values);
        for (flag, is_promisc) in [(LinkFlags::PROMISC, true), (LinkFlags::ALLMULTI, false)] {
            if mask.contains(flag) && (values ^ old).contains(flag) {
                let on = values.contains(flag);
                let mut state = link.state().write();
                let users = if is_promisc { &mut state.promiscuity } else { &mut state.allmulti };
                *users = if on { users.saturating_add(1) } else { users.saturating_sub(1) };
                let shown = if on { flag } else { LinkFlags::empty() };
                link.update_flags(shown, flag - shown);
            }
        }
        let mut others = Vec::new();
        if mask.contains(LinkFlags::UP) && (values ^ old).contains(LinkFlags::UP) {
            if values.contains(LinkFlags::UP) {
                others = self.bring_up(link, cx)?;
            } else {
                others = self.bring_down(link, cx);
            }
        }
        // What follows from carrier is no change of the flags, to Linux.
        let volatile = LinkFlags::RUNNING | LinkFlags::LOWER_UP | LinkFlags::DORMANT;
        let changed = (link.flags() ^ old) - volatile;
        if !changed.is_empty() {
            self.announce(link, changed, cx);
        }
        // Linux, __dev_notify_flags: the link is announced before what follows for its L3.
        if changed.contains(LinkFlags::UP) {
            if link.flags().contains(LinkFlags::UP) {
                self.l3_link_up(link, cx);
            } else {
                self.l3_link_down(link, cx);
            }
        }
        Self::announce_others(&others, cx);
        Ok(())
    }

    fn bring_up(
        self: &Arc<Self>,
        link: &Arc<Link>,
        cx: &Cx<'_>,
    ) -> Result<Vec<Arc<Link>>, LinkError> {
        link.update_flags(LinkFlags::UP, LinkFlags::empty());
        if let Err(error) = link.kind().open(link, cx) {
            link.update_flags(LinkFlags::empty(), LinkFlags::UP);
            return Err(error);
        }
        link.state().write().has_qdisc = true;
        link.refresh();
        Ok(link.spread_carrier(cx))
    }

    /// Takes a link that is up down; returns the links whose carrier went with it.
    pub(super) fn bring_down(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) -> Vec<Arc<Link>> {
        link.update_flags(LinkFlags::empty(), LinkFlags::UP);
        link.kind().stop(link, cx);
        link.refresh();
        link.spread_carrier(cx)
    }

    /// A weak reference to itself, for what must not keep it alive.
    pub(super) fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }
}
