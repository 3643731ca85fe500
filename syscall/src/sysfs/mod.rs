//! The text of /sys/class/net/LINK: one value a file, as Linux prints it
//! (Documentation/ABI/testing/sysfs-class-net of Linux).
//!
//! The host serves files by name ([`read`], [`write`], [`statistic`]) from the namespace that
//! mounted the sysfs. Files that only make sense for hardware (`phys_port_id` and its like)
//! are absent.

#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_netns::link::{LinkFlags, LinkInfo, OperState, StatsSnapshot};
use warren_netns::namespace::change::LinkChange;
use warren_netns::{Cx, Link, Mtu};

use crate::cred::Caller;
use crate::errno::Errno;

type Show = fn(&LinkInfo) -> Result<String, Errno>;

/// Each attribute with its text.
const ATTRIBUTES: &[(&str, Show)] = &[
    ("addr_len", |_| Ok("6".to_string())),
    ("address", |info| Ok(info.mac.to_string())),
    ("broadcast", |info| Ok(info.broadcast.to_string())),
    ("carrier", carrier),
    ("carrier_changes", |info| Ok(info.carrier_ups.wrapping_add(info.carrier_downs).to_string())),
    ("carrier_down_count", |info| Ok(info.carrier_downs.to_string())),
    ("carrier_up_count", |info| Ok(info.carrier_ups.to_string())),
    ("dev_id", |_| Ok("0x0".to_string())),
    ("dev_port", |_| Ok("0".to_string())),
    ("dormant", |info| while_up(info, "0")),
    ("duplex", duplex),
    ("flags", |info| Ok(format!("0x{:x}", settable_flags(info.flags).bits()))),
    ("ifalias", |info| Ok(String::from_utf8_lossy(&info.alias).into_owned())),
    ("ifindex", |info| Ok(info.ifindex.to_string())),
    ("iflink", iflink),
    ("link_mode", |info| Ok(info.link_mode.to_string())),
    ("mtu", |info| Ok(info.mtu.0.to_string())),
    ("netdev_group", |info| Ok(info.group.to_string())),
    ("operstate", |info| Ok(oper_state(info.oper_state).to_string())),
    ("proto_down", |_| Ok("0".to_string())),
    ("speed", speed),
    ("testing", |info| while_up(info, "0")),
    ("tx_queue_len", |info| Ok(info.tx_queue_len.to_string())),
    ("type", |info| Ok((info.hardware as u16).to_string())),
    ("uevent", |info| Ok(format!("INTERFACE={}\nIFINDEX={}", info.name, info.ifindex))),
];

type Count = fn(&StatsSnapshot) -> u64;

/// Each counter of `statistics/`; those that only hardware can count are zero, as for any
/// virtual link on Linux.
const STATISTICS: &[(&str, Count)] = &[
    ("collisions", |_| 0),
    ("multicast", |stats| stats.multicast),
    ("rx_bytes", |stats| stats.rx_bytes),
    ("rx_compressed", |_| 0),
    ("rx_crc_errors", |_| 0),
    ("rx_dropped", |stats| stats.rx_dropped),
    ("rx_errors", |_| 0),
    ("rx_fifo_errors", |_| 0),
    ("rx_frame_errors", |_| 0),
    ("rx_length_errors", |_| 0),
    ("rx_missed_errors", |_| 0),
    ("rx_nohandler", |_| 0),
    ("rx_over_errors", |_| 0),
    ("rx_packets", |stats| stats.rx_packets),
    ("tx_aborted_errors", |_| 0),
    ("tx_bytes", |stats| stats.tx_bytes),
    ("tx_carrier_errors", |_| 0),
    ("tx_compressed", |_| 0),
    ("tx_dropped", |stats| stats.tx_dropped),
    ("tx_errors", |_| 0),
    ("tx_fifo_errors", |_| 0),
    ("tx_heartbeat_errors", |_| 0),
    ("tx_packets", |stats| stats.tx_packets),
    ("tx_window_errors", |_| 0),
];

/// The names of a link's attributes, sorted.
pub fn attributes() -> impl Iterator<Item = &'static str> {
    ATTRIBUTES.iter().map(|(name, _)| *name)
}

/// The names of a link's counters, sorted.
pub fn statistics() -> impl Iterator<Item = &'static str> {
    STATISTICS.iter().map(|(name, _)| *name)
}

/// Whether the attribute can be written.
#[must_use]
pub fn is_writable(name: &[u8]) -> bool {
    matches!(name, b"flags" | b"ifalias" | b"mtu" | b"netdev_group" | b"tx_queue_len")
}

