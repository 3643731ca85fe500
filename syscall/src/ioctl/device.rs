//! What sockets of every family answer about links (Linux: `dev_ioctl`).

use warren_netns::link::LinkFlags;
use warren_netns::namespace::change::LinkChange;
use warren_netns::namespace::links::NameRequest;
use warren_netns::{Ifindex, MacAddr, Mtu};

use super::Call;
use super::ifreq::{IfReq, c_string};
use crate::abi::{
    SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFMAP, SIOCGIFMETRIC, SIOCGIFMTU, SIOCGIFNAME,
    SIOCGIFTXQLEN, SIOCSIFFLAGS, SIOCSIFHWADDR, SIOCSIFMETRIC, SIOCSIFMTU, SIOCSIFNAME,
    SIOCSIFTXQLEN,
};
use crate::errno::Errno;

pub(super) fn answer(call: &Call<'_>) -> Result<i32, Errno> {
    match call.command {
        SIOCGIFNAME => name(call),
        SIOCGIFFLAGS | SIOCGIFMETRIC | SIOCGIFMTU | SIOCGIFHWADDR | SIOCGIFMAP | SIOCGIFINDEX
        | SIOCGIFTXQLEN => get(call),
        SIOCSIFFLAGS | SIOCSIFMETRIC | SIOCSIFMTU | SIOCSIFHWADDR | SIOCSIFNAME | SIOCSIFTXQLEN => {
            set(call)
        }
        _ => Err(Errno::ENOTTY),
    }
}

fn name(call: &Call<'_>) -> Result<i32, Errno> {
    let mut request = IfReq(call.read()?);
    let index = u32::try_from(request.i32()).ok().and_then(Ifindex::new);
    let link = index.and_then(|index| call.ns.link(index)).ok_or(Errno::ENODEV)?;
    request.set_name(link.name().as_bytes());
    call.write(&request.0)
}

fn get(call: &Call<'_>) -> Result<i32, Errno> {
    let mut request = IfReq(call.read()?);
    let link = request.link(call.ns)?;
    let info = link.info();
    match call.command {
        SIOCGIFFLAGS => {
            let [low, high, ..] = info.flags.bits().to_ne_bytes();
            request.put(&[low, high]);
        }
        SIOCGIFMETRIC => request.put(&[0; 4]),
        SIOCGIFMTU => request.put(&info.mtu.0.to_ne_bytes()),
        SIOCGIFHWADDR => {
            let mut address = [0; 16];
            address[..2].copy_from_slice(&(info.hardware as u16).to_ne_bytes());
            address[2..8].copy_from_slice(&info.mac.0);
            request.put(&address);
        }
        SIOCGIFMAP => request.put(&[0; 24]),
        SIOCGIFINDEX => request.put(&info.ifindex.get().to_ne_bytes()),
        _ => request.put(&info.tx_queue_len.to_ne_bytes()),
    }
    call.write(&request.0)
}

fn set(call: &Call<'_>) -> Result<i32, Errno> {
    let request = IfReq(call.read()?);
    let admin = call.caller.net_admin(call.ns)?;
    // Unlike the getters, the setters take the name as it is.
    let link = call.ns.find_link(request.name()).ok_or(Errno::ENODEV)?;
    let mut change = LinkChange::default();
    match call.command {
        SIOCSIFFLAGS => change.flags = Some(flags(request.u16())),
        SIOCSIFMETRIC => return Err(Errno::EOPNOTSUPP),
        SIOCSIFMTU => {
            change.mtu = Some(Mtu(u32::try_from(request.i32()).map_err(|_| Errno::EINVAL)?));
        }
        SIOCSIFHWADDR => {
            if request.u16() != link.kind().hardware() as u16 {
                return Err(Errno::EINVAL);
            }
            let [_, _, a, b, c, d, e, f] =
                *request.union().first_chunk().expect("24 bytes hold eight");
            change.mac = Some(MacAddr([a, b, c, d, e, f]));
        }
        SIOCSIFTXQLEN => {
            let len = u32::try_from(request.i32()).map_err(|_| Errno::EINVAL)?;
            change.tx_queue_len = Some(len);
        }
        _ => {
            let wanted = c_string(&request.union()[..15]);
            match NameRequest::parse(wanted)? {
                NameRequest::Exact(name) => change.name = Some(name),
                NameRequest::Template(_) => return Err(Errno::EOPNOTSUPP),
            }
        }
    }
    call.ns.change_link(&admin, &link, &change, call.cx)?;
    Ok(0)
}

/// `ifr_flags` as a change of all the flags a short can hold (`dev_change_flags`).
pub(super) fn flags(value: u16) -> (LinkFlags, LinkFlags) {
    let all = LinkFlags::from_bits_retain(u32::from(u16::MAX));
    (LinkFlags::from_bits_retain(u32::from(value)), all)
}
