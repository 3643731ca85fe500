//! Changing a link that is there (Linux: `do_setlink`, `rtnl_setlink`).

use alloc::sync::Arc;

use warren_netns::error::LinkError;
use warren_netns::ip::conf::{ConfTarget, Devconf};
use warren_netns::link::LinkFlags;
use warren_netns::namespace::change::{LinkChange, MasterChange};
use warren_netns::{IfName, Ifindex, Link, MacAddr, Mtu, Namespace};

use super::abi::*;
use super::{IfInfo, Named, named, place};
use crate::errno::Errno;
use crate::netlink::abi::AF_INET;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Strictness, Table};
use crate::netlink::kinds;
use crate::netlink::route::{Answer, Request};

/// `RTM_SETLINK`.
pub(in crate::netlink::route) fn set(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &LINK, Strictness::Liberal)?;
    let info = IfInfo::of(request, "Invalid header length")?;
    place::check_unique(&table)?;
    let link = match named(request.ns, &info, &table) {
        Named::Link(link) => link,
        Named::Absent => return Err(Errno::ENODEV.into()),
        Named::Nothing => return Err(Errno::EINVAL.into()),
    };
    validate(&table)?;
    apply(request, &link, info, &table)?;
    Ok(Answer::Nothing)
}

/// What is checked before anything is done (Linux: `validate_linkmsg`).
///
/// # Errors
/// EINVAL for short addresses and bad settings, EAFNOSUPPORT for families there are not.
pub(super) fn validate(table: &Table<'_>) -> Result<(), Refusal> {
    for kind in [IFLA_ADDRESS, IFLA_BROADCAST] {
        if table.get(kind).is_some_and(|attr| attr.payload.len() < 6) {
            return Err(Errno::EINVAL.into());
        }
    }
    for family in table.get(IFLA_AF_SPEC).into_iter().flat_map(|attr| attr.attrs(0)) {
        if family.kind != u16::from(AF_INET) {
            return Err(Errno::EAFNOSUPPORT.into());
        }
        for setting in inet_settings(&family) {
            let known = (1..=Devconf::ALL.len()).contains(&usize::from(setting.kind));
            if setting.payload.len() < 4 || !known {
                return Err(Errno::EINVAL.into());
            }
        }
    }
    Ok(())
}

/// What Linux's virtual links cannot do either, or what is not done here.
///
/// # Errors
/// EOPNOTSUPP.
pub(super) fn refuse_unsupported(table: &Table<'_>) -> Result<(), Refusal> {
    let unsupported = [
        IFLA_MAP,
        IFLA_CARRIER,
        IFLA_VFINFO_LIST,
        IFLA_VF_PORTS,
        IFLA_PORT_SELF,
        IFLA_XDP,
        IFLA_GSO_MAX_SIZE,
        IFLA_GSO_MAX_SEGS,
        IFLA_GRO_MAX_SIZE,
        IFLA_OPERSTATE,
    ];
    if unsupported.into_iter().any(|kind| table.get(kind).is_some()) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if table.get(IFLA_PROTO_DOWN).is_some() || table.get(IFLA_PROTO_DOWN_REASON).is_some() {
        let text = "Protodown not supported by device";
        return Err(Refusal::new(Errno::EOPNOTSUPP).text(text));
    }
    Ok(())
}

/// Moves and changes `link` as the request says.
///
/// # Errors
/// The first refusal; what Linux does before it stays done.
pub(super) fn apply(
    request: &Request<'_>,
    link: &Arc<Link>,
    info: IfInfo,
    table: &Table<'_>,
) -> Result<(), Refusal> {
    refuse_unsupported(table)?;
    // A name beside an index is a new name; alone it is how the link was found.
    let name = match table.get(IFLA_IFNAME) {
        Some(attr) if info.index > 0 && !attr.string().is_empty() => Some(new_name(attr)?),
        _ => None,
    };
    let destination = place::destination(request, table)?;
    let change = LinkChange {
        mac: table.get(IFLA_ADDRESS).map(mac).transpose()?,
        mtu: table.get(IFLA_MTU).map(Attr::u32).map(Mtu),
        group: table.get(IFLA_GROUP).map(Attr::u32),
        name: name.filter(|_| destination.is_none()),
        alias: table.get(IFLA_IFALIAS).map(|attr| attr.string().to_vec()),
        broadcast: table.get(IFLA_BROADCAST).map(mac).transpose()?,
        master: None,
        flags: flags_change(&info),
        tx_queue_len: table.get(IFLA_TXQLEN).map(Attr::u32),
        link_mode: table.get(IFLA_LINKMODE).map(Attr::u8),
    };
    let mut ns = request.ns.clone();
    let admin = request.admin_of(&ns)?;
    // A master is looked for where the link is going to be.
    let master = master_change(destination.as_ref().unwrap_or(&ns), table)?;
    let change = LinkChange { master, ..change };
    foresee(&ns, link, &change)?;
    if let Some(to) = destination {
        let index = table.get(IFLA_NEW_IFINDEX).and_then(|attr| Ifindex::new(attr.u32()));
        ns.move_link(&admin, link, &to, name, index, request.cx)?;
        ns = to;
    }
    if is_some(&change) {
        ns.change_link(&admin, link, &change, request.cx)?;
    }
    for family in table.get(IFLA_AF_SPEC).into_iter().flat_map(|attr| attr.attrs(0)) {
        for setting in inet_settings(&family) {
            let number = usize::from(setting.kind);
            let known = number.checked_sub(1).and_then(|at| Devconf::ALL.get(at));
            if let Some(known) = known {
                // mc_forwarding, which only a multicast router sets, stays as it is.
                let _written = ns.set_conf(ConfTarget::Link(link), *known, setting.i32());
            }
        }
    }
    Ok(())
}