/// The text of one attribute as it is now; `None` if there is no such attribute.
#[must_use]
pub fn read(name: &[u8], link: &Arc<Link>) -> Option<Result<Vec<u8>, Errno>> {
    let (_, show) = ATTRIBUTES.iter().find(|(known, _)| known.as_bytes() == name)?;
    let text = show(&link.info()).map(|mut text| {
        // An empty description is an empty file; everything else is a line.
        if !text.is_empty() {
            text.push('\n');
        }
        text.into_bytes()
    });
    Some(text)
}

/// The text of one counter; `None` if there is no such counter.
#[must_use]
pub fn statistic(name: &[u8], link: &Arc<Link>) -> Option<Vec<u8>> {
    let (_, count) = STATISTICS.iter().find(|(known, _)| known.as_bytes() == name)?;
    Some(format!("{}\n", count(&link.stats.snapshot())).into_bytes())
}

/// Sets one attribute.
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN, `EACCES` for attributes that are only read, `EINVAL` for
/// text that is no number, `ENODEV` if the link has gone; nothing changed.
pub fn write(
    name: &[u8],
    text: &[u8],
    link: &Arc<Link>,
    caller: &dyn Caller,
    cx: &Cx<'_>,
) -> Result<(), Errno> {
    if !is_writable(name) {
        return Err(Errno::EACCES);
    }
    let ns = link.namespace().ok_or(Errno::ENODEV)?;
    let admin = caller.net_admin(&ns)?;
    let change = match name {
        b"ifalias" => {
            let alias = text.strip_suffix(b"\n").unwrap_or(text);
            // IFALIASZ, the terminator counted.
            if alias.len() >= 256 {
                return Err(Errno::EINVAL);
            }
            LinkChange { alias: Some(alias.to_vec()), ..LinkChange::default() }
        }
        b"mtu" => LinkChange { mtu: Some(Mtu(number(text)?)), ..LinkChange::default() },
        b"netdev_group" => LinkChange { group: Some(number(text)?), ..LinkChange::default() },
        b"tx_queue_len" => {
            LinkChange { tx_queue_len: Some(number(text)?), ..LinkChange::default() }
        }
        _ => {
            let flags = LinkFlags::from_bits_retain(number(text)?);
            LinkChange { flags: Some((flags, LinkFlags::all())), ..LinkChange::default() }
        }
    };
    ns.change_link(&admin, link, &change, cx).map_err(Errno::from)
}

/// A number as `kstrtoul` with base 0 takes it: decimal, `0x` or a leading `0`.
fn number(text: &[u8]) -> Result<u32, Errno> {
    let text = core::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // from_str_radix would take a sign.
    if digits.starts_with(['+', '-']) {
        return Err(Errno::EINVAL);
    }
    u32::from_str_radix(digits, radix).map_err(|_| Errno::EINVAL)
}

/// What `flags` shows: not the volatile ones (Linux prints `dev->flags`).
fn settable_flags(flags: LinkFlags) -> LinkFlags {
    flags - (LinkFlags::RUNNING | LinkFlags::LOWER_UP | LinkFlags::DORMANT)
}

/// Attributes that Linux refuses to read while the link is down.
fn while_up(info: &LinkInfo, value: &str) -> Result<String, Errno> {
    if info.flags.contains(LinkFlags::UP) { Ok(value.to_string()) } else { Err(Errno::EINVAL) }
}

fn carrier(info: &LinkInfo) -> Result<String, Errno> {
    while_up(info, if info.carrier { "1" } else { "0" })
}

fn speed(info: &LinkInfo) -> Result<String, Errno> {
    let speed = info.link.kind().speed_mbps().ok_or(Errno::EINVAL)?;
    while_up(info, &speed.to_string())
}

fn duplex(info: &LinkInfo) -> Result<String, Errno> {
    info.link.kind().speed_mbps().ok_or(Errno::EINVAL)?;
    while_up(info, "full")
}

fn iflink(info: &LinkInfo) -> Result<String, Errno> {
    let other = info.peer.as_ref().map_or(info.ifindex, |peer| peer.ifindex);
    Ok(other.to_string())
}

/// net/core/net-sysfs.c, `operstates`.
const fn oper_state(state: OperState) -> &'static str {
    match state {
        OperState::Unknown => "unknown",
        OperState::Down => "down",
        OperState::LowerLayerDown => "lowerlayerdown",
        OperState::Up => "up",
    }
}
