//! sysfs (sysfs(5)): the links of one network namespace, and empty shelves for the rest.
//!
//! A mount shows the network namespace of the process that made it, and pins it, as on
//! Linux; that is why `ip netns exec` mounts a new one.

mod net;

use super::generated::{Directory, GeneratedFs, Node};
use super::inode::FileSystem;
use super::stat::Kind;
use crate::net::NetNs;
use crate::prelude::*;

/// `SYSFS_MAGIC`, include/uapi/linux/magic.h.
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// The sysfs that shows `namespace`.
#[must_use]
pub fn new(namespace: Arc<NetNs>) -> Arc<dyn FileSystem> {
    let class = Fixed::new(vec_of([
        ("net", Node::Directory(Arc::new(net::Class(namespace.clone())))),
        ("tty", Node::Directory(Fixed::new(Vec::new()))),
    ]));
    let virtual_devices =
        Fixed::new(vec_of([("net", Node::Directory(Arc::new(net::Devices(namespace))))]));
    let devices = Fixed::new(vec_of([("virtual", Node::Directory(virtual_devices))]));
    let fs = Fixed::new(vec_of([("cgroup", Node::Directory(Fixed::new(Vec::new())))]));
    let empty = || Node::Directory(Fixed::new(Vec::new()));
    let root = Fixed::new(vec_of([
        ("block", empty()),
        ("bus", empty()),
        ("class", Node::Directory(class)),
        ("dev", empty()),
        ("devices", Node::Directory(devices)),
        ("firmware", empty()),
        ("fs", Node::Directory(fs)),
        ("kernel", empty()),
        ("module", empty()),
        ("power", empty()),
    ]));
    GeneratedFs::new("sysfs", SYSFS_MAGIC, root)
}

fn vec_of<const N: usize>(entries: [(&'static str, Node); N]) -> Vec<(&'static str, Node)> {
    entries.into()
}

/// A directory whose entries never change.
struct Fixed(Vec<(&'static str, Node)>);

impl Fixed {
    fn new(entries: Vec<(&'static str, Node)>) -> Arc<Self> {
        Arc::new(Self(entries))
    }
}

impl Directory for Fixed {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        self.0.iter().map(|(name, node)| (name.as_bytes().to_vec(), node.kind())).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let (_, node) = self.0.iter().find(|(known, _)| known.as_bytes() == name)?;
        Some(node.clone())
    }

    fn permissions(&self) -> u32 {
        0o755
    }
}
