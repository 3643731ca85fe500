//! `RTM_NEWNEIGH`, `RTM_DELNEIGH` (Linux: `neigh_add`, `neigh_delete`).

use warren_netns::MacAddr;
use warren_netns::neighbour::{NeighbourFlags, NeighbourSpec, NeighbourState, NeighbourUpdate};

use super::abi::*;
use super::{destination, destination_attr, link};
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Strictness};
use crate::netlink::route::{Answer, Request};

/// Adds, changes or replaces, as the flags of the message say.
pub(in crate::netlink::route) fn new(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &POLICY, Strictness::Liberal)?;
    let header = NdMsg::parse(request.fixed("Invalid header length")?);
    let dst = destination_attr(&table)?;
    let link = link(request, header.index)?;
    let mac = table.get(NDA_LLADDR);
    if link.is_some() && mac.is_some_and(|mac| mac.payload.len() < 6) {
        return Err(Refusal::invalid("Invalid link address"));
    }
    let addr = destination(&header, dst)?;
    let extended = table.get(NDA_FLAGS_EXT).map_or(0, Attr::u32);
    if header.flags & NTF_PROXY != 0 || extended != 0 || table.get(NDA_NH_ID).is_some() {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let link = link.ok_or(Refusal::invalid("Device not specified"))?;
    let spec = NeighbourSpec {
        addr,
        mac: mac.map(|mac| MacAddr(mac.array())),
        state: NeighbourState::from_bits_retain(header.state),
        flags: NeighbourFlags::from_bits_truncate(header.flags),
        protocol: table.get(NDA_PROTOCOL).map_or(0, Attr::u8),
    };
    let mode = NeighbourUpdate::from_bits_truncate(request.header.flags);
    let admin = request.admin_of(request.ns)?;
    request.ns.set_neighbour(&admin, &link, &spec, mode, request.cx)?;
    Ok(Answer::Nothing)
}

/// Deletes one.
pub(in crate::netlink::route) fn delete(request: &Request<'_>) -> Result<Answer, Refusal> {
    // Linux looks for the address alone and reads nothing else.
    let table = request.attributes(FIXED, &POLICY, Strictness::Liberal)?;
    let header = NdMsg::parse(request.fixed("Invalid header length")?);
    let dst = destination_attr(&table)?;
    let link = link(request, header.index)?;
    let addr = destination(&header, dst)?;
    // There are no proxy entries to delete.
    if header.flags & NTF_PROXY != 0 {
        return Err(Errno::ENOENT.into());
    }
    let link = link.ok_or(Errno::EINVAL)?;
    let admin = request.admin_of(request.ns)?;
    request.ns.delete_neighbour(&admin, &link, addr, request.cx)?;
    Ok(Answer::Nothing)
}
