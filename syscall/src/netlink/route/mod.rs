//! `NETLINK_ROUTE`: which message is whose (Linux: `rtnetlink_rcv_msg`), and what every
//! handler is given and answers.
//!
//! | module | messages |
//! |---|---|
//! | [`links`] | `RTM_*LINK`, `RTM_*LINKPROP` |
//! | [`addresses`] | `RTM_*ADDR` |
//! | [`routes`] | `RTM_*ROUTE` |
//! | [`neighbours`] | `RTM_*NEIGH` |
//! | [`bridge`] | the same messages of `AF_BRIDGE`: ports and forwarding databases |
//! | [`namespaces`] | `RTM_*NSID` |
//! | [`rules`], [`netconf`] | `RTM_GETRULE`, `RTM_GETNETCONF` |
//! | [`notify`] | the multicast groups |
//!
//! A family without a handler of its own falls back to the one for all families, as on
//! Linux; IPv6 is such a family for now.

mod addresses;
mod bridge;
pub mod links;
mod namespaces;
mod neighbours;
mod netconf;
pub(in crate::netlink) mod notify;
mod refusals;
mod routes;
mod rules;

use alloc::boxed::Box;
use alloc::sync::Arc;

use warren_netns::{Cx, Namespace, NetAdmin};

use crate::cred::{Caller, Capability};
use crate::errno::Errno;
use crate::netlink::abi::{
    AF_BRIDGE, AF_INET, NLM_F_BULK, RTM_BASE, RTM_DELADDR, RTM_DELLINK, RTM_DELLINKPROP,
    RTM_DELNEIGH, RTM_DELROUTE, RTM_GETADDR, RTM_GETLINK, RTM_GETNEIGH, RTM_GETNETCONF,
    RTM_GETNSID, RTM_GETROUTE, RTM_GETRULE, RTM_MAX, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWLINKPROP,
    RTM_NEWNEIGH, RTM_NEWNSID, RTM_NEWROUTE, RTM_SETLINK,
};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Policy, Strictness, Table, Writer};
use crate::netlink::dump::Dump;
use crate::netlink::message::{Datagram, HEADER, Header, Reply, attributes};

/// One request, and who makes it where.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The namespace of the asking socket.
    pub ns: &'a Arc<Namespace>,
    /// The message's header.
    pub header: Header,
    /// The whole message.
    pub message: &'a [u8],
    /// The asking socket's port.
    pub port: u32,
    /// `NETLINK_GET_STRICT_CHK`.
    pub strict: bool,
    /// Who calls.
    pub caller: &'a dyn Caller,
    /// The circumstances.
    pub cx: &'a Cx<'a>,
}

/// What a request that went well is answered with, before any acknowledgement.
#[derive(Debug)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// One message.
    Reply(Datagram),
    /// A dump; refused ones are answered by their `NLMSG_DONE`.
    Dump(Result<Box<dyn Dump>, Refusal>),
}

impl<'a> Request<'a> {
    /// The message behind its header.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.message[HEADER..]
    }

    /// The first byte of the payload: the family.
    #[must_use]
    pub fn family(&self) -> u8 {
        self.payload().first().copied().unwrap_or(0)
    }

    /// The fixed header of the message's family, `N` bytes.
    ///
    /// # Errors
    /// EINVAL with `text` if the message is shorter.
    pub fn fixed<const N: usize>(&self, text: &'static str) -> Result<&'a [u8; N], Refusal> {
        self.payload().first_chunk().ok_or(Refusal::invalid(text))
    }

    /// The attributes behind a fixed header of `fixed` bytes.
    ///
    /// # Errors
    /// EINVAL if the message is shorter than that header, else what the policy refuses.
    pub fn attributes(
        &self,
        fixed: usize,
        policy: &Policy,
        strictness: Strictness,
    ) -> Result<Table<'a>, Refusal> {
        if self.payload().len() < fixed {
            return Err(Refusal::invalid("Invalid header length"));
        }
        Table::parse(attributes(self.message, fixed), policy, strictness)
    }

    /// How strictly a GET request is taken.
    #[must_use]
    pub const fn get_strictness(&self) -> Strictness {
        if self.strict { Strictness::Known } else { Strictness::Liberal }
    }

    /// Permission to change `ns`.
    ///
    /// # Errors
    /// EPERM.
    pub fn admin_of(&self, ns: &Arc<Namespace>) -> Result<NetAdmin, Refusal> {
        Ok(self.caller.net_admin(ns)?)
    }

    /// A single answer of this kind.
    ///
    /// # Errors
    /// EMSGSIZE if it does not fit a message, or memory is short.
    pub fn reply(&self, kind: u16, fill: impl FnOnce(&mut Writer<'_>)) -> Result<Answer, Refusal> {
        let reply = Reply { kind, flags: 0, sequence: self.header.sequence, port: self.port };
        let datagram = Datagram::single(&reply, fill).ok_or(Errno::EMSGSIZE)?;
        Ok(Answer::Reply(datagram))
    }
}

