//! Control path of addresses: add, delete, expire, and what follows for the routes.
//!
//! Shape of every change: take `Config`, check, change the tables under the `Routes` lock
//! while logging events, release that, emit the log. A refused change has changed nothing.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{Address, AddressFlags, AddressSelector, AddressSpec, IfExists, Lifetimes};
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::deadline::Key;
use crate::error::AddrError;
use crate::event::Event;
use crate::ids::{IfName, Ifindex};
use crate::ip::route::check::address_kind;
use crate::ip::route::derived::{Derived, DerivedKey, routes_of};
use crate::ip::route::fib::Inserted;
use crate::ip::route::{RouteKind, RouteMode, check, table};
use crate::ip::scope::Scope;
use crate::ip::{Log, Tables};
use crate::link::{HardwareType, Link, LinkFlags};
use crate::namespace::Namespace;

/// The smallest MTU IPv4 works on (RFC 791; Linux: `inetdev_valid_mtu`).
pub(crate) const MIN_MTU: u32 = 68;

impl Namespace {
    /// Adds an address to a link; the routes that follow from it appear.
    ///
    /// # Errors
    /// See [`AddrError`]; nothing changed.
    pub fn add_address(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        spec: &AddressSpec,
        exists: IfExists,
        cx: &Cx<'_>,
    ) -> Result<(), AddrError> {
        let outcome = {
            let _config = self.config.lock();
            self.add_address_locked(link, spec, exists, cx)
        };
        cx.stack.run_tail(cx);
        outcome
    }

    fn add_address_locked(
        self: &Arc<Self>,
        link: &Arc<Link>,
        spec: &AddressSpec,
        exists: IfExists,
        cx: &Cx<'_>,
    ) -> Result<(), AddrError> {
        if !self.contains(link) {
            return Err(AddrError::NoLink);
        }
        let lifetimes = spec.lifetimes;
        if spec.prefix_len > 32 || lifetimes.valid == 0 || lifetimes.preferred > lifetimes.valid {
            return Err(AddrError::Invalid);
        }
        if link.mtu().0 < MIN_MTU && link.kind().hardware() != HardwareType::Loopback {
            return Err(AddrError::NoMemory);
        }
        // Linux, inet_insert_ifa: 0.0.0.0 is accepted and comes to nothing.
        if spec.local.is_unspecified() {
            return Ok(());
        }
        link.conf4.choose_all();
        let new = new_address(link, spec, cx);
        let mut log = Log::default();
        {
            let mut tables = self.ip.tables.write();
            let known = tables
                .addresses
                .of_link(new.ifindex)
                .iter()
                .position(|known| known.local == new.local && known.shares_network(&new));
            match (known, exists) {
                (Some(_), IfExists::Refuse) => return Err(AddrError::Exists),
                (Some(at), IfExists::Replace) => {
                    let old = tables.addresses.of_link(new.ifindex)[at];
                    tables.addresses.update(new.ifindex, at, |address| {
                        address.lifetimes = new.lifetimes;
                        address.updated = new.updated;
                        address.route_priority = new.route_priority;
                        address.protocol = new.protocol;
                        let kept = address.flags & AddressFlags::SECONDARY;
                        address.flags = new.flags | kept;
                    });
                    let address = tables.addresses.of_link(new.ifindex)[at];
                    if old.route_priority != address.route_priority {
                        tables.remove_derived(&old, link, &mut log);
                        tables.add_derived(&address, link, &mut log);
                    }
                    log.by_request(Event::AddrNew { address });
                }
                (None, _) => {
                    let address = tables.addresses.insert(new)?;
                    log.by_request(Event::AddrNew { address });
                    tables.add_derived(&address, link, &mut log);
                }
            }
        }
        log.emit(self, cx);
        if !new.flags.contains(AddressFlags::PERMANENT) || self.deadlines.is_set(Key::Address) {
            self.arm_address_deadline(cx);
        }
        Ok(())
    }

    /// Deletes the first address of the link the selector names, with its secondaries
    /// unless `promote_secondaries` is set; the routes that followed from them go.
    ///
    /// # Errors
    /// [`AddrError::NotFound`]; nothing changed.
    pub fn delete_address(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        selector: &AddressSelector,
        cx: &Cx<'_>,
    ) -> Result<(), AddrError> {
        let outcome = {
            let _config = self.config.lock();
            if !self.contains(link) {
                return Err(AddrError::NoLink);
            }
            let mut log = Log::default();
            let outcome = {
                let mut tables = self.ip.tables.write();
                match tables.addresses.find(link.ifindex(), selector) {
                    Some(at) => {
                        let promote = self.ip.promotes_secondaries(link);
                        tables.remove_address(link, at, promote, &mut log);
                        Ok(())
                    }
                    None => Err(AddrError::NotFound),
                }
            };
            log.emit(self, cx);
            outcome
        };
        cx.stack.run_tail(cx);
        outcome
    }

