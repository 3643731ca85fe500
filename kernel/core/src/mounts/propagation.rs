//! Peer groups, masters and slaves: to which mounts an event on one mount spreads
//! (Documentation/filesystems/sharedsubtree.rst).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::forest::{Forest, GroupId, MountId, Mounted, Place};

/// The four ways a mount can take part in propagation (mount(2), MS_SHARED and its
/// siblings).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Sends to and receives from its peers.
    Shared,
    /// Receives from its former peers.
    Slave,
    /// Neither sends nor receives.
    Private,
    /// As private, and can't be bind-mounted.
    Unbindable,
}

/// Mounts that exchange events, and those that only follow.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) peers: BTreeSet<MountId>,
    pub(super) slaves: BTreeSet<MountId>,
}

/// A copy of a tree on its way to another mount of the propagation set.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) tree: MountId,
    pub(super) parent: MountId,
}

/// How a copied mount relates to its original.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CopyAs {
    /// Same groups: a peer of a shared mount, a fellow slave of a slave.
    Peer,
    /// Follows the original's group.
    Slave,
    /// Follows the original's group and leads a new one.
    SharedSlave,
}

impl<M: Mounted> Forest<M> {
    /// Changes how `mount`, and with `recursive` everything mounted below it,
    /// propagates.
    pub fn set_propagation(&mut self, mount: MountId, kind: Propagation, recursive: bool) {
        let mounts = if recursive { self.subtree(mount) } else { alloc::vec![mount] };
        for mount in mounts {
            match kind {
                Propagation::Shared => self.make_shared(mount),
                Propagation::Slave => self.make_slave(mount),
                Propagation::Private | Propagation::Unbindable => self.make_private(mount),
            }
            if let Some(node) = self.nodes.get_mut(&mount) {
                node.unbindable = kind == Propagation::Unbindable;
            }
        }
    }

    /// The peer group and the master group of a mount, for mountinfo.
    #[must_use]
    pub fn groups_of(&self, mount: MountId) -> (Option<GroupId>, Option<GroupId>) {
        self.nodes.get(&mount).map_or((None, None), |node| (node.peers, node.master))
    }

    /// Whether `mount` refuses to be bound.
    #[must_use]
    pub fn is_unbindable(&self, mount: MountId) -> bool {
        self.nodes.get(&mount).is_some_and(|node| node.unbindable)
    }

    pub(super) fn make_shared(&mut self, mount: MountId) {
        if self.nodes.get(&mount).is_none_or(|node| node.peers.is_some()) {
            return;
        }
        self.last_group += 1;
        self.join(mount, GroupId(self.last_group));
        if let Some(node) = self.nodes.get_mut(&mount) {
            node.unbindable = false;
        }
    }

    fn join(&mut self, mount: MountId, group: GroupId) {
        if let Some(node) = self.nodes.get_mut(&mount) {
            node.peers = Some(group);
            self.groups.entry(group).or_default().peers.insert(mount);
        }
    }

    fn follow(&mut self, mount: MountId, master: Option<GroupId>) {
        let Some(node) = self.nodes.get_mut(&mount) else { return };
        if let Some(old) = node.master.take().and_then(|old| self.groups.get_mut(&old)) {
            old.slaves.remove(&mount);
        }
        if let Some(group) = master.and_then(|master| self.groups.get_mut(&master)) {
            group.slaves.insert(mount);
            node.master = master;
        }
    }

    /// Leaves the peer group and follows it; if it was the last peer, mount and
    /// former slaves follow the group's own master.
    pub(super) fn make_slave(&mut self, mount: MountId) {
        let Some(node) = self.nodes.get_mut(&mount) else { return };
        let (Some(id), master) = (node.peers.take(), node.master) else { return };
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.peers.remove(&mount);
        if group.peers.is_empty() {
            let slaves = core::mem::take(&mut group.slaves);
            for slave in slaves {
                self.follow(slave, master);
            }
            self.groups.remove(&id);
        } else {
            self.follow(mount, Some(id));
        }
    }

    pub(super) fn make_private(&mut self, mount: MountId) {
        self.make_slave(mount);
        self.follow(mount, None);
        if let Some(node) = self.nodes.get_mut(&mount) {
            node.unbindable = false;
        }
    }

