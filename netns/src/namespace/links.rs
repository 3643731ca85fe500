//! Control path of links: create and delete. (Changes: `change`; moves: `moves`.)
//!
//! Shape of every change: take `Config`, check everything, change, release, emit, poll
//! what the change scheduled. A refused change has changed nothing.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use super::Namespace;
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::deadline::Key;
use crate::error::LinkError;
use crate::event::Event;
use crate::ids::{IfName, Ifindex, MacAddr, Mtu};
use crate::link::{
    HardwareType, Link, LinkFlags, LinkInfo, LinkKind, LinkState, Loopback, OperState,
};

/// What a new link is to be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameRequest {
    /// This name.
    Exact(IfName),
    /// A name with one `%d`: the first free number is put there (`veth%d`).
    Template(IfName),
}

/// A new link's attributes; `None` leaves the choice to the kind or to chance.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Its name.
    pub name: NameRequest,
    /// A wanted number.
    pub ifindex: Option<Ifindex>,
    /// A wanted hardware address.
    pub mac: Option<MacAddr>,
    /// A wanted MTU.
    pub mtu: Option<Mtu>,
    /// `IFLA_TXQLEN`.
    pub tx_queue_len: Option<u32>,
    /// `IFLA_GROUP`.
    pub group: u32,
    /// `IFLA_NUM_TX_QUEUES`.
    pub tx_queues: Option<u32>,
    /// `IFLA_NUM_RX_QUEUES`.
    pub rx_queues: Option<u32>,
}

/// A link to be made: where, how it is to look, and what it is.
#[derive(Debug)]
pub struct NewLink<'a> {
    /// Its namespace.
    pub ns: &'a Arc<Namespace>,
    /// Its attributes.
    pub spec: &'a LinkSpec,
    /// Its kind.
    pub kind: Box<dyn LinkKind>,
}

impl LinkSpec {
    /// A link of this name and otherwise the defaults.
    #[must_use]
    pub const fn named(name: NameRequest) -> Self {
        Self {
            name,
            ifindex: None,
            mac: None,
            mtu: None,
            tx_queue_len: None,
            group: 0,
            tx_queues: None,
            rx_queues: None,
        }
    }
}

impl LinkSpec {
    /// Refuses what no link of the kind may have, wherever it is.
    fn check(&self, kind: &dyn LinkKind) -> Result<(), LinkError> {
        let ethernet = kind.hardware() == HardwareType::Ethernet;
        if ethernet && self.mac.is_some_and(|mac| !mac.is_valid_unicast()) {
            return Err(LinkError::BadAddress);
        }
        kind.mtu_range().check(self.mtu.unwrap_or_else(|| kind.default_mtu()))
    }
}

/// Links a namespace may have.
const MAX_LINKS: usize = 65_536;
/// `IFLA_TXQLEN` nobody asked another value for (DEFAULT_TX_QUEUE_LEN).
const TX_QUEUE_LEN: u32 = 1_000;

impl Namespace {
    /// Registers a new link of `kind`. It is down; subscribers were told.
    ///
    /// # Errors
    /// See [`LinkError`]; nothing changed.
    pub fn create_link(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        spec: &LinkSpec,
        kind: Box<dyn LinkKind>,
        cx: &Cx<'_>,
    ) -> Result<Arc<Link>, LinkError> {
        let _config = self.config.lock();
        let link = self.register(spec, kind, cx)?;
        self.announce(&link, LinkFlags::all_bits(), cx);
        Ok(link)
    }

    /// Registers two links that live and die together, `first` before `second`, in one
    /// namespace or two. Nobody finds or hears of the first before the second exists.
    ///
    /// # Errors
    /// Whatever either is refused for; then neither exists.
    pub fn create_link_pair(
        _admin: &NetAdmin,
        first: NewLink<'_>,
        second: NewLink<'_>,
        cx: &Cx<'_>,
    ) -> Result<(Arc<Link>, Arc<Link>), LinkError> {
        let mut homes = [first.ns, second.ns];
        homes.sort_by_key(|home| home.id);
        let _lower = homes[0].config.lock();
        let _upper = (homes[0].id != homes[1].id).then(|| homes[1].config.lock());
        // Refused before the first takes an index, as on Linux.
        second.spec.check(&*second.kind)?;
        let one = first.ns.register(first.spec, first.kind, cx)?;
        let other = match second.ns.register(second.spec, second.kind, cx) {
            Ok(other) => other,
            Err(error) => {
                first.ns.links.write().remove(&one);
                return Err(error);
            }
        };
        one.refresh();
        // Linux ties the two together only after it announced the first (`v1@NONE`).
        let alone = || LinkInfo { peer: None, ..one.info() };
        first.ns.events.emit(first.ns, cx, || Event::LinkNew { info: alone(), changed: u32::MAX });
        second.ns.announce(&other, LinkFlags::all_bits(), cx);
        Ok((one, other))
    }