    /// Every address, link by link, each link's in Linux's order.
    ///
    /// # Errors
    /// [`AddrError::NoMemory`] if there is no room for the answer.
    pub fn addresses(&self) -> Result<Vec<Address>, AddrError> {
        let tables = self.ip.tables.read();
        let mut all = Vec::new();
        all.try_reserve_exact(tables.addresses.len()).map_err(|_| AddrError::NoMemory)?;
        all.extend(tables.addresses.iter().copied());
        Ok(all)
    }

    /// The first address of a link: its primary (`SIOCGIFADDR`).
    #[must_use]
    pub fn primary_address(&self, ifindex: Ifindex) -> Option<Address> {
        self.ip.tables.read().addresses.of_link(ifindex).first().copied()
    }

    /// Whether `addr` is one of ours: what a socket may bind to (with the addresses the
    /// local table covers, such as all of 127.0.0.0/8).
    #[must_use]
    pub fn is_local_address(&self, addr: Ipv4Addr) -> bool {
        self.address_kind(addr) == RouteKind::Local
    }

    /// What `addr` is to this namespace (Linux: `inet_addr_type`).
    #[must_use]
    pub fn address_kind(&self, addr: Ipv4Addr) -> RouteKind {
        check::address_kind(&self.ip.tables.read().fib, table::LOCAL, addr)
    }

    /// The earliest lifetime ran out: addresses become deprecated or go.
    pub(crate) fn addresses_due(self: &Arc<Self>, cx: &Cx<'_>) {
        let _config = self.config.lock();
        let mut log = Log::default();
        let indices: Vec<Ifindex> = {
            let tables = self.ip.tables.read();
            let due = |a: &&Address| a.next_change().is_some_and(|at| at <= cx.now);
            tables.addresses.iter().filter(due).map(|a| a.ifindex).collect()
        };
        for ifindex in indices {
            let Some(link) = self.link(ifindex) else { continue };
            let promote = self.ip.promotes_secondaries(&link);
            self.ip.tables.write().expire(&link, promote, cx, &mut log);
        }
        log.emit(self, &Cx { origin: None, ..*cx });
        self.arm_address_deadline(cx);
    }

    fn arm_address_deadline(self: &Arc<Self>, cx: &Cx<'_>) {
        let next = {
            let tables = self.ip.tables.read();
            tables.addresses.iter().filter_map(Address::next_change).min()
        };
        match next {
            Some(at) => self.deadlines.set(Key::Address, at, self, cx.stack.platform()),
            None => self.deadlines.clear(Key::Address),
        }
    }

    /// A loopback that goes up has 127.0.0.1/8 (Linux: `inetdev_event`). `Config` is held.
    pub(crate) fn add_loopback_address(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let spec = AddressSpec { scope: Scope::HOST, ..AddressSpec::new(Ipv4Addr::LOCALHOST, 8) };
        // It is there already after the first time: nothing to do then.
        let _exists = self.add_address_locked(link, &spec, IfExists::Refuse, cx);
    }

    /// Every address of a link goes, one after the other. `Config` is held.
    pub(crate) fn remove_addresses_of(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let mut log = Log::default();
        {
            let mut tables = self.ip.tables.write();
            while !tables.addresses.of_link(link.ifindex()).is_empty() {
                tables.remove_address(link, 0, false, &mut log);
            }
        }
        log.emit(self, cx);
        self.arm_address_deadline(cx);
    }

    /// A link was renamed: its labels follow (Linux: `inetdev_changename`). `Config` is
    /// held.
    pub(crate) fn rename_labels(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let name: IfName = link.name();
        let mut log = Log::default();
        {
            let mut tables = self.ip.tables.write();
            for at in 0..tables.addresses.of_link(link.ifindex()).len() {
                tables.addresses.update(link.ifindex(), at, |address| {
                    address.label = address.label.renamed(&name, at);
                });
                let address = tables.addresses.of_link(link.ifindex())[at];
                log.by_request(Event::AddrNew { address });
            }
        }
        log.emit(self, cx);
    }
}

fn new_address(link: &Arc<Link>, spec: &AddressSpec, cx: &Cx<'_>) -> Address {
    let mut flags = spec.flags - (AddressFlags::PERMANENT | AddressFlags::DEPRECATED);
    if spec.lifetimes.valid == Lifetimes::INFINITE {
        flags |= AddressFlags::PERMANENT;
    }
    if spec.lifetimes.preferred == 0 {
        flags |= AddressFlags::DEPRECATED;
    }
    Address {
        ifindex: link.ifindex(),
        local: spec.local,
        address: spec.peer.unwrap_or(spec.local),
        prefix_len: spec.prefix_len,
        broadcast: spec.broadcast,
        label: spec.label.unwrap_or_else(|| link.name().into()),
        scope: spec.scope,
        flags,
        lifetimes: spec.lifetimes,
        route_priority: spec.route_priority,
        protocol: spec.protocol,
        created: cx.now,
        updated: cx.now,
    }
}

