//! Control path of multicast membership (IP_ADD_MEMBERSHIP and its siblings): which groups
//! a socket has its namespace's links listen to. Membership is the links'; as on Linux with
//! IP_MULTICAST_ALL, every socket of the port hears what comes in.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use super::DatagramSocket;
use crate::error::{GroupError, SocketError};
use crate::ids::Ifindex;
use crate::ip::Flow;
use crate::link::Link;

/// `net.ipv4.igmp_max_memberships`.
const MEMBERSHIPS: usize = 20;

/// A socket's membership.
#[derive(Debug)]
pub(super) struct Membership {
    link: Arc<Link>,
    group: Ipv4Addr,
}

impl DatagramSocket {
    /// Joins `group` on the link of this index, or the one that has `address`, or the one
    /// the route to the group names (`struct ip_mreqn`).
    ///
    /// # Errors
    /// [`SocketError::Invalid`] if it is no group, [`SocketError::NoLink`] without a link,
    /// [`SocketError::AddrInUse`] if joined already, [`SocketError::NoBuffer`] at the bound.
    pub fn join_group(
        &self,
        group: Ipv4Addr,
        link: Option<Ifindex>,
        address: Option<Ipv4Addr>,
    ) -> Result<(), SocketError> {
        if !group.is_multicast() {
            return Err(SocketError::Invalid);
        }
        let link = self.group_link(group, link, address).ok_or(SocketError::NoLink)?;
        let groups = &self.base.ns.ip.groups;
        groups.join(&link, group).map_err(|error| match error {
            GroupError::Invalid => SocketError::Invalid,
            GroupError::Full => SocketError::NoBuffer,
        })?;
        let entered = {
            let mut state = self.state.lock();
            let known =
                |member: &Membership| member.link.id() == link.id() && member.group == group;
            if state.groups.iter().any(known) {
                Err(SocketError::AddrInUse)
            } else if state.groups.len() >= MEMBERSHIPS
                || !self.base.is_attached()
                || state.groups.try_reserve(1).is_err()
            {
                Err(SocketError::NoBuffer)
            } else {
                state.groups.push(Membership { link: link.clone(), group });
                Ok(())
            }
        };
        if entered.is_err() {
            groups.leave(&link, group);
        }
        entered
    }

    /// Leaves a group joined before; without link or address, the first of that name.
    ///
    /// # Errors
    /// [`SocketError::AddrNotAvailable`] if it was not joined.
    pub fn leave_group(
        &self,
        group: Ipv4Addr,
        link: Option<Ifindex>,
        address: Option<Ipv4Addr>,
    ) -> Result<(), SocketError> {
        let link = match (link, address) {
            (None, None) => None,
            _ => Some(self.group_link(group, link, address).ok_or(SocketError::NoLink)?),
        };
        let left = {
            let mut state = self.state.lock();
            let wanted = |member: &Membership| {
                member.group == group
                    && link.as_ref().is_none_or(|link| link.id() == member.link.id())
            };
            let at = state.groups.iter().position(wanted);
            state.groups.remove(at.ok_or(SocketError::AddrNotAvailable)?)
        };
        self.base.ns.ip.groups.leave(&left.link, left.group);
        Ok(())
    }

    /// Leaves every group: the socket closes.
    pub(super) fn leave_all_groups(&self) {
        let left = core::mem::take(&mut self.state.lock().groups);
        for member in left {
            self.base.ns.ip.groups.leave(&member.link, member.group);
        }
    }

    fn group_link(
        &self,
        group: Ipv4Addr,
        link: Option<Ifindex>,
        address: Option<Ipv4Addr>,
    ) -> Option<Arc<Link>> {
        let ns = &self.base.ns;
        if let Some(index) = link {
            return ns.link(index);
        }
        // The way to an address of ours says whose it is; the way to a group, who has it.
        let way = ns.lookup_route(&Flow::to(address.unwrap_or(group))).ok()?;
        match (address, way.original_oif) {
            (Some(_), Some(index)) => ns.link(index),
            _ => Some(way.link),
        }
    }
}
