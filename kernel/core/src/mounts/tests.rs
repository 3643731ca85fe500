//! Scenes of shared subtrees, written as paths of one make-believe file system.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;

use super::*;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct At(String);

impl Place for At {
    fn is_within(&self, ancestor: &Self) -> bool {
        self.0 == ancestor.0 || self.0.starts_with(&format!("{}/", ancestor.0))
    }
    fn covered(&self, _mounts: usize) {}
}

#[derive(Clone, Debug)]
struct Disk {
    id: MountId,
    name: &'static str,
    users: Rc<Cell<usize>>,
}

impl Mounted for Disk {
    type Place = At;
    fn duplicate(&self, id: MountId, _root: &At) -> Self {
        Self { id, name: self.name, users: Rc::default() }
    }
    fn users(&self) -> usize {
        self.users.get()
    }
}

const NS: NsId = NsId(1);
const OTHER: NsId = NsId(2);

fn at(place: &str) -> At {
    At(place.to_string())
}

fn disk(forest: &mut Forest<Disk>, name: &'static str) -> MountId {
    let id = forest.next_id();
    forest.add(id, at(name), Disk { id, name, users: Rc::default() });
    id
}

fn scene() -> (Forest<Disk>, MountId) {
    let mut forest = Forest::new(16);
    let root = disk(&mut forest, "root");
    forest.found(NS, root);
    (forest, root)
}

fn mount(forest: &mut Forest<Disk>, name: &'static str, parent: MountId, place: &str) -> MountId {
    let id = disk(forest, name);
    forest.attach(id, parent, &at(place)).unwrap();
    id
}

fn name_at(forest: &Forest<Disk>, parent: MountId, place: &str) -> Option<&'static str> {
    forest.covering(parent, &at(place)).map(|disk| disk.name)
}

fn listing(forest: &Forest<Disk>, ns: NsId) -> Vec<&'static str> {
    forest.mounts_of(ns).map(|(_, disk)| disk.name).collect()
}

#[test]
fn a_mount_covers_its_place_until_it_is_unmounted() {
    let (mut forest, root) = scene();
    let proc = mount(&mut forest, "proc", root, "root/proc");
    assert_eq!(name_at(&forest, root, "root/proc"), Some("proc"));
    assert_eq!(forest.parent(proc).unwrap().1, &at("root/proc"));
    let Removed { mounts: gone, .. } = forest.unmount(proc, false, 0).unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(name_at(&forest, root, "root/proc"), None);
    assert_eq!(listing(&forest, NS), ["root"]);
}

#[test]
fn a_mount_in_use_or_with_mounts_on_it_is_busy_unless_unmounted_lazily() {
    let (mut forest, root) = scene();
    let a = mount(&mut forest, "a", root, "root/a");
    mount(&mut forest, "b", a, "a/b");
    assert_eq!(forest.unmount(a, false, 0).unwrap_err(), MountError::Busy);
    let Removed { mounts: gone, .. } = forest.unmount(a, true, 0).unwrap();
    assert_eq!(gone.len(), 2);
    let c = mount(&mut forest, "c", root, "root/c");
    forest.get(c).unwrap().users.set(1);
    assert_eq!(forest.unmount(c, false, 0).unwrap_err(), MountError::Busy);
    let Removed { mounts: gone, .. } = forest.unmount(c, false, 1).unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(listing(&forest, NS), ["root"]);
}

#[test]
fn the_root_of_a_namespace_cannot_be_unmounted() {
    let (mut forest, root) = scene();
    assert_eq!(forest.unmount(root, true, 0).unwrap_err(), MountError::Invalid);
}

#[test]
fn a_second_mount_on_a_place_covers_the_first() {
    let (mut forest, root) = scene();
    let first = mount(&mut forest, "first", root, "root/x");
    let second = mount(&mut forest, "second", first, "first");
    assert_eq!(name_at(&forest, first, "first"), Some("second"));
    let Removed { mounts: gone, .. } = forest.unmount(second, false, 0).unwrap();
    assert_eq!(gone[0].name, "second");
    assert_eq!(name_at(&forest, root, "root/x"), Some("first"));
}

#[test]
fn a_bind_copies_one_mount_and_a_recursive_bind_the_tree_without_unbindable_parts() {
    let (mut forest, root) = scene();
    let a = mount(&mut forest, "a", root, "root/a");
    mount(&mut forest, "deep", a, "a/sub/deep");
    let hidden = mount(&mut forest, "hidden", a, "a/sub/hidden");
    mount(&mut forest, "outside", a, "a/outside");
    forest.set_propagation(hidden, Propagation::Unbindable, false);
    let plain = forest.copy(a, &at("a/sub"), false).unwrap();
    assert_eq!(name_at(&forest, plain, "a/sub/deep"), None);
    let tree = forest.copy(a, &at("a/sub"), true).unwrap();
    assert_eq!(name_at(&forest, tree, "a/sub/deep"), Some("deep"));
    assert_eq!(name_at(&forest, tree, "a/sub/hidden"), None);
    assert_eq!(name_at(&forest, tree, "a/outside"), None);
    assert_eq!(forest.copy(hidden, &at("hidden"), false).unwrap_err(), MountError::Invalid);
}

