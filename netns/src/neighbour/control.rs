//! Control path of neighbours: `ip neigh add | change | replace | del | flush`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::entry::News;
use super::{NeighbourFlags, NeighbourState};
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::NeighbourError;
use crate::ids::MacAddr;
use crate::link::Link;
use crate::namespace::Namespace;

/// A neighbour to be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighbourSpec {
    /// `NDA_DST`.
    pub addr: Ipv4Addr,
    /// `NDA_LLADDR`.
    pub mac: Option<MacAddr>,
    /// `ndm_state`.
    pub state: NeighbourState,
    /// `ndm_flags`.
    pub flags: NeighbourFlags,
    /// `NDA_PROTOCOL`.
    pub protocol: u8,
}

bitflags::bitflags! {
    /// What may be there already; rtnetlink's `nlmsg_flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct NeighbourUpdate: u16 {
        /// NLM_F_REPLACE: its address may change.
        const REPLACE = 0x100;
        /// NLM_F_EXCL: there may be none.
        const EXCL = 0x200;
        /// NLM_F_CREATE: there need be none.
        const CREATE = 0x400;
    }
}

impl Namespace {
    /// Sets a neighbour (Linux: `neigh_add`).
    ///
    /// # Errors
    /// See [`NeighbourError`]; nothing changed.
    pub fn set_neighbour(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        spec: &NeighbourSpec,
        mode: NeighbourUpdate,
        cx: &Cx<'_>,
    ) -> Result<(), NeighbourError> {
        let outcome = {
            let _config = self.config.lock();
            if !self.contains(link) || spec.addr.is_unspecified() {
                return Err(NeighbourError::Invalid);
            }
            let t = self.neighbour_timing(cx);
            let mut collected = Vec::new();
            let outcome = {
                let mut table = self.neighbours.table.lock();
                let known = table.get(link.ifindex(), spec.addr).is_some();
                if known && mode.contains(NeighbourUpdate::EXCL) {
                    return Err(NeighbourError::Exists);
                }
                if !known && !mode.contains(NeighbourUpdate::CREATE) {
                    return Err(NeighbourError::NotFound);
                }
                // Refused below, a new entry would stay behind without an address.
                if !known && spec.mac.is_none() && spec.state.intersects(NeighbourState::VALID) {
                    return Err(NeighbourError::NoAddress);
                }
                let conf = &self.neighbours.conf;
                let entry = table.get_or_create(link, spec.addr, conf, &t, cx.now, &mut collected);
                entry.and_then(|entry| {
                    let before = entry.deadline;
                    let news = News {
                        mac: spec.mac,
                        state: spec.state & NeighbourState::all(),
                        overrides: !known || mode.contains(NeighbourUpdate::REPLACE),
                        admin: true,
                    };
                    let todo = entry.update(&news, &t, cx.now)?;
                    entry.protocol = spec.protocol;
                    entry.flags = spec.flags - NeighbourFlags::USE;
                    let wake = spec.flags.contains(NeighbourFlags::USE);
                    let probe = if wake { entry.wake(&t, cx.now).probe } else { None };
                    self.arm(entry, before, cx);
                    Ok((todo, probe, entry.snapshot()))
                })
            };
            self.forget(collected, cx);
            outcome
        };
        let (mut todo, probe, neighbour) = outcome?;
        todo.probe = probe;
        self.arm_collector(cx);
        self.carry_out(todo, link, &neighbour, cx);
        cx.stack.run_tail(cx);
        Ok(())
    }

    /// Deletes a neighbour (Linux: `neigh_delete`): it fails first, then goes.
    ///
    /// # Errors
    /// [`NeighbourError::NotFound`].
    pub fn delete_neighbour(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        addr: Ipv4Addr,
        cx: &Cx<'_>,
    ) -> Result<(), NeighbourError> {
        let t = self.neighbour_timing(cx);
        let news = News { mac: None, state: NeighbourState::FAILED, overrides: true, admin: true };
        let (todo, failed, entry) = {
            let _config = self.config.lock();
            let mut table = self.neighbours.table.lock();
            let entry = table.get(link.ifindex(), addr).ok_or(NeighbourError::NotFound)?;
            let todo = entry.update(&news, &t, cx.now)?;
            let (id, failed) = (entry.id, entry.snapshot());
            (todo, failed, table.remove(id))
        };
        self.carry_out(todo, link, &failed, cx);
        self.forget(entry.into_iter().collect(), &Cx { origin: None, ..*cx });
        cx.stack.run_tail(cx);
        Ok(())
    }
}
