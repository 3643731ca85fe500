//! A namespace's links by index, name, alternative name and identity. One store; the
//! other maps are indexes into it, changed together with it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::ids::{IfName, Ifindex, LinkId};
use crate::link::Link;

#[derive(Debug)]
pub(crate) struct LinkTable {
    by_index: BTreeMap<u32, Arc<Link>>,
    by_name: HashMap<IfName, Ifindex>,
    by_alt_name: HashMap<Vec<u8>, Ifindex>,
    by_id: HashMap<LinkId, Ifindex>,
    next_index: u32,
    /// Counts links that came, went or were renamed.
    generation: u64,
}

impl Default for LinkTable {
    fn default() -> Self {
        Self {
            by_index: BTreeMap::new(),
            by_name: HashMap::new(),
            by_alt_name: HashMap::new(),
            by_id: HashMap::new(),
            next_index: 1,
            generation: 0,
        }
    }
}

impl LinkTable {
    pub(crate) fn len(&self) -> usize {
        self.by_index.len()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn by_index(&self, index: Ifindex) -> Option<&Arc<Link>> {
        self.by_index.get(&index.get())
    }

    pub(crate) fn by_name(&self, name: &IfName) -> Option<&Arc<Link>> {
        self.by_name.get(name).and_then(|index| self.by_index(*index))
    }

    pub(crate) fn by_alt_name(&self, name: &[u8]) -> Option<&Arc<Link>> {
        self.by_alt_name.get(name).and_then(|index| self.by_index(*index))
    }

    pub(crate) fn by_id(&self, id: LinkId) -> Option<&Arc<Link>> {
        self.by_id.get(&id).and_then(|index| self.by_index(*index))
    }

    pub(crate) fn at_or_after(&self, from: u32) -> Option<&Arc<Link>> {
        self.by_index.range(from..).next().map(|(_, link)| link)
    }

    pub(crate) fn last(&self) -> Option<&Arc<Link>> {
        self.by_index.last_key_value().map(|(_, link)| link)
    }

    /// The next index nobody has, counting up as Linux does and wrapping past `i32::MAX`.
    pub(crate) fn free_index(&mut self) -> Option<Ifindex> {
        for _ in 0..=self.by_index.len() {
            let candidate = Ifindex::new(self.next_index).unwrap_or(Ifindex::LOOPBACK);
            self.next_index = candidate.get() + 1;
            if self.by_index(candidate).is_none() {
                return Some(candidate);
            }
        }
        None
    }

    /// Adds a link whose index and names are free (the caller looked, under `Config`).
    pub(crate) fn insert(&mut self, link: Arc<Link>) {
        self.generation += 1;
        let index = link.ifindex();
        {
            let state = link.state().read();
            self.by_name.insert(state.name, index);
            for name in &state.alt_names {
                self.by_alt_name.insert(name.clone(), index);
            }
        }
        self.by_id.insert(link.id(), index);
        self.by_index.insert(index.get(), link);
    }

    /// Removes a link by identity; `false` if it is not here.
    pub(crate) fn remove(&mut self, link: &Arc<Link>) -> bool {
        let Some(index) = self.by_id.remove(&link.id()) else { return false };
        self.generation += 1;
        let state = link.state().read();
        self.by_name.remove(&state.name);
        for name in &state.alt_names {
            self.by_alt_name.remove(name);
        }
        self.by_index.remove(&index.get()).is_some()
    }

    /// Calls a link by a name that is free (the caller looked, under `Config`).
    pub(crate) fn rename(&mut self, old: &IfName, new: IfName) {
        self.generation += 1;
        if let Some(index) = self.by_name.remove(old) {
            self.by_name.insert(new, index);
        }
    }

    pub(crate) fn add_alt_name(&mut self, name: Vec<u8>, index: Ifindex) {
        self.by_alt_name.insert(name, index);
    }

    pub(crate) fn remove_alt_name(&mut self, name: &[u8]) {
        self.by_alt_name.remove(name);
    }
}
