//! The forest itself: lookup, attaching, binding, moving and unmounting. Where these
//! spread to is in [`super::propagation`].

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::hash::Hash;

use hashbrown::HashMap;

use super::propagation::{CopyAs, Group};

/// A place a mount can cover: a directory or file of some file system.
pub trait Place: Clone + Eq + Hash {
    /// Whether this place is `ancestor` or lies below it in the same file system.
    fn is_within(&self, ancestor: &Self) -> bool;
    /// Told how many mounts, of all namespaces, now cover this place, so that path
    /// walks ask the forest only where there is something to find.
    fn covered(&self, mounts: usize);
}

/// What a mount carries for the kernel.
pub trait Mounted: Clone {
    /// The kind of place this payload's file systems have.
    type Place: Place;
    /// The payload of a new mount that shows what this one shows, from `root` down.
    #[must_use]
    fn duplicate(&self, id: MountId, root: &Self::Place) -> Self;
    /// How many users besides the forest hold this mount (open files, directories).
    fn users(&self) -> usize;
}

/// Names a mount for as long as the system runs; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MountId(pub u64);

/// Names a peer group, as mountinfo shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

/// Names a mount namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NsId(pub u64);

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum MountError {
    /// The mount, or the combination, does not allow it (EINVAL).
    Invalid,
    /// Something is mounted on it or uses it (EBUSY).
    Busy,
    /// The mount would lie inside itself (ELOOP).
    Loop,
    /// The namespace would hold more mounts than allowed (ENOSPC).
    TooMany,
}

/// What left the forest. Dropping it may destroy file systems and let go of directories,
/// so it is done after the forest's lock is released.
#[derive(Debug)]
#[must_use = "dropped only after the forest's lock"]
pub struct Removed<M: Mounted> {
    /// The payloads of mounts that are gone.
    pub mounts: Vec<M>,
    /// Places that may not be covered any more.
    pub places: Vec<M::Place>,
}

impl<M: Mounted> Removed<M> {
    pub(super) fn place(place: M::Place) -> Self {
        Self { mounts: Vec::new(), places: alloc::vec![place] }
    }

    fn extend(&mut self, other: Self) {
        self.mounts.extend(other.mounts);
        self.places.extend(other.places);
    }
}

#[derive(Debug)]
pub(super) struct Node<M: Mounted> {
    pub(super) data: M,
    pub(super) ns: Option<NsId>,
    pub(super) root: M::Place,
    pub(super) parent: Option<(MountId, M::Place)>,
    pub(super) children: BTreeSet<MountId>,
    pub(super) peers: Option<GroupId>,
    pub(super) master: Option<GroupId>,
    pub(super) unbindable: bool,
    /// Came along into a less privileged namespace: may not be taken away alone.
    pub(super) locked: bool,
}

#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) root: MountId,
    pub(super) mounts: BTreeSet<MountId>,
}

/// All mounts of all mount namespaces.
#[derive(Debug)]
pub struct Forest<M: Mounted> {
    pub(super) nodes: HashMap<MountId, Node<M>>,
    /// For each covered place: parent mount to covering mount.
    pub(super) covers: HashMap<M::Place, HashMap<MountId, MountId>>,
    pub(super) groups: HashMap<GroupId, Group>,
    pub(super) namespaces: HashMap<NsId, Namespace>,
    pub(super) last_id: u64,
    pub(super) last_group: u64,
    pub(super) limit: usize,
}

