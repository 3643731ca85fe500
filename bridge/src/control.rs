//! Control path of a bridge: its making, its ports' coming and going, and what it takes
//! over from them: its address, its MTU, its carrier.
//!
//! Everything runs under the namespace's `Config` lock, except that a port whose peer is
//! elsewhere may gain or lose its carrier at any time: so what a port's state depends on is
//! looked at again under the bridge's own lock.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use warren_netns::error::LinkError;
use warren_netns::link::{HardwareType, LinkFlags, LinkKind, TxVerdict};
use warren_netns::namespace::links::LinkSpec;
use warren_netns::{Cx, Link, MacAddr, Mtu, Namespace, NetAdmin};
use warren_packet::Packet;
use warren_platform::Instant;

use crate::datapath::Ingress;
use crate::fdb::FdbEntry;
use crate::port::{MAX_PORTS, Port, PortState};
use crate::switch::{Control, Switch};

/// The MTU of a bridge without ports (ETH_DATA_LEN).
const MTU_WITHOUT_PORTS: Mtu = Mtu(1_500);

/// A bridge, as the common layer sees it.
#[derive(Debug)]
pub struct Bridge {
    pub(crate) switch: Arc<Switch>,
}

/// Makes a bridge without ports, down. An address in `spec` is the user's choice and stays;
/// without one the bridge takes its lowest port's.
///
/// # Errors
/// Whatever the link is refused for; nothing changed.
pub fn create(
    ns: &Arc<Namespace>,
    admin: &NetAdmin,
    spec: &LinkSpec,
    cx: &Cx<'_>,
) -> Result<Arc<Link>, LinkError> {
    let switch = Switch::new(spec.mac);
    if let Some(mac) = spec.mac {
        switch.tables.write().fdb.add_local(mac, None, cx.now);
    }
    ns.create_link(admin, spec, Box::new(Bridge { switch }), cx)
}

impl Bridge {
    /// Its ports, the newest first.
    #[must_use]
    pub fn ports(&self) -> Arc<[Arc<Port>]> {
        self.switch.ports()
    }

    /// The port that `link` is.
    #[must_use]
    pub fn port_of(&self, link: &Arc<Link>) -> Option<Arc<Port>> {
        self.switch.port_of(link)
    }

    /// The forwarding database at `now`, the newest entry first.
    #[must_use]
    pub fn fdb(&self, now: Instant) -> Vec<FdbEntry> {
        self.switch.fdb_snapshot(now)
    }

    /// When the forwarding database is swept next (`IFLA_BR_GC_TIMER`).
    #[must_use]
    pub fn next_sweep(&self) -> Option<Instant> {
        self.switch.tables.read().fdb.next_sweep
    }

    /// Whether `port` may join (Linux: `br_add_if`).
    fn check_port(link: &Arc<Link>, port: &Arc<Link>) -> Result<(), LinkError> {
        let is_ethernet = port.kind().hardware() == HardwareType::Ethernet;
        let is_station =
            !port.flags().contains(LinkFlags::LOOPBACK) && port.mac().is_valid_unicast();
        if !is_ethernet || !is_station || port.ns_id() != link.ns_id() {
            return Err(LinkError::CannotEnslave);
        }
        if port.kind_as::<Self>().is_some() {
            return Err(LinkError::Loop);
        }
        if port.master().is_some() {
            return Err(LinkError::HasMaster);
        }
        Ok(())
    }

    /// Lets a port forward if it and the bridge are up, or stops it and forgets who is
    /// behind it. The control lock is held.
    fn settle_port(&self, link: &Arc<Link>, port: &Arc<Port>) {
        let bridge_up = link.flags().contains(LinkFlags::UP);
        let runs = bridge_up && port.link().is_some_and(|link| link.is_running());
        match (runs, port.state()) {
            (true, PortState::Disabled) => port.set_state(PortState::Forwarding),
            (true, _) | (false, PortState::Disabled) => return,
            (false, _) => {
                port.set_state(PortState::Disabled);
                self.switch.tables.write().fdb.flush_learned(port);
            }
        }
        self.switch.select_carrier();
    }

    fn settle_ports(&self, link: &Arc<Link>) {
        let _control = self.switch.control.lock();
        for port in self.switch.ports().iter() {
            self.settle_port(link, port);
        }
    }

    /// Takes the lowest address of the ports, unless the user chose one (Linux:
    /// `br_stp_recalculate_bridge_id`). The control lock is held.
    fn inherit_mac(&self, link: &Arc<Link>, control: &mut Control, now: Instant) {
        if control.mac_by_user || control.leaving {
            return;
        }
        let lowest = self.switch.ports().iter().map(|port| port.mac()).min();
        let mac = lowest.unwrap_or(MacAddr::ZERO);
        if mac != control.id.mac {
            link.adopt_mac(mac);
            self.change_id(control, mac, now);
        }
    }

    fn change_id(&self, control: &mut Control, mac: MacAddr, now: Instant) {
        let old = core::mem::replace(&mut control.id.mac, mac);
        let ports = self.switch.ports();
        {
            let mut tables = self.switch.tables.write();
            tables.fdb.remove_local(old, None, &ports, None);
            if mac != MacAddr::ZERO {
                tables.fdb.add_local(mac, None, now);
            }
        }
        self.switch.select_carrier();
    }

