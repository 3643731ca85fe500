//! Mount namespaces as wholes: founding, copying (CLONE_NEWNS), listing, changing the
//! root (pivot_root(2)), ending.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::forest::{Forest, MountError, MountId, Mounted, Namespace, NsId, Removed};
use super::propagation::CopyAs;

impl<M: Mounted> Forest<M> {
    /// Makes the detached tree at `root` a namespace of its own.
    pub fn found(&mut self, ns: NsId, root: MountId) {
        let mounts = self.subtree(root);
        for mount in &mounts {
            if let Some(node) = self.nodes.get_mut(mount) {
                node.ns = Some(ns);
            }
        }
        self.namespaces.insert(ns, Namespace { root, mounts: mounts.into_iter().collect() });
    }

    /// The mount at the root of a namespace.
    #[must_use]
    pub fn root_of(&self, ns: NsId) -> Option<&M> {
        self.namespaces.get(&ns).and_then(|ns| self.get(ns.root))
    }

    /// The mounts of a namespace, oldest first.
    pub fn mounts_of(&self, ns: NsId) -> impl Iterator<Item = (MountId, &M)> {
        let mounts = self.namespaces.get(&ns).into_iter().flat_map(|ns| &ns.mounts);
        mounts.filter_map(|mount| Some((*mount, self.get(*mount)?)))
    }

    /// Copies namespace `from` as `to` and tells which mount became which. A `lesser`
    /// namespace (of another user namespace) only receives, and may not take
    /// away what it was given (mount_namespaces(7), "Restrictions").
    pub fn clone_namespace(
        &mut self,
        from: NsId,
        to: NsId,
        lesser: bool,
    ) -> Result<HashMap<MountId, M>, MountError> {
        let root = self.namespaces.get(&from).ok_or(MountError::Invalid)?.root;
        let place = self.nodes[&root].root.clone();
        let how = if lesser { CopyAs::Slave } else { CopyAs::Peer };
        let mut renamed = HashMap::new();
        let top = self.copy_all(root, &place, &how, &mut renamed);
        self.found(to, top);
        if lesser {
            for mount in self.subtree(top).into_iter().skip(1) {
                if let Some(node) = self.nodes.get_mut(&mount) {
                    node.locked = true;
                }
            }
        }
        Ok(renamed)
    }

    /// As `copy_tree`, with unbindable mounts, and remembering the pairs.
    fn copy_all(
        &mut self,
        root: MountId,
        place: &M::Place,
        how: &CopyAs,
        renamed: &mut HashMap<MountId, M>,
    ) -> MountId {
        let top = self.copy_tree(root, place, false, how);
        renamed.insert(root, self.nodes[&top].data.clone());
        let mut pending = alloc::vec![(root, top)];
        while let Some((original, copy)) = pending.pop() {
            for child in self.nodes[&original].children.clone() {
                let node = &self.nodes[&child];
                let (child_root, unbindable, locked) =
                    (node.root.clone(), node.unbindable, node.locked);
                let Some((_, at)) = node.parent.clone() else { continue };
                let twin = self.copy_tree(child, &child_root, false, how);
                if let Some(node) = self.nodes.get_mut(&twin) {
                    node.unbindable = unbindable;
                    node.locked = locked;
                }
                self.set_parent(twin, copy, &at);
                renamed.insert(child, self.nodes[&twin].data.clone());
                pending.push((child, twin));
            }
        }
        top
    }

    /// Ends a namespace: all its mounts go, without propagating.
    pub fn end(&mut self, ns: NsId) -> Removed<M> {
        let Some(namespace) = self.namespaces.get(&ns) else {
            return Removed { mounts: Vec::new(), places: Vec::new() };
        };
        let mounts: Vec<MountId> = namespace.mounts.iter().copied().collect();
        let removed = self.remove_all(&mounts);
        self.namespaces.remove(&ns);
        removed
    }

    /// Puts the mount `new` where the mount `old` is, and `old` at `place` of `put`
    /// (which is `new` or lies below it).
    pub fn pivot(
        &mut self,
        new: MountId,
        old: MountId,
        put: MountId,
        place: &M::Place,
    ) -> Result<Removed<M>, MountError> {
        let (Some(new_node), Some(old_node), Some(put_node)) =
            (self.nodes.get(&new), self.nodes.get(&old), self.nodes.get(&put))
        else {
            return Err(MountError::Invalid);
        };
        let ns = new_node.ns.ok_or(MountError::Invalid)?;
        if old_node.ns != Some(ns) || put_node.ns != Some(ns) || new_node.locked {
            return Err(MountError::Invalid);
        }
        let shared = |id: MountId| self.nodes[&id].peers.is_some();
        let Some((new_parent, new_place)) = new_node.parent.clone() else {
            return Err(MountError::Busy);
        };
        let old_parent = old_node.parent.clone();
        if new == old {
            return Err(MountError::Busy);
        }
        if shared(put)
            || shared(new_parent)
            || old_parent.as_ref().is_some_and(|(parent, _)| shared(*parent))
            || !self.subtree(new).contains(&put)
        {
            return Err(MountError::Invalid);
        }
        self.unlink(new);
        self.unlink(old);
        let mut old_place = None;
        match old_parent {
            Some((parent, at)) => {
                self.set_parent(new, parent, &at);
                old_place = Some(at);
            }
            None => {
                if let Some(namespace) = self.namespaces.get_mut(&ns) {
                    namespace.root = new;
                }
            }
        }
        let above = self.covers.get(place).and_then(|covers| covers.get(&put)).copied();
        if let Some(above) = above {
            self.unlink(above);
            let root = self.nodes[&old].root.clone();
            self.set_parent(above, old, &root);
        }
        self.set_parent(old, put, place);
        let mut removed = Removed::place(new_place);
        removed.places.extend(old_place);
        Ok(removed)
    }
}