    /// Gives a fresh copy its place in the groups of its original.
    pub(super) fn relate(&mut self, original: MountId, copy: MountId, how: &CopyAs) {
        let (peers, master) = self.groups_of(original);
        match how {
            CopyAs::Peer => {
                if let Some(group) = peers {
                    self.join(copy, group);
                }
                self.follow(copy, master);
            }
            // A private original has nothing to follow but its own master.
            CopyAs::Slave => self.follow(copy, peers.or(master)),
            CopyAs::SharedSlave => {
                self.follow(copy, peers.or(master));
                self.make_shared(copy);
            }
        }
    }

    /// Copies the tree at `source`, about to be mounted at `place` of `origin`, for
    /// every other mount that `group` (origin's) propagates to and that shows `place`.
    pub(super) fn propagate(
        &mut self,
        source: MountId,
        group: GroupId,
        origin: MountId,
        place: &M::Place,
    ) -> Vec<Copy> {
        let mut copies = Vec::new();
        // Pairs still to do: a tree whose copies go to a group, and who has it already.
        let mut pending = alloc::vec![(source, group, origin)];
        let mut done = BTreeSet::from([group]);
        while let Some((source, group, origin)) = pending.pop() {
            let Some(Group { peers, slaves }) = self.groups.get(&group) else { continue };
            let (peers, slaves) = (peers.clone(), slaves.clone());
            for peer in peers.into_iter().filter(|peer| *peer != origin) {
                if let Some(copy) = self.copy_for(source, peer, place, &CopyAs::Peer) {
                    copies.push(copy);
                }
            }
            for slave in slaves {
                let Some(own) = self.nodes[&slave].peers else {
                    copies.extend(self.copy_for(source, slave, place, &CopyAs::Slave));
                    continue;
                };
                if !done.insert(own) {
                    continue;
                }
                // The first peer that shows the place gets the copy its group is fed from.
                let members = self.groups[&own].peers.clone();
                let first = members
                    .into_iter()
                    .find_map(|peer| self.copy_for(source, peer, place, &CopyAs::SharedSlave));
                match first {
                    Some(copy) => {
                        pending.push((copy.tree, own, copy.parent));
                        copies.push(copy);
                    }
                    None => pending.push((source, own, slave)),
                }
            }
        }
        copies
    }

    fn copy_for(
        &mut self,
        source: MountId,
        parent: MountId,
        place: &M::Place,
        how: &CopyAs,
    ) -> Option<Copy> {
        let target = self.nodes.get(&parent)?;
        if target.ns.is_none() || !place.is_within(&target.root) {
            return None;
        }
        let root = self.nodes.get(&source)?.root.clone();
        Some(Copy { tree: self.copy_tree(source, &root, true, how), parent })
    }

    /// Every mount an event on a mount of `group` reaches.
    fn reach(&self, group: GroupId) -> BTreeSet<MountId> {
        let mut reached = BTreeSet::new();
        let mut pending = alloc::vec![group];
        let mut done = BTreeSet::from([group]);
        while let Some(group) = pending.pop().and_then(|group| self.groups.get(&group)) {
            reached.extend(&group.peers);
            reached.extend(&group.slaves);
            let owned = group.slaves.iter().filter_map(|slave| self.nodes[slave].peers);
            pending.extend(owned.filter(|group| done.insert(*group)));
        }
        reached
    }

    /// The mounts that go when `going` goes: those covering the same places of the
    /// mounts their parents propagate to, unless something else is mounted on them.
    pub(super) fn echoes(&self, going: &BTreeSet<MountId>) -> BTreeSet<MountId> {
        let mut echoes = BTreeSet::new();
        for mount in going {
            let Some((parent, place)) = &self.nodes[mount].parent else { continue };
            let Some(group) = self.nodes[parent].peers else { continue };
            let Some(covers) = self.covers.get(place) else { continue };
            let reached = self.reach(group);
            echoes.extend(reached.iter().filter_map(|parent| covers.get(parent)).copied());
        }
        echoes.retain(|echo| !going.contains(echo));
        loop {
            let keeps = |echo: &MountId| {
                let node = &self.nodes[echo];
                let mut left =
                    node.children.iter().filter(|c| !going.contains(*c) && !echoes.contains(*c));
                // One mount on the very root can slide down; anything else holds it.
                let on_root = |child: &MountId| {
                    self.nodes[child].parent.as_ref().is_some_and(|(_, at)| *at == node.root)
                };
                match (left.next(), left.next()) {
                    (None, _) => false,
                    (Some(child), None) => !on_root(child),
                    (Some(_), Some(_)) => true,
                }
            };
            let kept: Vec<MountId> = echoes.iter().copied().filter(keeps).collect();
            if kept.is_empty() {
                return echoes;
            }
            for mount in kept {
                echoes.remove(&mount);
            }
        }
    }
}
