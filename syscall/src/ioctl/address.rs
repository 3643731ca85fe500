//! IPv4 addresses of links through ioctls (Linux: `devinet_ioctl`, `inet_gifconf`).
//!
//! A name with a colon is the label of an address. An existing address is changed as Linux
//! changes it: taken off and put back with the new value.

use core::net::Ipv4Addr;

use warren_netns::Link;
use warren_netns::ip::{Address, AddressSelector, AddressSpec, IfExists, Label, Scope};
use warren_netns::link::LinkFlags;
use warren_netns::namespace::change::LinkChange;

use super::Call;
use super::device;
use super::ifreq::{self, IfReq};
use crate::abi::{
    AF_INET, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFDSTADDR, SIOCSIFADDR, SIOCSIFBRDADDR,
    SIOCSIFDSTADDR,
};
use crate::errno::Errno;

/// `struct ifconf`: an int, four bytes of padding, a pointer.
const IFCONF: usize = 16;

/// SIOCGIFCONF: every address, each with the label as its name.
pub(super) fn list(call: &Call<'_>) -> Result<i32, Errno> {
    let mut conf: [u8; IFCONF] = call.read()?;
    let [l0, l1, l2, l3, .., p0, p1, p2, p3, p4, p5, p6, p7] = conf;
    let room = i32::from_ne_bytes([l0, l1, l2, l3]);
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let buffer = usize::from_ne_bytes([p0, p1, p2, p3, p4, p5, p6, p7]);
    let mut done = 0;
    for address in call.ns.addresses()? {
        if buffer != 0 {
            if room - done < ifreq::LEN {
                break;
            }
            let mut entry = IfReq([0; ifreq::LEN]);
            entry.set_name(address.label.as_bytes());
            entry.put_inet(address.local);
            call.memory.write(buffer + done, &entry.0)?;
        }
        done += ifreq::LEN;
    }
    let len = i32::try_from(done).map_err(|_| Errno::EINVAL)?;
    conf[..4].copy_from_slice(&len.to_ne_bytes());
    call.write(&conf)
}

/// SIOCGIFADDR and its siblings.
pub(super) fn get(call: &Call<'_>) -> Result<i32, Errno> {
    let mut request = IfReq(call.read()?);
    let link = request.link(call.ns)?;
    let (family, wanted) = request.inet();
    let labelled = of_label(call, &link, &request)?;
    let exact = labelled.iter().find(|a| family == AF_INET && a.local == wanted);
    let address = exact.or_else(|| labelled.first()).ok_or(Errno::EADDRNOTAVAIL)?;
    request.put_inet(match call.command {
        SIOCGIFADDR => address.local,
        SIOCGIFBRDADDR => address.broadcast.unwrap_or(Ipv4Addr::UNSPECIFIED),
        SIOCGIFDSTADDR => address.address,
        _ => mask(address.prefix_len),
    });
    call.write(&request.0)
}

/// SIOCSIFADDR and its siblings.
pub(super) fn set(call: &Call<'_>) -> Result<i32, Errno> {
    let request = IfReq(call.read()?);
    let admin = call.caller.net_admin(call.ns)?;
    let (family, value) = request.inet();
    if family != AF_INET {
        return Err(Errno::EINVAL);
    }
    let link = request.link(call.ns)?;
    let known = of_label(call, &link, &request)?.first().copied();
    let label = Label::new(request.name()).ok_or(Errno::EINVAL)?;
    let new = match (call.command, known) {
        (SIOCSIFADDR, Some(known)) if known.local == value => return Ok(0),
        (SIOCSIFADDR, _) => AddressSpec { label: Some(label), ..classful(&link, value)? },
        (_, None) => return Err(Errno::EADDRNOTAVAIL),
        (SIOCSIFBRDADDR, Some(known)) => AddressSpec { broadcast: Some(value), ..same(&known) },
        (SIOCSIFDSTADDR, Some(known)) => {
            class_prefix(value).ok_or(Errno::EINVAL)?;
            AddressSpec { peer: Some(value), ..same(&known) }
        }
        (_, Some(known)) => with_mask(&link, &known, value)?,
    };
    if let Some(known) = known {
        call.ns.delete_address(&admin, &link, &exactly(&known), call.cx)?;
    }
    // 0.0.0.0 is accepted and adds nothing: how `ifconfig eth0 0.0.0.0` removes.
    call.ns.add_address(&admin, &link, &new, IfExists::Refuse, call.cx)?;
    Ok(0)
}

