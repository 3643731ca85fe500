//! IPPROTO_IP (Linux: `do_ip_setsockopt`, `do_ip_getsockopt`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use warren_netns::socket::{PathMtuDiscovery, SocketOptions};
use warren_netns::{Ifindex, Namespace};

use super::{int_or_byte, show, show_or_byte};
use crate::abi::{
    IP_MTU_DISCOVER, IP_MULTICAST_IF, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_PKTINFO,
    IP_PMTUDISC_DO, IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE, IP_PMTUDISC_WANT, IP_RECVERR, IP_RECVTOS,
    IP_RECVTTL, IP_TOS, IP_TTL,
};
use crate::errno::Errno;
use crate::socket::inet::Wants;

/// Turns a control message on or off.
///
/// # Errors
/// ENOPROTOOPT if the option asks for none.
pub(in crate::socket) fn want(wants: &mut Wants, name: i32, value: &[u8]) -> Result<(), Errno> {
    let want = Wants::of(name).ok_or(Errno::ENOPROTOOPT)?;
    wants.set(want, int_or_byte(value)? != 0);
    Ok(())
}

/// The interface IP_MULTICAST_IF names, in this namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::socket) struct Interface {
    link: Option<Ifindex>,
    address: Option<Ipv4Addr>,
}

/// Reads IP_MULTICAST_IF's value: `struct in_addr`, `struct ip_mreq` or `struct ip_mreqn`,
/// saying an address, a link's number, or neither. Nothing for other options.
pub(in crate::socket) fn interface(
    ns: &Arc<Namespace>,
    name: i32,
    value: &[u8],
) -> Result<Interface, Errno> {
    if name != IP_MULTICAST_IF {
        return Ok(Interface::default());
    }
    let (address, index) = match *value {
        [_, _, _, _, a, b, c, d, i0, i1, i2, i3, ..] => {
            (Ipv4Addr::new(a, b, c, d), u32::from_ne_bytes([i0, i1, i2, i3]))
        }
        [_, _, _, _, a, b, c, d, ..] | [a, b, c, d, ..] => (Ipv4Addr::new(a, b, c, d), 0),
        _ => return Err(Errno::EINVAL),
    };
    let link = match index {
        0 if address.is_unspecified() => None,
        0 => {
            let known = ns.addresses()?;
            let known = known.iter().find(|known| known.local == address);
            Some(known.ok_or(Errno::EADDRNOTAVAIL)?.ifindex)
        }
        index => {
            let index = Ifindex::new(index).filter(|index| ns.link(*index).is_some());
            Some(index.ok_or(Errno::EADDRNOTAVAIL)?)
        }
    };
    Ok(Interface { link, address: (!address.is_unspecified()).then_some(address) })
}

/// Changes one option. `stream`: TCP leaves the ECN bits of IP_TOS alone and has no
/// multicast.
///
/// # Errors
/// ENOPROTOOPT for an option that is not known, EINVAL for a value out of range.
pub(in crate::socket) fn set(
    options: &mut SocketOptions,
    interface: Interface,
    stream: bool,
    name: i32,
    value: &[u8],
) -> Result<(), Errno> {
    match name {
        IP_TOS => {
            let [tos, ..] = int_or_byte(value)?.to_le_bytes();
            options.tos = if stream { tos & !3 | options.tos & 3 } else { tos };
        }
        IP_TTL => {
            options.ttl = match int_or_byte(value)? {
                -1 => None,
                ttl => match u8::try_from(ttl) {
                    Ok(0) | Err(_) => return Err(Errno::EINVAL),
                    Ok(ttl) => Some(ttl),
                },
            }
        }
        IP_RECVERR => options.receive_errors = int_or_byte(value)? != 0,
        IP_MTU_DISCOVER => {
            options.pmtu_discovery = match int_or_byte(value)? {
                IP_PMTUDISC_DONT => PathMtuDiscovery::Dont,
                IP_PMTUDISC_WANT => PathMtuDiscovery::Want,
                IP_PMTUDISC_DO => PathMtuDiscovery::Do,
                IP_PMTUDISC_PROBE => PathMtuDiscovery::Probe,
                _ => return Err(Errno::EINVAL),
            }
        }
        IP_MULTICAST_TTL | IP_MULTICAST_IF if stream => return Err(Errno::EINVAL),
        IP_MULTICAST_TTL => {
            options.multicast_ttl = match int_or_byte(value)? {
                -1 => 1,
                ttl => u8::try_from(ttl).map_err(|_| Errno::EINVAL)?,
            }
        }
        IP_MULTICAST_LOOP => options.multicast_loop = int_or_byte(value)? != 0,
        IP_MULTICAST_IF => {
            options.multicast_link = interface.link;
            options.multicast_source = interface.address;
        }
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// One option's bytes; `default_ttl` is the namespace's.
pub(in crate::socket) fn get(
    options: &SocketOptions,
    wants: Wants,
    default_ttl: u8,
    name: i32,
    room: usize,
) -> Result<Vec<u8>, Errno> {
    if let Some(want) = Wants::of(name) {
        return Ok(show_or_byte(i32::from(wants.contains(want)), room));
    }
    let number = match name {
        IP_TOS => i32::from(options.tos),
        IP_TTL => i32::from(options.ttl.unwrap_or(default_ttl)),
        IP_RECVERR => i32::from(options.receive_errors),
        IP_MTU_DISCOVER => options.pmtu_discovery as i32,
        IP_MULTICAST_TTL => i32::from(options.multicast_ttl),
        IP_MULTICAST_LOOP => i32::from(options.multicast_loop),
        IP_MULTICAST_IF => {
            let address = options.multicast_source.unwrap_or(Ipv4Addr::UNSPECIFIED);
            return Ok(address.octets().to_vec());
        }
        _ => return Err(Errno::ENOPROTOOPT),
    };
    Ok(if room == 0 { show(number) } else { show_or_byte(number, room) })
}

impl Wants {
    /// The control message an option asks for.
    const fn of(option: i32) -> Option<Self> {
        match option {
            IP_PKTINFO => Some(Self::PKTINFO),
            IP_RECVTTL => Some(Self::TTL),
            IP_RECVTOS => Some(Self::TOS),
            _ => None,
        }
    }
}
