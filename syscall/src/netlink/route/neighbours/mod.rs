//! `RTM_*NEIGH` of IPv4 (Linux: net/core/neighbour.c). [`change`] adds and deletes, [`get`]
//! shows. Proxy entries, tunnels' addresses and next hop objects are not here yet and
//! refused.

pub(in crate::netlink) mod abi;
mod change;
mod get;

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_netns::{Ifindex, Link};

use super::Request;
use crate::errno::Errno;
use crate::netlink::abi::AF_INET;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Table};
use abi::{NDA_DST, NdMsg};

pub(super) use change::{delete, new};
pub(super) use get::{Shown, dump, get};

/// The link a request names by number, if it names one.
fn link(request: &Request<'_>, index: u32) -> Result<Option<Arc<Link>>, Refusal> {
    if index == 0 {
        return Ok(None);
    }
    let link = Ifindex::new(index).and_then(|index| request.ns.link(index));
    Ok(Some(link.ok_or(Errno::ENODEV)?))
}

/// The address a change is about, checked after the link and the family as Linux does.
fn destination(header: &NdMsg, attr: &Attr<'_>) -> Result<Ipv4Addr, Refusal> {
    if header.family != AF_INET {
        return Err(Errno::EAFNOSUPPORT.into());
    }
    if attr.payload.len() < 4 {
        return Err(Refusal::invalid("Invalid network address"));
    }
    Ok(Ipv4Addr::from(attr.array::<4>()))
}

fn destination_attr<'t, 'a>(table: &'t Table<'a>) -> Result<&'t Attr<'a>, Refusal> {
    table.get(NDA_DST).ok_or(Refusal::invalid("Network address not specified"))
}
