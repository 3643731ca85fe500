//! What a namespace calls other namespaces: small numbers, assigned when first asked for
//! (`RTM_NEWNSID`, `IFLA_LINK_NETNSID`).
//!
//! Each namespace keeps its own numbers, and remembers who numbered it, so that its end is
//! told to those and to nobody else.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::Namespace;
use crate::cx::Cx;
use crate::error::NsidError;
use crate::event::Event;
use crate::ids::NsId;

/// Numbers one namespace may give.
const MAX_NSIDS: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Nsids {
    by_number: BTreeMap<u32, (NsId, Weak<Namespace>)>,
    by_id: HashMap<NsId, u32>,
    known_by: HashSet<NsId>,
}

impl Nsids {
    fn free_number(&self) -> Option<u32> {
        let mut candidate = 0;
        for number in self.by_number.keys() {
            if *number != candidate {
                break;
            }
            candidate += 1;
        }
        (self.by_number.len() < MAX_NSIDS).then_some(candidate)
    }
}

impl Namespace {
    /// The number `peer` has here.
    #[must_use]
    pub fn nsid_of(&self, peer: &Self) -> Option<u32> {
        self.nsids.lock().by_id.get(&peer.id).copied()
    }

    /// The namespace with this number.
    #[must_use]
    pub fn namespace_by_nsid(&self, nsid: u32) -> Option<Arc<Self>> {
        self.nsids.lock().by_number.get(&nsid).and_then(|(_, ns)| ns.upgrade())
    }

    /// All numbers with the namespaces they stand for, ascending.
    #[must_use]
    pub fn nsids(&self) -> Vec<(u32, Arc<Self>)> {
        let nsids = self.nsids.lock();
        nsids.by_number.iter().filter_map(|(n, (_, ns))| Some((*n, ns.upgrade()?))).collect()
    }

    /// Gives `peer` a number: the wanted one, or the first free one.
    ///
    /// # Errors
    /// [`NsidError::Exists`] if it has one or the wanted one is another's.
    pub fn assign_nsid(
        self: &Arc<Self>,
        peer: &Arc<Self>,
        wanted: Option<u32>,
        cx: &Cx<'_>,
    ) -> Result<u32, NsidError> {
        let number = {
            let mut nsids = self.nsids.lock();
            if nsids.by_id.contains_key(&peer.id) {
                return Err(NsidError::Exists);
            }
            let number = match wanted {
                Some(number) if nsids.by_number.contains_key(&number) => {
                    return Err(NsidError::Exists);
                }
                Some(_) if nsids.by_number.len() >= MAX_NSIDS => return Err(NsidError::NoSpace),
                Some(number) => number,
                None => nsids.free_number().ok_or(NsidError::NoSpace)?,
            };
            nsids.by_number.insert(number, (peer.id, Arc::downgrade(peer)));
            nsids.by_id.insert(peer.id, number);
            number
        };
        peer.nsids.lock().known_by.insert(self.id);
        self.events.emit(self, cx, || Event::NsidNew { nsid: number });
        Ok(number)
    }

    /// The number `peer` has here, given now if it had none.
    ///
    /// # Errors
    /// [`NsidError::NoSpace`].
    pub fn nsid_or_assign(
        self: &Arc<Self>,
        peer: &Arc<Self>,
        cx: &Cx<'_>,
    ) -> Result<u32, NsidError> {
        loop {
            if let Some(number) = self.nsid_of(peer) {
                return Ok(number);
            }
            match self.assign_nsid(peer, None, cx) {
                // Somebody else assigned one just now.
                Err(NsidError::Exists) => {}
                other => return other,
            }
        }
    }

    /// The namespace ends: whoever numbered it forgets the number, and it forgets its own.
    pub(super) fn forget_nsids(&self, cx: &Cx<'_>) {
        let known_by = {
            let mut nsids = self.nsids.lock();
            nsids.by_number.clear();
            nsids.by_id.clear();
            core::mem::take(&mut nsids.known_by)
        };
        for observer in known_by.into_iter().filter_map(|id| cx.stack.namespace(id)) {
            let number = {
                let mut nsids = observer.nsids.lock();
                let number = nsids.by_id.remove(&self.id);
                if let Some(number) = number {
                    nsids.by_number.remove(&number);
                }
                number
            };
            if let Some(nsid) = number {
                observer.events.emit(&observer, cx, || Event::NsidGone { nsid });
            }
        }
    }
}
