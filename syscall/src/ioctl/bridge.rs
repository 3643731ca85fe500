//! SIOCBRADDBR and its siblings: bridges as `brctl` makes them (Linux: `br_ioctl_stub`,
//! `br_dev_siocdevprivate`).

use warren_bridge::Bridge;
use warren_netns::Ifindex;
use warren_netns::namespace::change::{LinkChange, MasterChange};
use warren_netns::namespace::links::{LinkSpec, NameRequest};

use super::Call;
use super::ifreq::{IfReq, c_string};
use crate::abi::{SIOCBRADDBR, SIOCBRADDIF, SIOCBRDELBR};
use crate::errno::Errno;

pub(super) fn change(call: &Call<'_>) -> Result<i32, Errno> {
    match call.command {
        SIOCBRADDBR | SIOCBRDELBR => bridge(call),
        _ => port(call),
    }
}

/// The argument is a name and nothing else.
fn bridge(call: &Call<'_>) -> Result<i32, Errno> {
    let admin = call.caller.net_admin(call.ns)?;
    let bytes: [u8; 16] = call.read()?;
    let name = c_string(&bytes[..15]);
    if call.command == SIOCBRADDBR {
        let spec = LinkSpec::named(NameRequest::parse(name)?);
        warren_bridge::create(call.ns, &admin, &spec, call.cx)?;
        return Ok(0);
    }
    let link = call.ns.find_link(name).ok_or(Errno::ENXIO)?;
    if link.kind_as::<Bridge>().is_none() {
        return Err(Errno::EPERM);
    }
    if link.flags().contains(warren_netns::link::LinkFlags::UP) {
        return Err(Errno::EBUSY);
    }
    call.ns.delete_link(&admin, &link, call.cx)?;
    Ok(0)
}

/// The argument is a `struct ifreq`: the bridge's name and the port's number.
fn port(call: &Call<'_>) -> Result<i32, Errno> {
    let request = IfReq(call.read()?);
    let bridge = request.link(call.ns)?;
    if bridge.kind_as::<Bridge>().is_none() {
        return Err(Errno::EOPNOTSUPP);
    }
    let admin = call.caller.net_admin(call.ns)?;
    let index = u32::try_from(request.i32()).ok().and_then(Ifindex::new);
    let port = index.and_then(|index| call.ns.link(index)).ok_or(Errno::EINVAL)?;
    let master = if call.command == SIOCBRADDIF {
        if port.master().is_some() {
            return Err(Errno::EBUSY);
        }
        MasterChange::Join(bridge)
    } else {
        if port.master().is_none_or(|master| master.id() != bridge.id()) {
            return Err(Errno::EINVAL);
        }
        MasterChange::Leave
    };
    let change = LinkChange { master: Some(master), ..LinkChange::default() };
    call.ns.change_link(&admin, &port, &change, call.cx)?;
    Ok(0)
}
