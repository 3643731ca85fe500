//! `RTM_GETLINK` and `RTM_SETLINK` of `AF_BRIDGE` (Linux: net/bridge/br_netlink.c).

use alloc::boxed::Box;
use alloc::sync::Arc;

use warren_netns::link::LinkInfo;
use warren_netns::{Cx, Ifindex, Link, Namespace};

use crate::errno::Errno;
use crate::netlink::abi::{AF_BRIDGE, RTM_NEWLINK};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Strictness, Table, Writer};
use crate::netlink::dump::{Dump, Part};
use crate::netlink::kinds::bridge::port;
use crate::netlink::message::Fit;
use crate::netlink::route::links::abi::{
    FIXED, IFLA_ADDRESS, IFLA_AF_SPEC, IFLA_EXT_MASK, IFLA_IFNAME, IFLA_LINK, IFLA_MASTER,
    IFLA_MTU, IFLA_OPERSTATE, IFLA_PROTINFO, LINK,
};
use crate::netlink::route::{Answer, Request};

/// Every port of every bridge (`bridge link`).
pub(in crate::netlink::route) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    let fixed: &[u8; FIXED] = match request.fixed("Invalid header for bridge link dump") {
        Ok(fixed) => fixed,
        // Old tools send a family and nothing else.
        Err(_) if !request.strict => &[0; FIXED],
        Err(refusal) => return Err(refusal),
    };
    if request.strict {
        if fixed[1..].iter().any(|byte| *byte != 0) {
            return Err(Refusal::invalid("Invalid values in header for bridge link dump request"));
        }
        let table = request.attributes(FIXED, &LINK, Strictness::Known)?;
        if table.iter().any(|attr| attr.kind != IFLA_EXT_MASK) {
            return Err(Refusal::invalid("Unsupported attribute in bridge link dump request"));
        }
    }
    Ok(Box::new(PortDump { next: 1 }))
}

#[derive(Debug)]
struct PortDump {
    next: u32,
}

impl Dump for PortDump {
    fn fill(
        &mut self,
        part: &mut Part<'_>,
        ns: &Arc<Namespace>,
        _cx: &Cx<'_>,
    ) -> Result<(), Refusal> {
        while let Some(link) = ns.link_at_or_after(self.next) {
            let info = link.info();
            if let Some(bridge) = bridge_of(&link)
                && part.message(RTM_NEWLINK, 0, |out| write(&info, &bridge, out)) == Fit::Full
            {
                break;
            }
            self.next = info.ifindex.get() + 1;
        }
        Ok(())
    }
}

/// The bridge a link is a port of.
fn bridge_of(link: &Link) -> Option<Arc<Link>> {
    link.master().filter(|master| master.kind_as::<warren_bridge::Bridge>().is_some())
}

fn write(info: &LinkInfo, bridge: &Arc<Link>, out: &mut Writer<'_>) {
    let mut fixed = [0; FIXED];
    fixed[0] = AF_BRIDGE;
    fixed[2..4].copy_from_slice(&(info.hardware as u16).to_le_bytes());
    fixed[4..8].copy_from_slice(&info.ifindex.get().to_le_bytes());
    fixed[8..12].copy_from_slice(&info.flags.bits().to_le_bytes());
    out.raw(&fixed);
    out.text(IFLA_IFNAME, info.name.as_bytes());
    out.u32(IFLA_MASTER, bridge.ifindex().get());
    out.u32(IFLA_MTU, info.mtu.0);
    out.u8(IFLA_OPERSTATE, info.oper_state as u8);
    out.bytes(IFLA_ADDRESS, &info.mac.0);
    if let Some(peer) = info.peer.as_ref().filter(|peer| peer.ifindex != info.ifindex) {
        out.u32(IFLA_LINK, peer.ifindex.get());
    }
    out.nest_flagged(IFLA_PROTINFO, |out| port::fill(bridge, &info.link, out));
}

/// Changes a port (`bridge link set`). Linux: `rtnl_bridge_setlink`, `br_setlink`.
pub(in crate::netlink::route) fn set(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &LINK, Strictness::Liberal)?;
    let fixed: &[u8; FIXED] = request.fixed("Invalid header length")?;
    let index = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    let link = Ifindex::new(index).and_then(|index| request.ns.link(index));
    let link = link.ok_or(Refusal::new(Errno::ENODEV).text("unknown ifindex"))?;
    // VLANs of a port, or settings of a driver's own switch.
    if table.get(IFLA_AF_SPEC).is_some_and(|spec| spec.attrs(0).next().is_some()) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let Some(settings) = table.get(IFLA_PROTINFO) else { return Ok(Answer::Nothing) };
    let bridge = bridge_of(&link).ok_or(Errno::EOPNOTSUPP)?;
    let data = parse(settings)?;
    port::apply(request, &bridge, &link, &data)?;
    Ok(Answer::Nothing)
}

/// The port's attributes; a single byte is the state alone, as the first bridge tools sent.
fn parse<'a>(settings: &Attr<'a>) -> Result<Table<'a>, Refusal> {
    if !settings.nested {
        return Err(Errno::EOPNOTSUPP.into());
    }
    Table::parse(settings.attrs(0), &port::POLICY, Strictness::Liberal)
}