#[test]
fn ip_netns_add_shares_its_directory_with_namespaces_cloned_later() {
    // mount --bind /run/netns /run/netns; mount --make-rshared; unshare -m elsewhere;
    // then a namespace file bound in one of them appears in, and leaves, the other.
    let (mut forest, root) = scene();
    let dir = forest.copy(root, &at("root/run/netns"), true).unwrap();
    forest.attach(dir, root, &at("root/run/netns")).unwrap();
    forest.set_propagation(dir, Propagation::Shared, true);
    let renamed = forest.clone_namespace(NS, OTHER, false).unwrap();
    let there = renamed[&dir].id;
    forest.set_propagation(renamed[&root].id, Propagation::Slave, true);
    let file = disk(&mut forest, "net:[1]");
    forest.attach(file, dir, &at("root/run/netns/a")).unwrap();
    assert_eq!(name_at(&forest, there, "root/run/netns/a"), Some("net:[1]"));
    let Removed { mounts: gone, .. } = forest.unmount(file, true, 0).unwrap();
    assert_eq!(gone.len(), 2);
    assert_eq!(name_at(&forest, there, "root/run/netns/a"), None);
}

#[test]
fn a_slave_receives_and_does_not_send() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, true);
    let renamed = forest.clone_namespace(NS, OTHER, false).unwrap();
    let slave = renamed[&root].id;
    forest.set_propagation(slave, Propagation::Slave, true);
    assert_eq!(forest.groups_of(slave), (None, forest.groups_of(root).0));
    mount(&mut forest, "up", root, "root/up");
    assert_eq!(name_at(&forest, slave, "root/up"), Some("up"));
    mount(&mut forest, "down", slave, "root/down");
    assert_eq!(name_at(&forest, root, "root/down"), None);
    // ip netns exec: umount /sys, mount sysfs there, and the parent never notices.
    let up = forest.covering(slave, &at("root/up")).unwrap().id;
    let Removed { mounts: gone, .. } = forest.unmount(up, true, 0).unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(name_at(&forest, root, "root/up"), Some("up"));
}

#[test]
fn a_shared_slave_passes_on_what_it_receives() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, false);
    let middle = forest.clone_namespace(NS, OTHER, false).unwrap()[&root].id;
    forest.set_propagation(middle, Propagation::Slave, false);
    forest.set_propagation(middle, Propagation::Shared, false);
    let end = forest.clone_namespace(OTHER, NsId(3), false).unwrap()[&middle].id;
    mount(&mut forest, "m", root, "root/m");
    assert_eq!(name_at(&forest, middle, "root/m"), Some("m"));
    assert_eq!(name_at(&forest, end, "root/m"), Some("m"));
    let (a, b) = (
        forest.covering(middle, &at("root/m")).unwrap().id,
        forest.covering(end, &at("root/m")).unwrap().id,
    );
    assert_eq!(forest.groups_of(a), forest.groups_of(b));
    assert!(forest.groups_of(a).0.is_some() && forest.groups_of(a).1.is_some());
}

#[test]
fn private_mounts_neither_send_nor_receive() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, true);
    let twin = forest.clone_namespace(NS, OTHER, false).unwrap()[&root].id;
    forest.set_propagation(twin, Propagation::Private, true);
    mount(&mut forest, "m", root, "root/m");
    mount(&mut forest, "n", twin, "root/n");
    assert_eq!(name_at(&forest, twin, "root/m"), None);
    assert_eq!(name_at(&forest, root, "root/n"), None);
}

#[test]
fn a_bind_that_does_not_show_the_place_receives_nothing() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, true);
    let part = forest.copy(root, &at("root/part"), false).unwrap();
    forest.attach(part, root, &at("root/view")).unwrap();
    mount(&mut forest, "in", root, "root/part/in");
    mount(&mut forest, "out", root, "root/out");
    assert_eq!(name_at(&forest, part, "root/part/in"), Some("in"));
    assert_eq!(name_at(&forest, part, "root/out"), None);
}

#[test]
fn when_the_last_peer_leaves_its_slaves_follow_its_master() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, false);
    let middle = forest.clone_namespace(NS, OTHER, false).unwrap()[&root].id;
    forest.set_propagation(middle, Propagation::Slave, false);
    forest.set_propagation(middle, Propagation::Shared, false);
    let end = forest.clone_namespace(OTHER, NsId(3), false).unwrap()[&middle].id;
    forest.set_propagation(end, Propagation::Slave, false);
    forest.set_propagation(middle, Propagation::Private, false);
    assert_eq!(forest.groups_of(end).1, forest.groups_of(root).0);
}