impl Tables {
    fn derived(&self, address: &Address, link: &Arc<Link>, up: bool) -> Vec<Derived> {
        let Some(primary) = self.addresses.primary_of(address) else { return Vec::new() };
        let loopback = link.flags().contains(LinkFlags::LOOPBACK);
        routes_of(address, &primary, up, loopback)
    }

    /// Adds the routes that follow from `address`; those that are there stay.
    pub(crate) fn add_derived(&mut self, address: &Address, link: &Arc<Link>, log: &mut Log) {
        let up = link.flags().contains(LinkFlags::UP);
        for route in self.derived(address, link, up) {
            self.insert_derived(&route, link, log);
        }
    }

    fn insert_derived(&mut self, route: &Derived, link: &Arc<Link>, log: &mut Log) {
        let find = |_| Some(link.clone());
        let spec = route.spec();
        let Ok(route) = check::resolve(&self.fib, &spec, &find) else { return };
        let mode = RouteMode::CREATE | RouteMode::APPEND;
        // A full table leaves the address without its route, as on Linux.
        if let Ok(Inserted::Added { route, how }) = self.fib.insert(route, mode) {
            log.follows(Event::RouteNew { route, how });
        }
    }

    fn remove_derived(&mut self, address: &Address, link: &Arc<Link>, log: &mut Log) {
        for route in in_deletion_order(self.derived(address, link, true)) {
            self.delete_derived(&route, log);
        }
    }

    fn delete_derived(&mut self, route: &Derived, log: &mut Log) {
        if let Ok(route) = self.fib.remove(&route.selector()) {
            log.follows(Event::RouteGone { route });
        }
    }

    /// Takes the address at `at` off its link, with all that follows (Linux:
    /// `__inet_del_ifa`, `fib_del_ifaddr`).
    fn remove_address(&mut self, link: &Arc<Link>, at: usize, promote: bool, log: &mut Log) {
        let ifindex = link.ifindex();
        let mut before = self.derived_of_link(link);
        let deletion = self.addresses.remove(ifindex, at, promote);
        let after = self.derived_of_link(link);
        let left: BTreeSet<DerivedKey> = after.values().flatten().map(Derived::key).collect();
        let gone_routes: Vec<Vec<Derived>> = deletion
            .gone
            .iter()
            .map(|gone| before.remove(&identity(gone)).unwrap_or_default())
            .collect();
        if deletion.promoted.is_some() {
            // The secondaries' routes name the old primary as their source.
            for route in before.values().flatten().filter(|route| !left.contains(&route.key())) {
                self.delete_derived(route, log);
            }
        }
        for (gone, own) in deletion.gone.iter().zip(gone_routes) {
            log.by_request(Event::AddrGone { address: *gone });
            for route in in_deletion_order(own) {
                if !left.contains(&route.key()) {
                    self.delete_derived(&route, log);
                }
            }
            if address_kind(&self.fib, table::LOCAL, gone.local) != RouteKind::Local {
                for route in self.fib.remove_with_source(gone.local) {
                    log.follows(Event::RouteGone { route });
                }
            }
        }
        if let Some(heir) = deletion.promoted {
            log.by_request(Event::AddrNew { address: heir });
            for address in self.addresses.of_link(ifindex).to_vec() {
                self.add_derived(&address, link, log);
            }
        }
        if self.addresses.of_link(ifindex).is_empty() {
            self.fib.remove_via(ifindex, |_| true);
        }
    }

    /// What follows from each address of a link, were the link up.
    fn derived_of_link(&self, link: &Arc<Link>) -> BTreeMap<Identity, Vec<Derived>> {
        let addresses = self.addresses.of_link(link.ifindex()).iter();
        addresses.map(|a| (identity(a), self.derived(a, link, true))).collect()
    }

    fn expire(&mut self, link: &Arc<Link>, promote: bool, cx: &Cx<'_>, log: &mut Log) {
        let due = |a: &Address| a.next_change().is_some_and(|at| at <= cx.now);
        while let Some(at) = self.addresses.of_link(link.ifindex()).iter().position(due) {
            let address = self.addresses.of_link(link.ifindex())[at];
            if address.lifetimes_left(cx.now).valid == 0 {
                self.remove_address(link, at, promote, log);
            } else {
                self.addresses.update(link.ifindex(), at, |address| {
                    address.flags.insert(AddressFlags::DEPRECATED);
                });
                let address = self.addresses.of_link(link.ifindex())[at];
                log.by_request(Event::AddrNew { address });
            }
        }
    }
}

/// What tells an address from the others of its link.
type Identity = (Ipv4Addr, Ipv4Addr, u8);

const fn identity(address: &Address) -> Identity {
    (address.local, address.address, address.prefix_len)
}

fn in_deletion_order(mut routes: Vec<Derived>) -> Vec<Derived> {
    routes.sort_by_key(Derived::deletion_order);
    routes
}