/// Refuses what can be seen to be refused, with the errno it would get later: Linux does
/// the parts before it first and leaves them done.
fn foresee(ns: &Namespace, link: &Arc<Link>, change: &LinkChange) -> Result<(), Refusal> {
    if let Some(mac) = change.mac {
        if !link.kind().accepts_mac() {
            return Err(LinkError::NotSupported.into());
        }
        if !mac.is_valid_unicast() {
            return Err(LinkError::BadAddress.into());
        }
    }
    if let Some(mtu) = change.mtu {
        link.kind().mtu_range().check(mtu)?;
    }
    if let Some(name) = change.name.filter(|name| *name != link.name()) {
        if link.flags().contains(LinkFlags::UP) {
            return Err(LinkError::Busy.into());
        }
        if ns.find_link(name.as_bytes()).is_some() {
            return Err(LinkError::Exists.into());
        }
    }
    if let Some(MasterChange::Join(master)) = &change.master {
        let takes_ports = |link: &Link| kinds::of(link).is_some_and(|k| k.port_policy().is_some());
        if !takes_ports(master) {
            return Err(LinkError::NotSupported.into());
        }
        if takes_ports(link) {
            return Err(LinkError::Loop.into());
        }
        if link.flags().contains(LinkFlags::LOOPBACK) {
            return Err(LinkError::CannotEnslave.into());
        }
    }
    Ok(())
}

/// Whether there is anything to change.
pub(super) fn is_some(change: &LinkChange) -> bool {
    change.mac.is_some()
        || change.mtu.is_some()
        || change.group.is_some()
        || change.name.is_some()
        || change.alias.is_some()
        || change.broadcast.is_some()
        || change.master.is_some()
        || change.flags.is_some()
        || change.tx_queue_len.is_some()
        || change.link_mode.is_some()
}

/// `ifi_flags` and `ifi_change`; a change of nothing means all, as it always did.
pub(super) fn flags_change(info: &IfInfo) -> Option<(LinkFlags, LinkFlags)> {
    let mask = if info.change == 0 { u32::MAX } else { info.change };
    let flags = (LinkFlags::from_bits_retain(info.flags), LinkFlags::from_bits_retain(mask));
    (info.flags != 0 || info.change != 0).then_some(flags)
}

/// An Ethernet address.
pub(super) fn mac(attr: &Attr<'_>) -> Result<MacAddr, Refusal> {
    if attr.payload.len() < 6 {
        return Err(Errno::EINVAL.into());
    }
    Ok(MacAddr(attr.array()))
}

/// The link of `ns` that is to be a master.
pub(super) fn master(ns: &Namespace, index: u32) -> Result<Arc<Link>, Refusal> {
    let link = Ifindex::new(index).and_then(|index| ns.link(index));
    Ok(link.ok_or(Errno::EINVAL)?)
}

fn master_change(ns: &Namespace, table: &Table<'_>) -> Result<Option<MasterChange>, Refusal> {
    Ok(match table.get(IFLA_MASTER).map(Attr::u32) {
        None => None,
        Some(0) => Some(MasterChange::Leave),
        Some(index) => Some(MasterChange::Join(master(ns, index)?)),
    })
}

fn new_name(attr: &Attr<'_>) -> Result<IfName, Refusal> {
    Ok(IfName::new(attr.string()).ok_or(Errno::EINVAL)?)
}

/// The settings in the `AF_INET` part of `IFLA_AF_SPEC`.
fn inet_settings<'a>(family: &Attr<'a>) -> impl Iterator<Item = Attr<'a>> + use<'a> {
    let conf = family.attrs(0).filter(|attr| attr.kind == IFLA_INET_CONF);
    conf.flat_map(|attr| attr.attrs(0))
}