#[test]
fn a_propagated_mount_slides_under_what_is_there() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, false);
    let slave = forest.clone_namespace(NS, OTHER, false).unwrap()[&root].id;
    forest.set_propagation(slave, Propagation::Slave, false);
    let own = mount(&mut forest, "own", slave, "root/x");
    let sent = mount(&mut forest, "sent", root, "root/x");
    assert_eq!(name_at(&forest, slave, "root/x"), Some("sent"));
    assert_eq!(forest.parent(own).unwrap().0.name, "sent");
    let Removed { mounts: gone, .. } = forest.unmount(sent, false, 0).unwrap();
    assert_eq!(gone.len(), 2);
    assert_eq!(name_at(&forest, slave, "root/x"), Some("own"));
}

#[test]
fn unlinking_a_mount_point_detaches_what_other_namespaces_mounted_there() {
    let (mut forest, root) = scene();
    let twin = forest.clone_namespace(NS, OTHER, false).unwrap()[&root].id;
    mount(&mut forest, "m", twin, "root/x");
    assert!(!forest.is_covered_in(NS, &at("root/x")));
    assert!(forest.is_covered_in(OTHER, &at("root/x")));
    let Removed { mounts: gone, .. } = forest.uncover(&at("root/x"));
    assert_eq!(gone.len(), 1);
    assert_eq!(listing(&forest, OTHER), ["root"]);
}

#[test]
fn a_lesser_namespace_follows_and_cannot_take_away_what_it_was_given() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, true);
    let proc = mount(&mut forest, "proc", root, "root/proc");
    let renamed = forest.clone_namespace(NS, OTHER, true).unwrap();
    assert_eq!(forest.groups_of(renamed[&root].id), (None, forest.groups_of(root).0));
    let twin = renamed[&proc].id;
    assert_eq!(forest.unmount(twin, true, 0).unwrap_err(), MountError::Invalid);
    let top = renamed[&root].id;
    assert_eq!(forest.copy(top, &at("root"), false).unwrap_err(), MountError::Invalid);
    assert!(forest.copy(top, &at("root"), true).is_ok());
}

#[test]
fn a_namespace_holds_no_more_than_its_limit_and_a_refused_mount_leaves_no_trace() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, true);
    let twin = forest.clone_namespace(NS, OTHER, false).unwrap()[&root].id;
    forest.set_propagation(twin, Propagation::Slave, true);
    for _ in 1..16 {
        mount(&mut forest, "own", twin, "root/own");
    }
    assert_eq!(listing(&forest, OTHER).len(), 16);
    let more = disk(&mut forest, "more");
    assert_eq!(forest.attach(more, root, &at("root/more")), Err(MountError::TooMany));
    let Removed { mounts: gone, .. } = forest.discard(more);
    assert_eq!(gone.len(), 1);
    assert_eq!(listing(&forest, NS), ["root"]);
    assert_eq!(forest.nodes.len(), 17);
}

#[test]
fn a_mount_moves_with_everything_on_it_but_not_into_itself() {
    let (mut forest, root) = scene();
    let a = mount(&mut forest, "a", root, "root/a");
    let b = mount(&mut forest, "b", a, "a/b");
    assert_eq!(forest.relocate(a, b, &at("b/x")).unwrap_err(), MountError::Loop);
    drop(forest.relocate(a, root, &at("root/c")).unwrap());
    assert_eq!(name_at(&forest, root, "root/a"), None);
    assert_eq!(name_at(&forest, root, "root/c"), Some("a"));
    assert_eq!(name_at(&forest, a, "a/b"), Some("b"));
    assert_eq!(forest.relocate(root, b, &at("b/x")).unwrap_err(), MountError::Invalid);
}

#[test]
fn pivot_root_swaps_the_root_and_keeps_the_old_one_reachable() {
    let (mut forest, root) = scene();
    let new = mount(&mut forest, "new", root, "root/new");
    drop(forest.pivot(new, root, new, &at("new/old")).unwrap());
    assert_eq!(forest.root_of(NS).unwrap().name, "new");
    assert_eq!(name_at(&forest, new, "new/old"), Some("root"));
    // pivot_root(".", "."), as container runtimes do, then a lazy umount.
    let again = mount(&mut forest, "again", new, "new/again");
    drop(forest.pivot(again, new, again, &at("again")).unwrap());
    assert_eq!(name_at(&forest, again, "again"), Some("new"));
    let Removed { mounts: gone, .. } = forest.unmount(new, true, 0).unwrap();
    assert_eq!(gone.len(), 2);
    assert_eq!(listing(&forest, NS), ["again"]);
}

#[test]
fn the_end_of_a_namespace_takes_its_mounts_and_leaves_the_others() {
    let (mut forest, root) = scene();
    forest.set_propagation(root, Propagation::Shared, true);
    mount(&mut forest, "proc", root, "root/proc");
    forest.clone_namespace(NS, OTHER, false).unwrap();
    let Removed { mounts: gone, .. } = forest.end(OTHER);
    assert_eq!(gone.len(), 2);
    assert_eq!(listing(&forest, NS), ["root", "proc"]);
    assert!(listing(&forest, OTHER).is_empty());
    assert_eq!(forest.covers.len(), 1);
}
