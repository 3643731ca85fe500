//! Multicast groups a namespace's links listen to (RFC 1112 level 1 and reception). No
//! IGMP is spoken: a group reaches us where nobody prunes it (a bridge floods).

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_platform::lock::{self, RwLock};

use crate::error::GroupError;
use crate::ids::LinkId;
use crate::link::Link;

/// All hosts (RFC 1112): always joined.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Memberships of one namespace.
const MAX_GROUPS: usize = 4_096;

/// Who listens to what: a count per link and group.
#[derive(Debug, Default)]
pub struct Groups(RwLock<lock::Groups, BTreeMap<(LinkId, Ipv4Addr), u32>>);

impl Groups {
    /// One more listener for `group` on `link` (`IP_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// [`GroupError::Invalid`] if it is no group, [`GroupError::Full`] at the bound.
    pub fn join(&self, link: &Arc<Link>, group: Ipv4Addr) -> Result<(), GroupError> {
        if !group.is_multicast() {
            return Err(GroupError::Invalid);
        }
        let mut groups = self.0.write();
        let key = (link.id(), group);
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&key) {
            return Err(GroupError::Full);
        }
        *groups.entry(key).or_default() += 1;
        Ok(())
    }

    /// One listener less.
    pub fn leave(&self, link: &Arc<Link>, group: Ipv4Addr) {
        let mut groups = self.0.write();
        let key = (link.id(), group);
        if let Some(count) = groups.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                groups.remove(&key);
            }
        }
    }

    /// Whether anybody listens.
    pub(crate) fn has(&self, link: &Arc<Link>, group: Ipv4Addr) -> bool {
        group == ALL_HOSTS || self.0.read().contains_key(&(link.id(), group))
    }

    /// A link is gone: so are its memberships.
    pub(crate) fn forget(&self, link: &Arc<Link>) {
        self.0.write().retain(|(id, _), _| *id != link.id());
    }
}
