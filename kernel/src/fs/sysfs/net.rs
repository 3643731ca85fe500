//! /sys/class/net and /sys/devices/virtual/net: a directory for each link, found by its
//! name at the time, with the values of [`warren_syscall::sysfs`].

use warren_netns::{IfName, Link, Namespace};
use warren_syscall::sysfs;

use crate::fs::generated::{Directory, Node, Text};
use crate::fs::stat::Kind;
use crate::net::{NetNs, UserProcess, enter};
use crate::prelude::*;
use crate::process::current;

/// Calls `each` for every link of a namespace, in the order of their numbers.
fn links(namespace: &Arc<Namespace>, mut each: impl FnMut(Arc<Link>)) {
    let mut from = 0;
    while let Some(link) = namespace.link_at_or_after(from) {
        from = link.ifindex().get().saturating_add(1);
        each(link);
    }
}

fn names_of(namespace: &NetNs, kind: Kind) -> Vec<(Vec<u8>, Kind)> {
    let mut names = Vec::new();
    links(namespace.namespace(), |link| names.push((link.name().as_bytes().to_vec(), kind)));
    names
}

fn find(namespace: &NetNs, name: &[u8]) -> Option<Arc<Link>> {
    namespace.namespace().link_by_name(&IfName::new(name)?)
}

/// /sys/class/net: a symbolic link for each link.
pub(super) struct Class(pub(super) Arc<NetNs>);

impl Directory for Class {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        names_of(&self.0, Kind::Symlink)
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        find(&self.0, name)?;
        Some(Node::link(&[b"../../devices/virtual/net/", name].concat()))
    }
}

/// /sys/devices/virtual/net: the links themselves.
pub(super) struct Devices(pub(super) Arc<NetNs>);

impl Directory for Devices {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        names_of(&self.0, Kind::Directory)
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let link = find(&self.0, name)?;
        let home = self.0.clone();
        Some(Node::Directory(Arc::new(Device { link, name: name.to_vec(), home })))
    }
}

/// One link.
struct Device {
    link: Arc<Link>,
    name: Vec<u8>,
    home: Arc<NetNs>,
}

impl Device {
    /// The attributes that come and go with what the link is part of.
    fn relation(&self, name: &[u8]) -> Option<Node> {
        match name {
            b"subsystem" => Some(Node::link(b"../../../../class/net")),
            b"master" => {
                let master = self.link.master()?.name();
                Some(Node::link(&[b"../", master.as_bytes()].concat()))
            }
            b"statistics" => Some(Node::Directory(Arc::new(Statistics(self.link.clone())))),
            _ => None,
        }
    }
}

impl Directory for Device {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let attributes = sysfs::attributes().map(|name| (name.as_bytes().to_vec(), Kind::Regular));
        let relations = [&b"master"[..], b"statistics", b"subsystem"];
        let relations = relations
            .into_iter()
            .filter_map(|name| Some((name.to_vec(), self.relation(name)?.kind())));
        attributes.chain(relations).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        if let Some(node) = self.relation(name) {
            return Some(node);
        }
        let name = sysfs::attributes().find(|known| known.as_bytes() == name)?;
        Some(Node::Text(Arc::new(Attribute { link: self.link.clone(), name })))
    }

    fn is_current(&self) -> bool {
        find(&self.home, &self.name).is_some_and(|link| Arc::ptr_eq(&link, &self.link))
    }

    fn permissions(&self) -> u32 {
        0o755
    }
}

/// One attribute of a link.
struct Attribute {
    link: Arc<Link>,
    name: &'static str,
}

impl Text for Attribute {
    fn read(&self) -> Result<Vec<u8>> {
        sysfs::read(self.name.as_bytes(), &self.link).ok_or(Errno::ENODEV)?
    }

    fn write(&self, text: &[u8]) -> Result<()> {
        let caller = UserProcess::new(current());
        sysfs::write(self.name.as_bytes(), text, &self.link, &caller, &enter())
    }

    fn permissions(&self) -> u32 {
        if sysfs::is_writable(self.name.as_bytes()) { 0o644 } else { 0o444 }
    }
}

/// statistics/ of a link.
struct Statistics(Arc<Link>);

impl Directory for Statistics {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        sysfs::statistics().map(|name| (name.as_bytes().to_vec(), Kind::Regular)).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let link = self.0.clone();
        let name = sysfs::statistics().find(|known| known.as_bytes() == name)?;
        Some(Node::text(move || sysfs::statistic(name.as_bytes(), &link).ok_or(Errno::ENODEV)))
    }
}