    /// Checks everything, then makes and enters the link. `Config` is held.
    fn register(
        self: &Arc<Self>,
        spec: &LinkSpec,
        kind: Box<dyn LinkKind>,
        cx: &Cx<'_>,
    ) -> Result<Arc<Link>, LinkError> {
        if self.is_dying() {
            return Err(LinkError::Dying);
        }
        if self.link_count() >= MAX_LINKS {
            return Err(LinkError::NoMemory);
        }
        let ethernet = kind.hardware() == HardwareType::Ethernet;
        spec.check(&*kind)?;
        let mac = match spec.mac {
            Some(mac) => mac,
            None if ethernet => {
                let mut bytes = [0; 6];
                cx.stack.platform().fill_random(&mut bytes);
                MacAddr::from_random(bytes)
            }
            None => MacAddr::ZERO,
        };
        let mtu = spec.mtu.unwrap_or_else(|| kind.default_mtu());
        let name = self.choose_name(spec.name)?;
        let ifindex = match spec.ifindex {
            Some(index) if self.link(index).is_some() => return Err(LinkError::Busy),
            Some(index) => index,
            None => self.links.write().free_index().ok_or(LinkError::NoMemory)?,
        };
        let default_queues = kind.default_queues(cx.stack.platform().cpu_count());
        let state = LinkState {
            ns: Arc::downgrade(self),
            name,
            alt_names: Vec::new(),
            alias: Vec::new(),
            broadcast: if ethernet { MacAddr::BROADCAST } else { MacAddr::ZERO },
            tx_queue_len: spec.tx_queue_len.unwrap_or(TX_QUEUE_LEN),
            group: spec.group,
            master: None,
            promiscuity: 0,
            allmulti: 0,
            oper_state: OperState::Unknown,
            carrier: true,
            link_mode: 0,
            has_qdisc: false,
            carrier_ups: 0,
            carrier_downs: 0,
            tx_queues: spec.tx_queues.unwrap_or(default_queues),
            rx_queues: spec.rx_queues.unwrap_or(default_queues),
        };
        let flags = kind.initial_flags();
        let link = Link::new(cx.stack.next_link_id(), kind, ifindex, mtu, mac, flags, state);
        link.kind().attached(&link);
        link.refresh();
        self.links.write().insert(link.clone());
        Ok(link)
    }

    pub(crate) fn create_loopback(self: &Arc<Self>, cx: &Cx<'_>) -> Result<(), LinkError> {
        let name = IfName::new(b"lo").ok_or(LinkError::BadName)?;
        let spec = LinkSpec::named(NameRequest::Exact(name));
        let _config = self.config.lock();
        self.register(&spec, Box::<Loopback>::default(), cx).map(drop)
    }

    /// Deletes a link and the companions that die with it (a veth's peer), wherever they
    /// are. Their names are free when this returns.
    ///
    /// # Errors
    /// [`LinkError::NotSupported`] for links that are not deleted this way (`lo`);
    /// [`LinkError::NotFound`] if it is gone already.
    pub fn delete_link(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        if !link.kind().deletable() {
            return Err(LinkError::NotSupported);
        }
        let outcome =
            if unregister_family(self, link, cx) { Ok(()) } else { Err(LinkError::NotFound) };
        cx.stack.run_tail(cx);
        outcome
    }

    /// Takes a link down and out of the namespace. `Config` is held; the caller has made
    /// sure that the link is here.
    pub(super) fn unregister(
        self: &Arc<Self>,
        link: &Arc<Link>,
        moved_to: Option<(Weak<Self>, Ifindex)>,
        cx: &Cx<'_>,
    ) {
        let was_up = link.flags().contains(LinkFlags::UP);
        if was_up {
            self.bring_down(link, cx);
            self.announce(link, LinkFlags::UP | LinkFlags::RUNNING, cx);
            self.l3_link_down(link, cx);
        }
        if let Some(master) = link.master() {
            self.release_port(&master, link, cx);
        }
        self.l3_link_gone(link, cx);
        if moved_to.is_none() {
            link.kind().detached(link, cx);
            for port in link.kind().ports() {
                self.release_port(link, &port, cx);
                self.announce(&port, LinkFlags::empty(), cx);
            }
        }
        link.state().write().has_qdisc = false;
        let info = self.events.has_listeners().then(|| link.info());
        self.links.write().remove(link);
        self.deadlines.clear(Key::Link(link.id()));
        if let Some(info) = info {
            self.events.emit(self, cx, || Event::LinkGone { info, moved_to });
        }
    }
}

/// Unregisters `link` of `ns` and its companions under the `Config` locks of all their
/// namespaces, taken in ascending order. `false`: the link was not there any more.
pub(super) fn unregister_family(ns: &Arc<Namespace>, link: &Arc<Link>, cx: &Cx<'_>) -> bool {
    loop {
        let mut family = link.kind().companions();
        family.push(link.clone());
        let mut homes: Vec<Arc<Namespace>> = family.iter().filter_map(|l| l.namespace()).collect();
        homes.push(ns.clone());
        homes.sort_by_key(|home| home.id);
        homes.dedup_by_key(|home| home.id);
        let _locks: Vec<_> = homes.iter().map(|home| home.config.lock()).collect();
        // A link may have moved before we held the locks: then look again.
        let settled = family.iter().all(|member| {
            member.namespace().is_none_or(|home| homes.iter().any(|held| held.id == home.id))
        });
        if !settled {
            continue;
        }
        if !ns.contains(link) {
            return false;
        }
        link.kind().parting(link);
        for member in family {
            let home = member.namespace();
            if let Some(home) = home.filter(|home| home.contains(&member)) {
                home.unregister(&member, None, cx);
            }
        }
        return true;
    }
}