/// SIOCSIFFLAGS on AF_INET: taking an alias down removes its address.
pub(super) fn set_flags(call: &Call<'_>) -> Result<i32, Errno> {
    let request = IfReq(call.read()?);
    let admin = call.caller.net_admin(call.ns)?;
    let link = request.link(call.ns)?;
    let change = device::flags(request.u16());
    if request.device_name().1 {
        let address = of_label(call, &link, &request)?.first().copied();
        let address = address.ok_or(Errno::EADDRNOTAVAIL)?;
        if !change.0.contains(LinkFlags::UP) {
            call.ns.delete_address(&admin, &link, &exactly(&address), call.cx)?;
        }
        return Ok(0);
    }
    let change = LinkChange { flags: Some(change), ..LinkChange::default() };
    call.ns.change_link(&admin, &link, &change, call.cx)?;
    Ok(0)
}

/// The link's addresses with the label the request names.
fn of_label(
    call: &Call<'_>,
    link: &Link,
    request: &IfReq,
) -> Result<alloc::vec::Vec<Address>, Errno> {
    let mut all = call.ns.addresses()?;
    all.retain(|a| a.ifindex == link.ifindex() && a.label.as_bytes() == request.name());
    Ok(all)
}

fn exactly(address: &Address) -> AddressSelector {
    AddressSelector {
        local: Some(address.local),
        network: Some((address.address, address.prefix_len)),
        label: Some(address.label),
    }
}

/// An address as it is, to be put back.
fn same(address: &Address) -> AddressSpec {
    AddressSpec {
        peer: Some(address.address),
        broadcast: address.broadcast,
        label: Some(address.label),
        scope: address.scope,
        flags: address.flags,
        lifetimes: address.lifetimes,
        route_priority: address.route_priority,
        protocol: address.protocol,
        ..AddressSpec::new(address.local, address.prefix_len)
    }
}

/// An address with the prefix of its class and the usual broadcast address.
fn classful(link: &Link, local: Ipv4Addr) -> Result<AddressSpec, Errno> {
    let class = class_prefix(local).ok_or(Errno::EINVAL)?;
    let flags = link.flags();
    let prefix_len = if flags.contains(LinkFlags::POINTOPOINT) { 32 } else { class };
    let broadcast = flags.contains(LinkFlags::BROADCAST) && prefix_len < 31;
    let scope = if local.is_loopback() { Scope::HOST } else { Scope::UNIVERSE };
    Ok(AddressSpec {
        broadcast: broadcast.then(|| broadcast_of(local, prefix_len)),
        scope,
        ..AddressSpec::new(local, prefix_len)
    })
}

/// The address with another netmask; a broadcast address that followed from the old one
/// follows the new one.
fn with_mask(link: &Link, known: &Address, new: Ipv4Addr) -> Result<AddressSpec, Errno> {
    let prefix_len = prefix_len(new).ok_or(Errno::EINVAL)?;
    let mut spec = AddressSpec { prefix_len, ..same(known) };
    let followed = known.broadcast == Some(broadcast_of(known.local, known.prefix_len));
    if link.flags().contains(LinkFlags::BROADCAST) && known.prefix_len < 31 && followed {
        spec.broadcast = Some(broadcast_of(known.local, prefix_len));
    }
    Ok(spec)
}

/// The prefix of an address' class; `None` for those of no host (`inet_abc_len`).
fn class_prefix(address: Ipv4Addr) -> Option<u8> {
    match address.octets()[0] {
        0 if address.is_unspecified() => Some(0),
        0..128 => Some(8),
        128..192 => Some(16),
        192..224 => Some(24),
        240.. if address.is_broadcast() => Some(0),
        224.. => None,
    }
}

/// A prefix length as a netmask.
pub(crate) const fn mask(prefix_len: u8) -> Ipv4Addr {
    let host_bits = 32_u32.saturating_sub(prefix_len as u32);
    Ipv4Addr::from_bits(match u32::MAX.checked_shl(host_bits) {
        Some(bits) => bits,
        None => 0,
    })
}

/// A netmask as a prefix length; `None` if its ones are not all in front (`bad_mask`).
pub(super) fn prefix_len(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    (bits.leading_ones() == bits.count_ones()).then(|| u8::try_from(bits.count_ones()).ok())?
}

const fn broadcast_of(local: Ipv4Addr, prefix_len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(local.to_bits() | !mask(prefix_len).to_bits())
}
