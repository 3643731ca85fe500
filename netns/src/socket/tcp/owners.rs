//! Who owns a TCP port, and who may share it (Linux: `inet_bind_conflict`).
//!
//! Bound and listening sockets, the connections a listener spawned, connections whose port
//! connect(2) chose, and TIME-WAIT entries all own their port. A port whose owners were all
//! chosen by connect(2) may be chosen again for another 4-tuple, but not bound.

use core::net::Ipv4Addr;

use hashbrown::HashMap;

use crate::error::SocketError;
use crate::ids::Ifindex;
use crate::socket::base::SocketId;

/// One owner of one port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) local: Ipv4Addr,
    pub(super) link: Option<Ifindex>,
    pub(super) reuse_addr: bool,
    pub(super) reuse_port: bool,
    pub(super) uid: u32,
    pub(super) listening: bool,
    pub(super) time_wait: bool,
    /// connect(2) chose the port.
    pub(super) chosen: bool,
}

#[derive(Debug, Default)]
struct Bucket {
    owners: HashMap<SocketId, Owner>,
    /// How many of them connect(2) did not choose.
    bound: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Owners(HashMap<u16, Bucket>);

/// How willingly a port is shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sharing {
    /// The user names the port: SO_REUSEADDR and SO_REUSEPORT count.
    Asked,
    /// The port is ours to choose: one nobody has.
    Never,
}

impl Owner {
    /// Whether `asking` may not have the port beside this one.
    fn conflicts(&self, asking: &Self, sharing: Sharing) -> bool {
        let links_meet = self.link.is_none() || asking.link.is_none() || self.link == asking.link;
        let addresses_meet = self.local.is_unspecified()
            || asking.local.is_unspecified()
            || self.local == asking.local;
        if !links_meet || !addresses_meet {
            return false;
        }
        let addr_shared = self.reuse_addr && asking.reuse_addr && !self.listening;
        let port_shared =
            self.reuse_port && asking.reuse_port && (self.time_wait || self.uid == asking.uid);
        sharing == Sharing::Never || !(addr_shared || port_shared)
    }
}

impl Owners {
    /// Whether `id` may own `port` beside those who do.
    pub(super) fn allows(&self, port: u16, id: SocketId, asking: &Owner, sharing: Sharing) -> bool {
        let conflicts =
            |(known, owner): (&SocketId, &Owner)| *known != id && owner.conflicts(asking, sharing);
        self.0.get(&port).is_none_or(|bucket| !bucket.owners.iter().any(conflicts))
    }

    /// Whether connect(2) may choose `port`, if the 4-tuple is free.
    pub(super) fn may_choose(&self, port: u16) -> bool {
        self.0.get(&port).is_none_or(|bucket| bucket.bound == 0)
    }

    /// Makes `id` an owner of `port`, or changes what is known of it.
    pub(super) fn set(&mut self, port: u16, id: SocketId, owner: Owner) -> Result<(), SocketError> {
        self.0.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
        let bucket = self.0.entry(port).or_default();
        if bucket.owners.try_reserve(1).is_err() {
            if bucket.owners.is_empty() {
                self.0.remove(&port);
            }
            return Err(SocketError::NoBuffer);
        }
        let before = bucket.owners.insert(id, owner);
        bucket.bound += usize::from(!owner.chosen);
        bucket.bound -= usize::from(before.is_some_and(|before| !before.chosen));
        Ok(())
    }

    /// Changes what is known of an owner.
    pub(super) fn update(&mut self, port: u16, id: SocketId, change: impl FnOnce(&mut Owner)) {
        if let Some(owner) = self.0.get_mut(&port).and_then(|bucket| bucket.owners.get_mut(&id)) {
            change(owner);
        }
    }

    /// Ends an ownership.
    pub(super) fn remove(&mut self, port: u16, id: SocketId) -> Option<Owner> {
        let bucket = self.0.get_mut(&port)?;
        let gone = bucket.owners.remove(&id)?;
        bucket.bound -= usize::from(!gone.chosen);
        if bucket.owners.is_empty() {
            self.0.remove(&port);
        }
        Some(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    const fn owner(local: Ipv4Addr) -> Owner {
        Owner {
            local,
            link: None,
            reuse_addr: false,
            reuse_port: false,
            uid: 0,
            listening: false,
            time_wait: false,
            chosen: false,
        }
    }

    fn allowed(first: Owner, second: Owner) -> bool {
        let mut owners = Owners::default();
        assert_eq!(owners.set(80, SocketId(1), first), Ok(()));
        owners.allows(80, SocketId(2), &second, Sharing::Asked)
    }

    #[test]
    fn reuse_addr_needs_both_and_nobody_listening() {
        let any = owner(Ipv4Addr::UNSPECIFIED);
        let reuse = Owner { reuse_addr: true, ..any };
        assert!(!allowed(any, any));
        assert!(!allowed(any, reuse));
        assert!(allowed(reuse, reuse));
        assert!(allowed(Owner { time_wait: true, ..reuse }, reuse));
        assert!(!allowed(Owner { listening: true, ..reuse }, reuse));
        assert!(allowed(owner(HERE), owner(Ipv4Addr::LOCALHOST)));
    }

    #[test]
    fn reuse_port_is_per_user_and_holds_for_listeners() {
        let group = Owner { reuse_port: true, listening: true, ..owner(HERE) };
        assert!(allowed(group, group));
        assert!(!allowed(group, Owner { uid: 1, ..group }));
        assert!(allowed(Owner { time_wait: true, ..group }, Owner { uid: 1, ..group }));
    }

    #[test]
    fn a_port_connect_chose_may_be_chosen_again_but_not_bound() {
        let mut owners = Owners::default();
        let chosen = Owner { chosen: true, ..owner(HERE) };
        assert_eq!(owners.set(40_000, SocketId(1), chosen), Ok(()));
        assert!(owners.may_choose(40_000));
        let reuse = Owner { reuse_addr: true, ..owner(HERE) };
        assert!(!owners.allows(40_000, SocketId(2), &reuse, Sharing::Asked));
        assert_eq!(owners.set(40_000, SocketId(3), owner(HERE)), Ok(()));
        assert!(!owners.may_choose(40_000));
        assert!(owners.remove(40_000, SocketId(3)).is_some());
        assert!(owners.may_choose(40_000));
        assert!(owners.remove(40_000, SocketId(1)).is_some());
        assert!(owners.0.is_empty());
    }

    #[test]
    fn an_ephemeral_port_is_one_nobody_has() {
        let mut owners = Owners::default();
        let reuse = Owner { reuse_addr: true, reuse_port: true, ..owner(HERE) };
        assert_eq!(owners.set(40_000, SocketId(1), reuse), Ok(()));
        assert!(!owners.allows(40_000, SocketId(2), &reuse, Sharing::Never));
    }
}