impl<M: Mounted> Forest<M> {
    /// An empty forest in which a namespace may hold `limit` mounts.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            nodes: HashMap::new(),
            covers: HashMap::new(),
            groups: HashMap::new(),
            namespaces: HashMap::new(),
            last_id: 0,
            last_group: 0,
            limit,
        }
    }

    /// Takes the name of a mount to be.
    pub fn next_id(&mut self) -> MountId {
        self.last_id += 1;
        MountId(self.last_id)
    }

    /// Adds a detached mount, to be attached or discarded by the same operation.
    pub fn add(&mut self, id: MountId, root: M::Place, data: M) {
        let node = Node {
            data,
            ns: None,
            root,
            parent: None,
            children: BTreeSet::new(),
            peers: None,
            master: None,
            unbindable: false,
            locked: false,
        };
        self.nodes.insert(id, node);
    }

    /// The payload of a mount that is in the forest.
    #[must_use]
    pub fn get(&self, mount: MountId) -> Option<&M> {
        self.nodes.get(&mount).map(|node| &node.data)
    }

    /// The namespace `mount` is attached in.
    #[must_use]
    pub fn namespace_of(&self, mount: MountId) -> Option<NsId> {
        self.nodes.get(&mount).and_then(|node| node.ns)
    }

    /// The mount that covers `place` of `mount`, if any.
    #[must_use]
    pub fn covering(&self, mount: MountId, place: &M::Place) -> Option<&M> {
        let child = self.covers.get(place)?.get(&mount)?;
        self.get(*child)
    }

    /// Where `mount` is attached: the payload of its parent and the covered place.
    #[must_use]
    pub fn parent(&self, mount: MountId) -> Option<(&M, &M::Place)> {
        let (parent, place) = self.nodes.get(&mount)?.parent.as_ref()?;
        Some((self.get(*parent)?, place))
    }

    /// Whether a mount of namespace `ns` covers `place`, whatever its parent.
    #[must_use]
    pub fn is_covered_in(&self, ns: NsId, place: &M::Place) -> bool {
        self.covers.get(place).is_some_and(|covers| {
            covers.values().any(|child| self.namespace_of(*child) == Some(ns))
        })
    }

    /// Attaches the detached tree at `source` so that it covers `place` of `parent`,
    /// there and wherever `parent` propagates to.
    pub fn attach(
        &mut self,
        source: MountId,
        parent: MountId,
        place: &M::Place,
    ) -> Result<(), MountError> {
        let ns = self.namespace_of(parent).ok_or(MountError::Invalid)?;
        let tree = self.subtree(source);
        let shared = self.nodes[&parent].peers;
        if shared.is_some() && tree.iter().any(|mount| self.nodes[mount].unbindable) {
            return Err(MountError::Invalid);
        }
        let copies = match shared {
            Some(group) => {
                for mount in &tree {
                    self.make_shared(*mount);
                }
                self.propagate(source, group, parent, place)
            }
            None => Vec::new(),
        };
        if self.exceeds_limit(ns, tree.len(), &copies) {
            for copy in copies {
                // Their originals are still there, so nothing ends with them.
                drop(self.discard(copy.tree));
            }
            return Err(MountError::TooMany);
        }
        self.link(source, parent, place);
        for copy in copies {
            self.link(copy.tree, copy.parent, place);
        }
        Ok(())
    }

    fn exceeds_limit(&self, ns: NsId, tree: usize, copies: &[super::propagation::Copy]) -> bool {
        let mut added: HashMap<NsId, usize> = HashMap::new();
        added.insert(ns, tree);
        for copy in copies {
            if let Some(ns) = self.namespace_of(copy.parent) {
                *added.entry(ns).or_default() += self.subtree(copy.tree).len();
            }
        }
        added.iter().any(|(ns, count)| {
            self.namespaces.get(ns).is_some_and(|ns| ns.mounts.len() + count > self.limit)
        })
    }

    /// Ties a detached tree to its place. A mount already covering the place ends up
    /// on top of the new one, as Linux "tucks" propagated mounts beneath.
    pub(super) fn link(&mut self, tree: MountId, parent: MountId, place: &M::Place) {
        let ns = self.namespace_of(parent);
        if let Some(above) = self.covers.get(place).and_then(|covers| covers.get(&parent)).copied()
        {
            let root = self.nodes[&tree].root.clone();
            self.unlink(above);
            self.set_parent(above, tree, &root);
        }
        self.set_parent(tree, parent, place);
        for mount in self.subtree(tree) {
            if let Some(node) = self.nodes.get_mut(&mount) {
                node.ns = ns;
            }
            if let Some(ns) = ns.and_then(|ns| self.namespaces.get_mut(&ns)) {
                ns.mounts.insert(mount);
            }
        }
    }

    pub(super) fn set_parent(&mut self, child: MountId, parent: MountId, place: &M::Place) {
        if let Some(node) = self.nodes.get_mut(&child) {
            node.parent = Some((parent, place.clone()));
        }
        if let Some(node) = self.nodes.get_mut(&parent) {
            node.children.insert(child);
        }
        let covers = self.covers.entry(place.clone()).or_default();
        covers.insert(parent, child);
        place.covered(covers.len());
    }

    pub(super) fn unlink(&mut self, child: MountId) {
        let Some((parent, place)) = self.nodes.get_mut(&child).and_then(|node| node.parent.take())
        else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(&parent) {
            node.children.remove(&child);
        }
        if let Some(covers) = self.covers.get_mut(&place) {
            covers.remove(&parent);
            place.covered(covers.len());
            if covers.is_empty() {
                self.covers.remove(&place);
            }
        }
    }

    /// `root` and everything mounted below it, parents before children.
    pub(super) fn subtree(&self, root: MountId) -> Vec<MountId> {
        let mut tree = vec![root];
        let mut next = 0;
        while let Some(mount) = tree.get(next) {
            if let Some(node) = self.nodes.get(mount) {
                tree.extend(&node.children);
            }
            next += 1;
        }
        tree
    }

    /// Copies `mount` from `place` down, with the mounts below it if `recursive`, as
    /// a bind mount does. The copy is detached.
    pub fn copy(
        &mut self,
        mount: MountId,
        place: &M::Place,
        recursive: bool,
    ) -> Result<MountId, MountError> {
        let node = self.nodes.get(&mount).ok_or(MountError::Invalid)?;
        let below = |child: &MountId| {
            let child = &self.nodes[child];
            child.parent.as_ref().is_some_and(|(_, at)| at.is_within(place))
        };
        if node.unbindable
            || (!recursive
                && node.children.iter().filter(|c| below(c)).any(|c| self.nodes[c].locked))
        {
            return Err(MountError::Invalid);
        }
        Ok(self.copy_tree(mount, place, recursive, &CopyAs::Peer))
    }

    /// Copies a tree; `how` says how each copy relates to its original. Unbindable
    /// mounts below the root are left out.
    pub(super) fn copy_tree(
        &mut self,
        mount: MountId,
        place: &M::Place,
        recursive: bool,
        how: &CopyAs,
    ) -> MountId {
        let top = self.copy_one(mount, place, how);
        if !recursive {
            return top;
        }
        let mut pending: Vec<(MountId, MountId)> = vec![(mount, top)];
        while let Some((original, copy)) = pending.pop() {
            for child in self.nodes[&original].children.clone() {
                let node = &self.nodes[&child];
                let Some((_, at)) = node.parent.clone() else { continue };
                let skip = node.unbindable || (original == mount && !at.is_within(place));
                if skip {
                    continue;
                }
                let root = node.root.clone();
                let child_copy = self.copy_one(child, &root, how);
                let locked = self.nodes[&child].locked;
                if let Some(node) = self.nodes.get_mut(&child_copy) {
                    node.locked = locked;
                }
                self.set_parent(child_copy, copy, &at);
                pending.push((child, child_copy));
            }
        }
        top
    }

    fn copy_one(&mut self, mount: MountId, root: &M::Place, how: &CopyAs) -> MountId {
        let id = self.next_id();
        let data = self.nodes[&mount].data.duplicate(id, root);
        self.add(id, root.clone(), data);
        self.relate(mount, id, how);
        id
    }

    /// Removes a detached tree.
    pub fn discard(&mut self, tree: MountId) -> Removed<M> {
        let mounts = self.subtree(tree);
        self.remove_all(&mounts)
    }

    /// Takes mounts out of the forest, each on its own.
    pub(super) fn remove_all(&mut self, mounts: &[MountId]) -> Removed<M> {
        let mut removed = Removed { mounts: Vec::new(), places: Vec::new() };
        for mount in mounts {
            if let Some((_, place)) = self.nodes.get(mount).and_then(|node| node.parent.as_ref()) {
                removed.places.push(place.clone());
            }
            self.unlink(*mount);
            self.make_private(*mount);
        }
        for mount in mounts {
            let Some(node) = self.nodes.remove(mount) else { continue };
            if let Some(ns) = node.ns.and_then(|ns| self.namespaces.get_mut(&ns)) {
                ns.mounts.remove(mount);
            }
            removed.mounts.push(node.data);
            removed.places.push(node.root);
        }
        removed
    }

    /// Moves an attached mount, with everything on it, to another place.
    pub fn relocate(
        &mut self,
        mount: MountId,
        parent: MountId,
        place: &M::Place,
    ) -> Result<Removed<M>, MountError> {
        let node = self.nodes.get(&mount).ok_or(MountError::Invalid)?;
        let Some((old_parent, old_place)) = node.parent.clone() else {
            return Err(MountError::Invalid);
        };
        let ns = node.ns;
        if node.locked || self.nodes[&old_parent].peers.is_some() {
            return Err(MountError::Invalid);
        }
        if ns.is_none() || self.namespace_of(parent) != ns {
            return Err(MountError::Invalid);
        }
        if self.subtree(mount).contains(&parent) {
            return Err(MountError::Loop);
        }
        self.unlink(mount);
        match self.attach(mount, parent, place) {
            Ok(()) => Ok(Removed::place(old_place)),
            Err(error) => {
                self.set_parent(mount, old_parent, &old_place);
                Err(error)
            }
        }
    }

    /// Unmounts `mount` here and wherever its parent propagates to. `lazy` takes
    /// everything mounted below along and ignores users; otherwise more than
    /// `own_users` users, or any mount on it, refuse.
    pub fn unmount(
        &mut self,
        mount: MountId,
        lazy: bool,
        own_users: usize,
    ) -> Result<Removed<M>, MountError> {
        let node = self.nodes.get(&mount).ok_or(MountError::Invalid)?;
        if node.ns.is_none() || node.locked || node.parent.is_none() {
            return Err(MountError::Invalid);
        }
        if !lazy && (!node.children.is_empty() || node.data.users() > own_users) {
            return Err(MountError::Busy);
        }
        let mut going: BTreeSet<MountId> = self.subtree(mount).into_iter().collect();
        let echoes = self.echoes(&going);
        if !lazy {
            let busy = |echo: &MountId| {
                let node = &self.nodes[echo];
                node.children.is_empty() && node.data.users() > 0
            };
            if echoes.iter().any(busy) {
                return Err(MountError::Busy);
            }
        }
        going.extend(echoes);
        Ok(self.take_down(&going))
    }

    /// Detaches every mount that covers `place`, in whichever namespace: what happens
    /// to mounts elsewhere when their mount point is unlinked here.
    pub fn uncover(&mut self, place: &M::Place) -> Removed<M> {
        let mut removed = Removed { mounts: Vec::new(), places: Vec::new() };
        while let Some(mount) =
            self.covers.get(place).and_then(|covers| covers.values().next()).copied()
        {
            let going = self.subtree(mount).into_iter().collect();
            removed.extend(self.take_down(&going));
        }
        removed
    }

    /// Removes the mounts in `going`; a mount left on the root of a removed one slides
    /// down to the place that one covered.
    fn take_down(&mut self, going: &BTreeSet<MountId>) -> Removed<M> {
        let mut mounts: Vec<MountId> = going.iter().copied().collect();
        mounts.sort_unstable();
        for mount in &mounts {
            let survivor = self.nodes[mount].children.iter().find(|c| !going.contains(*c)).copied();
            let place = self.nodes[mount].parent.clone();
            if let (Some(survivor), Some((parent, place))) = (survivor, place) {
                self.unlink(survivor);
                self.unlink(*mount);
                self.set_parent(survivor, parent, &place);
            }
        }
        self.remove_all(&mounts)
    }
}