    /// Takes the smallest MTU of the ports, unless the user chose one.
    fn inherit_mtu(&self, link: &Arc<Link>, control: &Control) {
        if control.mtu_by_user || control.leaving {
            return;
        }
        let ports = self.switch.ports();
        let smallest = ports.iter().filter_map(|port| port.link()).map(|link| link.mtu()).min();
        link.adopt_mtu(smallest.unwrap_or(MTU_WITHOUT_PORTS));
    }

    fn free_number(&self) -> Option<NonZeroU16> {
        let ports = self.switch.ports();
        let is_free = |number: &u16| !ports.iter().any(|port| port.number() == *number);
        (1..=MAX_PORTS).find(is_free).and_then(NonZeroU16::new)
    }
}

impl LinkKind for Bridge {
    fn name(&self) -> Option<&'static str> {
        Some("bridge")
    }

    fn movable(&self) -> bool {
        false
    }

    fn carrier(&self, _link: &Arc<Link>) -> Option<bool> {
        self.switch.carrier()
    }

    fn attached(&self, link: &Arc<Link>) {
        self.switch.set_link(link);
    }

    fn open(&self, link: &Arc<Link>, _cx: &Cx<'_>) -> Result<(), LinkError> {
        self.settle_ports(link);
        Ok(())
    }

    fn stop(&self, link: &Arc<Link>, _cx: &Cx<'_>) {
        self.settle_ports(link);
    }

    fn detached(&self, _link: &Arc<Link>, _cx: &Cx<'_>) {
        self.switch.control.lock().leaving = true;
        self.switch.tables.write().fdb.clear();
    }

    fn ports(&self) -> Vec<Arc<Link>> {
        self.switch.ports().iter().filter_map(|port| port.link()).collect()
    }

    fn add_port(&self, link: &Arc<Link>, port: &Arc<Link>, cx: &Cx<'_>) -> Result<(), LinkError> {
        Self::check_port(link, port)?;
        let added = {
            let mut control = self.switch.control.lock();
            let number = self.free_number().ok_or(LinkError::NoMemory)?;
            let added = Port::new(number, port);
            {
                let mut tables = self.switch.tables.write();
                let ports = core::iter::once(&added).chain(tables.ports.iter()).cloned().collect();
                tables.ports = ports;
                tables.fdb.add_local(port.mac(), Some(&added), cx.now);
            }
            self.inherit_mac(link, &mut control, cx.now);
            self.settle_port(link, &added);
            self.inherit_mtu(link, &control);
            added
        };
        port.count_listener(true);
        let switch = Arc::downgrade(&self.switch);
        port.set_upper(Some(Arc::new(Ingress { switch, port: added })));
        Ok(())
    }

    fn remove_port(&self, link: &Arc<Link>, port: &Arc<Link>, cx: &Cx<'_>) {
        port.set_upper(None);
        {
            let mut control = self.switch.control.lock();
            let Some(removed) = self.switch.port_of(port) else { return };
            // Before the flush: see the data path's `learn`.
            removed.set_state(PortState::Disabled);
            {
                let mut tables = self.switch.tables.write();
                let stays = |other: &&Arc<Port>| !Arc::ptr_eq(other, &removed);
                let ports: Arc<[Arc<Port>]> = tables.ports.iter().filter(stays).cloned().collect();
                tables.fdb.remove_local(port.mac(), Some(&removed), &ports, Some(control.id.mac));
                tables.fdb.flush_port(&removed);
                tables.ports = ports;
            }
            self.switch.select_carrier();
            self.inherit_mac(link, &mut control, cx.now);
            self.inherit_mtu(link, &control);
        }
        port.count_listener(false);
    }

    fn port_changed(&self, link: &Arc<Link>, port: &Arc<Link>, _cx: &Cx<'_>) {
        let _control = self.switch.control.lock();
        if let Some(port) = self.switch.port_of(port) {
            self.settle_port(link, &port);
        }
    }

    fn mtu_changed(&self, link: &Arc<Link>, port: Option<&Arc<Link>>, _cx: &Cx<'_>) {
        let mut control = self.switch.control.lock();
        match port {
            None => control.mtu_by_user = true,
            Some(_) => self.inherit_mtu(link, &control),
        }
    }

    fn mac_changed(&self, link: &Arc<Link>, port: Option<&Arc<Link>>, cx: &Cx<'_>) {
        let mut control = self.switch.control.lock();
        let Some(port) = port else {
            control.mac_by_user = true;
            let mac = link.mac();
            if mac != control.id.mac {
                self.change_id(&mut control, mac, cx.now);
            }
            return;
        };
        if let Some(port) = self.switch.port_of(port) {
            let ports = self.switch.ports();
            let bridge_mac = control.id.mac;
            self.switch.tables.write().fdb.change_local(&port, &ports, bridge_mac, cx.now);
            self.inherit_mac(link, &mut control, cx.now);
        }
    }

    fn transmit(&self, link: &Arc<Link>, frame: Packet, cx: &Cx<'_>) -> TxVerdict {
        self.switch.transmit(link, frame, cx)
    }

    fn on_deadline(&self, _link: &Arc<Link>, cx: &Cx<'_>) {
        self.switch.sweep(cx);
    }
}