/// What the two low bits of a message type mean.
const GET: u16 = 2;
/// See [`GET`].
const DEL: u16 = 1;

/// Runs one request.
///
/// # Errors
/// The errno Linux answers, with its text where it has one.
pub fn handle(request: &Request<'_>) -> Result<Answer, Refusal> {
    let Header { kind, flags, .. } = request.header;
    if kind > RTM_MAX {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if request.payload().is_empty() {
        return Ok(Answer::Nothing);
    }
    let verb = (kind - RTM_BASE) & 3;
    if verb != GET && !request.caller.has(Capability::NetAdmin, request.ns) {
        return Err(Errno::EPERM.into());
    }
    if verb == GET && request.header.is_dump() {
        return Ok(Answer::Dump(dump(request)?));
    }
    let handler = handler(kind, request.family()).ok_or(Errno::EOPNOTSUPP)?;
    if verb == DEL && flags & NLM_F_BULK != 0 {
        return Err(Refusal::new(Errno::EOPNOTSUPP).text("Bulk delete is not supported"));
    }
    handler(request)
}

type Handler = fn(&Request<'_>) -> Result<Answer, Refusal>;

/// What handles a message of `kind` about `family`.
fn handler(kind: u16, family: u8) -> Option<Handler> {
    Some(match (kind, family) {
        (RTM_SETLINK, AF_BRIDGE) => bridge::set_port,
        (RTM_DELLINK, AF_BRIDGE) => return None,
        (RTM_NEWLINK, _) => links::new,
        (RTM_DELLINK, _) => links::delete,
        (RTM_GETLINK, _) => links::get,
        (RTM_SETLINK, _) => links::set,
        (RTM_NEWLINKPROP | RTM_DELLINKPROP, _) => links::properties,
        (RTM_NEWADDR, AF_INET) => addresses::new,
        (RTM_DELADDR, AF_INET) => addresses::delete,
        (RTM_NEWROUTE, AF_INET) => routes::new,
        (RTM_DELROUTE, AF_INET) => routes::delete,
        (RTM_GETROUTE, AF_INET) => routes::get,
        (RTM_NEWNEIGH | RTM_DELNEIGH, AF_BRIDGE) => return None,
        (RTM_NEWNEIGH, _) => neighbours::new,
        (RTM_DELNEIGH, _) => neighbours::delete,
        (RTM_GETNEIGH, _) => neighbours::get,
        (RTM_GETNETCONF, AF_INET) => netconf::get,
        (RTM_NEWNSID, _) => namespaces::new,
        (RTM_GETNSID, _) => namespaces::get,
        _ => return None,
    })
}

/// Begins a dump. The outer error is an ordinary refusal: there is no such dump.
fn dump(request: &Request<'_>) -> Result<Result<Box<dyn Dump>, Refusal>, Refusal> {
    // A family nobody here speaks gets what all families have, as on Linux.
    Ok(match (request.header.kind, request.family()) {
        (RTM_GETLINK, AF_BRIDGE) => bridge::dump_ports(request),
        (RTM_GETLINK, _) => links::dump(request),
        (RTM_GETADDR, _) => addresses::dump(request),
        (RTM_GETROUTE, _) => routes::dump(request),
        (RTM_GETNEIGH, AF_BRIDGE) => bridge::fdb::dump(request),
        (RTM_GETNEIGH, _) => neighbours::dump(request),
        (RTM_GETNETCONF, _) => netconf::dump(request),
        (RTM_GETNSID, _) => namespaces::dump(request),
        (RTM_GETRULE, _) => rules::dump(request),
        _ => return Err(Errno::EOPNOTSUPP.into()),
    })
}
