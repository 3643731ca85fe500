//! `RTM_GETNEIGH`: one neighbour, or all of them (Linux: `neigh_get`, `neigh_dump_info`).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use warren_netns::neighbour::Neighbour;
use warren_netns::{Ifindex, Namespace};
use warren_platform::Instant;

use super::abi::*;
use super::{destination_attr, link};
use crate::errno::Errno;
use crate::netlink::abi::{AF_INET, AF_UNSPEC, NLM_F_DUMP_FILTERED, RTM_NEWNEIGH};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Strictness, Table, Writer};
use crate::netlink::dump::{Dump, ListDump};
use crate::netlink::route::{Answer, Request};

/// One neighbour. Always strict: the message is younger than the rules.
pub(in crate::netlink::route) fn get(request: &Request<'_>) -> Result<Answer, Refusal> {
    let header = NdMsg::parse(request.fixed("Invalid header for neighbor get request")?);
    if !header.is_padded || header.state != 0 || header.kind != 0 {
        return Err(Refusal::invalid("Invalid values in header for neighbor get request"));
    }
    if header.flags & !NTF_PROXY != 0 {
        return Err(Refusal::invalid("Invalid flags in header for neighbor get request"));
    }
    let table = request.attributes(FIXED, &POLICY, Strictness::Known)?;
    if header.family != AF_INET {
        let text = "Unsupported address family in header for neighbor get request";
        return Err(Refusal::new(Errno::EAFNOSUPPORT).text(text));
    }
    for attr in table.iter() {
        if attr.kind != NDA_DST {
            return Err(Refusal::invalid("Unsupported attribute in neighbor get request"));
        }
        if attr.payload.len() != 4 {
            let text = "Invalid network address in neighbor get request";
            return Err(Refusal::invalid(text));
        }
    }
    let link =
        link(request, header.index).map_err(|refusal| refusal.text("Unknown device ifindex"))?;
    let addr = Ipv4Addr::from(destination_attr(&table)?.array::<4>());
    let absent = Refusal::new(Errno::ENOENT);
    if header.flags & NTF_PROXY != 0 {
        return Err(absent.text("Proxy neighbour entry not found"));
    }
    let link = link.ok_or(Refusal::invalid("No device specified"))?;
    let neighbour = request.ns.neighbour(link.ifindex(), addr);
    let neighbour = neighbour.ok_or(absent.text("Neighbour entry not found"))?;
    let shown = Shown { neighbour, now: request.cx.now };
    request.reply(RTM_NEWNEIGH, |out| shown.write(out))
}

/// Which neighbours a dump shows.
#[derive(Default)]
struct Filter {
    link: Option<u32>,
    /// Of links that are ports of this one.
    master: Option<u32>,
    proxies: bool,
}

impl Filter {
    fn shows(&self, ns: &Namespace, neighbour: &Neighbour) -> bool {
        let index = neighbour.ifindex;
        let master = |index: Ifindex| ns.link(index)?.master().map(|link| link.ifindex().get());
        self.link.is_none_or(|wanted| wanted == index.get())
            && self.master.is_none_or(|wanted| master(index) == Some(wanted))
    }
}

/// All neighbours, or those of a link or of a master's ports.
pub(in crate::netlink::route) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    let filter = parse(request)?;
    let is_filtered = filter.link.is_some() || filter.master.is_some();
    let flags = if is_filtered { NLM_F_DUMP_FILTERED } else { 0 };
    let mut shown = Vec::new();
    // There are no proxy entries, and no families but one.
    if !filter.proxies && [AF_UNSPEC, AF_INET].contains(&request.family()) {
        let neighbours = request.ns.neighbours()?.into_iter();
        let now = request.cx.now;
        let asked_for = neighbours.filter(|neighbour| filter.shows(request.ns, neighbour));
        shown.extend(asked_for.map(|neighbour| Shown { neighbour, now }));
    }
    let write: fn(&Shown, &mut Writer<'_>) = Shown::write;
    Ok(Box::new(ListDump::new(shown, RTM_NEWNEIGH, flags, 0, write)))
}

fn parse(request: &Request<'_>) -> Result<Filter, Refusal> {
    let mut filter = Filter::default();
    if request.strict {
        let header = NdMsg::parse(request.fixed("Invalid header for neighbor dump request")?);
        if !header.is_padded || header.index != 0 || header.state != 0 || header.kind != 0 {
            return Err(Refusal::invalid("Invalid values in header for neighbor dump request"));
        }
        if header.flags & !NTF_PROXY != 0 {
            return Err(Refusal::invalid("Invalid flags in header for neighbor dump request"));
        }
    }
    if let Some(fixed) = request.payload().first_chunk() {
        filter.proxies = NdMsg::parse(fixed).flags == NTF_PROXY;
    }
    let table: Table<'_> = match request.attributes(FIXED, &POLICY, request.get_strictness()) {
        Ok(table) => table,
        Err(refusal) if request.strict => return Err(refusal),
        // An old request too short to say more.
        Err(_) => return Ok(filter),
    };
    let number = |attr: &Attr<'_>| Some(attr.u32()).filter(|number| *number != 0);
    for attr in table.iter() {
        match attr.kind {
            NDA_IFINDEX => filter.link = number(attr),
            NDA_MASTER => filter.master = number(attr),
            _ if request.strict => {
                return Err(Refusal::invalid("Unsupported attribute in neighbor dump request"));
            }
            _ => {}
        }
    }
    Ok(filter)
}

/// A neighbour as a message.
#[derive(Debug)]
pub(in crate::netlink::route) struct Shown {
    pub(in crate::netlink::route) neighbour: Neighbour,
    pub(in crate::netlink::route) now: Instant,
}

impl Shown {
    /// `struct ndmsg` and the attributes, in Linux's order (`neigh_fill_info`).
    pub(in crate::netlink::route) fn write(&self, out: &mut Writer<'_>) {
        let neighbour = &self.neighbour;
        let mut fixed = [0; FIXED];
        fixed[0] = AF_INET;
        fixed[4..8].copy_from_slice(&neighbour.ifindex.get().to_le_bytes());
        fixed[8..10].copy_from_slice(&neighbour.state.bits().to_le_bytes());
        fixed[10] = neighbour.flags.bits();
        fixed[11] = RTN_UNICAST;
        out.raw(&fixed);
        out.bytes(NDA_DST, &neighbour.addr.octets());
        if let Some(mac) = neighbour.mac {
            out.bytes(NDA_LLADDR, &mac.0);
        }
        out.u32(NDA_PROBES, neighbour.probes);
        // struct nda_cacheinfo, in hundredths of a second.
        let ticks =
            |at: Instant| u32::try_from(self.now.since(at).as_millis() / 10).unwrap_or(u32::MAX);
        let values = [
            ticks(neighbour.confirmed),
            ticks(neighbour.used),
            ticks(neighbour.updated),
            neighbour.refs,
        ];
        let mut cache = [0; 16];
        for (to, value) in cache.chunks_exact_mut(4).zip(values) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        out.bytes(NDA_CACHEINFO, &cache);
        if neighbour.protocol != 0 {
            out.u8(NDA_PROTOCOL, neighbour.protocol);
        }
    }
}
