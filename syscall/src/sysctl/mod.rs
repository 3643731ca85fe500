//! The settings of a namespace: what is under /proc/sys/net.
//!
//! A setting has a path below /proc/sys/net. [`find`] says what is at a path; a setting
//! found is read and written as text. IPv4's settings are the core's, and only those it
//! obeys are listed; [`DoorSysctls`] keeps the few that decide who may do what at this door.

mod door;
mod setting;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_netns::Namespace;
use warren_netns::ip::conf::{Devconf, Setting as IpSetting};
use warren_netns::neighbour::conf::Setting as NeighbourSetting;

pub use door::DoorSysctls;
pub use setting::Setting;
use setting::{Conf, Fixed, Value};

/// What is at a path.
pub enum Entry {
    /// A directory, with the names in it and whether each is a directory itself.
    Directory(Vec<(Vec<u8>, bool)>),
    /// A setting.
    Setting(Setting),
}

/// What is at `path`, a list of names below /proc/sys/net; nothing if it does not exist.
#[must_use]
pub fn find(ns: &Arc<Namespace>, path: &[&[u8]]) -> Option<Entry> {
    let value = match path {
        [] => return Some(directories(&[b"core", b"ipv4"])),
        [b"core"] => return Some(files(Fixed::ALL.iter().map(|fixed| fixed.name()))),
        [b"core", name] => Value::Fixed(Fixed::from_name(name)?),
        [b"ipv4"] => return Some(ipv4()),
        [b"ipv4", b"conf"] => return Some(interfaces(ns)),
        [b"ipv4", b"conf", _] => {
            conf_of(ns, path[2])?;
            return Some(files(Devconf::ALL.iter().map(|setting| setting.name())));
        }
        [b"ipv4", b"conf", of, name] => Value::Conf(conf_of(ns, of)?, Devconf::from_name(name)?),
        [b"ipv4", b"neigh"] => return Some(directories(&[b"default"])),
        [b"ipv4", b"neigh", b"default"] => {
            return Some(files(NeighbourSetting::ALL.iter().map(|setting| setting.name())));
        }
        [b"ipv4", b"neigh", b"default", name] => {
            Value::Neighbour(NeighbourSetting::from_name(name)?)
        }
        [b"ipv4", name] => match *name {
            b"ip_forward" => Value::Forward,
            b"ip_unprivileged_port_start" => Value::PortStart,
            b"ping_group_range" => Value::PingGroups,
            name => Value::Ip(IpSetting::from_name(name)?),
        },
        _ => return None,
    };
    Some(Entry::Setting(Setting::new(ns, value)))
}

/// Whose conf directory it is.
fn conf_of(ns: &Arc<Namespace>, name: &[u8]) -> Option<Conf> {
    match name {
        b"all" => Some(Conf::All),
        b"default" => Some(Conf::Default),
        name => ns.find_link(name).filter(|link| link.name().as_bytes() == name).map(Conf::Link),
    }
}

fn ipv4() -> Entry {
    let own = ["ip_forward", "ip_unprivileged_port_start", "ping_group_range"];
    let files = IpSetting::ALL.iter().map(|setting| setting.name()).chain(own);
    let mut names: Vec<_> = files.map(|name| (name.as_bytes().to_vec(), false)).collect();
    names.extend([(b"conf".to_vec(), true), (b"neigh".to_vec(), true)]);
    names.sort();
    Entry::Directory(names)
}

fn interfaces(ns: &Namespace) -> Entry {
    let mut names = Vec::from([(b"all".to_vec(), true), (b"default".to_vec(), true)]);
    let mut from = 1;
    while let Some(link) = ns.link_at_or_after(from) {
        names.push((link.name().as_bytes().to_vec(), true));
        from = link.ifindex().get() + 1;
    }
    names.sort();
    Entry::Directory(names)
}

fn directories(names: &[&[u8]]) -> Entry {
    Entry::Directory(names.iter().map(|name| (name.to_vec(), true)).collect())
}

fn files(names: impl Iterator<Item = &'static str>) -> Entry {
    let mut names: Vec<_> = names.map(|name| (name.as_bytes().to_vec(), false)).collect();
    names.sort();
    Entry::Directory(names)
}
