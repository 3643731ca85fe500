//! The text of /proc/net: what `netstat`, `route`, `arp`, `ss` and busybox read, in the
//! format Linux prints. The host serves a file by name ([`read`]) from the namespace of the
//! process whose /proc/PID/net it is.

mod counters;
mod links;
mod routes;
mod sockets;
#[cfg(test)]
mod tests;
mod unix;

use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_netns::{Cx, Namespace};

use crate::errno::Errno;
use crate::text::Text;

type Show = fn(&mut Text, &Arc<Namespace>, &Cx<'_>) -> Result<(), Errno>;

/// Name and text of each file. (`tcp6` and its siblings are absent, as on a Linux booted with
/// ipv6.disable=1; so is `if_inet6`.)
const FILES: &[(&str, Show)] = &[
    ("arp", routes::arp),
    ("dev", links::dev),
    ("icmp", sockets::icmp),
    ("netstat", counters::netstat),
    ("packet", unix::packet),
    ("psched", links::psched),
    ("raw", sockets::raw),
    ("route", routes::route),
    ("snmp", counters::snmp),
    ("sockstat", sockets::sockstat),
    ("softnet_stat", links::softnet_stat),
    ("tcp", sockets::tcp),
    ("udp", sockets::udp),
    ("unix", unix::unix),
];

/// The names of the files, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The text of one file as it is now; `None` if there is no such file.
pub fn read(name: &[u8], ns: &Arc<Namespace>, cx: &Cx<'_>) -> Option<Result<Vec<u8>, Errno>> {
    let (_, show) = FILES.iter().find(|(known, _)| known.as_bytes() == name)?;
    let mut text = Text::default();
    Some(show(&mut text, ns, cx).and_then(|()| text.finish()))
}

/// An IPv4 address as these files print it: the number as this machine reads the four
/// bytes in network order.
const fn as_stored(address: core::net::Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}
