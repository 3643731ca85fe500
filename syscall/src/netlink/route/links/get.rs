//! `RTM_GETLINK`: one link by index or name, or all of them.

use alloc::boxed::Box;
use alloc::sync::Arc;

use warren_netns::{Cx, Link, Namespace};

use super::abi::{
    FIXED, IFLA_ALT_IFNAME, IFLA_EXT_MASK, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MASTER,
    IFLA_TARGET_NETNSID, INFO, LINK,
};
use super::{IfInfo, LinkMessage, Named, named, place};
use crate::errno::Errno;
use crate::netlink::abi::{NLM_F_DUMP_FILTERED, NLM_F_DUMP_INTR, RTM_NEWLINK};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Strictness, Table};
use crate::netlink::dump::{Dump, Part};
use crate::netlink::kinds::{self, KindCodec};
use crate::netlink::message::Fit;
use crate::netlink::route::{Answer, Request, namespaces};

/// One link.
pub(in crate::netlink::route) fn get(request: &Request<'_>) -> Result<Answer, Refusal> {
    let info = IfInfo::of(request, "Invalid header for get link")?;
    if request.strict && has_values(request, &info) {
        return Err(Refusal::invalid("Invalid values in header for get link request"));
    }
    let table = request.attributes(FIXED, &LINK, request.get_strictness())?;
    if request.strict {
        let known = [IFLA_IFNAME, IFLA_ALT_IFNAME, IFLA_EXT_MASK, IFLA_TARGET_NETNSID];
        if table.iter().any(|attr| !known.contains(&attr.kind)) {
            return Err(Refusal::invalid("Unsupported attribute in get link request"));
        }
    }
    let (ns, target) = place::target(request, &table)?;
    let link = match named(&ns, &info, &table) {
        Named::Link(link) => link,
        Named::Absent => return Err(Errno::ENODEV.into()),
        Named::Nothing => return Err(Errno::EINVAL.into()),
    };
    let info = link.info();
    let message = LinkMessage::of(&info, request.ns, request.cx).target(target);
    request.reply(RTM_NEWLINK, |out| message.write(out))
}

/// Whether fields of the header are set that mean nothing in a GET.
fn has_values(request: &Request<'_>, info: &IfInfo) -> bool {
    let payload = request.payload();
    payload.get(1..4).is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0))
        || info.flags != 0
        || info.change != 0
}

/// All links, or those of a master or a kind.
pub(in crate::netlink::route) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    let table = parse_dump(request)?;
    let mut dump =
        LinkDump { next: 1, ns: None, target: None, filter: Filter::default(), generation: None };
    for attr in table.iter().flat_map(Table::iter) {
        match attr.kind {
            IFLA_TARGET_NETNSID => {
                let text = "Invalid target network namespace id";
                let ns = namespaces::target(request, attr)
                    .map_err(|errno| Refusal::new(errno).text(text))?;
                dump.ns = Some(ns);
                dump.target = Some(attr.i32());
            }
            IFLA_EXT_MASK => {}
            IFLA_MASTER => dump.filter.master = Some(attr.u32()).filter(|master| *master != 0),
            IFLA_LINKINFO => dump.filter.kind = kind(attr),
            _ if request.strict => {
                return Err(Refusal::invalid("Unsupported attribute in link dump request"));
            }
            _ => {}
        }
    }
    Ok(Box::new(dump))
}

/// The attributes of a dump request; `None` where an old one is too broken to have any.
fn parse_dump<'a>(request: &Request<'a>) -> Result<Option<Table<'a>>, Refusal> {
    if request.strict {
        let info = IfInfo::of(request, "Invalid header for link dump")?;
        if has_values(request, &info) {
            return Err(Refusal::invalid("Invalid values in header for link dump request"));
        }
        if info.index != 0 {
            let text = "Filter by device index not supported for link dumps";
            return Err(Refusal::invalid(text));
        }
        return request.attributes(FIXED, &LINK, Strictness::Known).map(Some);
    }
    // Old tools send a struct rtgenmsg, one byte, as Linux before 3.9 had it.
    let fixed = if request.payload().len() < FIXED { 1 } else { FIXED };
    Ok(request.attributes(fixed, &LINK, Strictness::Liberal).ok())
}

fn kind(info: &Attr<'_>) -> Option<&'static dyn KindCodec> {
    let table = Table::parse(info.attrs(0), &INFO, Strictness::Liberal).ok()?;
    kinds::by_name(table.get(IFLA_INFO_KIND)?.string())
}

/// Which links a dump shows.
#[derive(Debug, Default)]
struct Filter {
    /// Ports of this index; -1 for those that are nobody's.
    master: Option<u32>,
    kind: Option<&'static dyn KindCodec>,
}

impl Filter {
    const NO_MASTER: u32 = u32::MAX;

    fn is_set(&self) -> bool {
        self.master.is_some() || self.kind.is_some()
    }

    fn shows(&self, link: &Link) -> bool {
        let master_fits = match (self.master, link.master()) {
            (None, _) => true,
            (Some(Self::NO_MASTER), master) => master.is_none(),
            (Some(wanted), master) => master.is_some_and(|m| m.ifindex().get() == wanted),
        };
        let kind = link.kind().name();
        master_fits && self.kind.is_none_or(|wanted| kind == Some(wanted.name()))
    }
}

/// A walk over the link table by index.
#[derive(Debug)]
struct LinkDump {
    next: u32,
    /// Another namespace than the socket's.
    ns: Option<Arc<Namespace>>,
    target: Option<i32>,
    filter: Filter,
    /// The table as it was when the last part was made.
    generation: Option<u64>,
}

impl Dump for LinkDump {
    fn fill(
        &mut self,
        part: &mut Part<'_>,
        own: &Arc<Namespace>,
        cx: &Cx<'_>,
    ) -> Result<(), Refusal> {
        let ns = self.ns.clone().unwrap_or_else(|| own.clone());
        let mut flags = if self.filter.is_set() { NLM_F_DUMP_FILTERED } else { 0 };
        // Links came, went or were renamed since the last part: the reader may start anew.
        let generation = ns.link_generation();
        if self.generation.replace(generation).is_some_and(|before| before != generation) {
            flags |= NLM_F_DUMP_INTR;
        }
        while let Some(link) = ns.link_at_or_after(self.next) {
            let info = link.info();
            if self.filter.shows(&link) {
                let message = LinkMessage::of(&info, own, cx).target(self.target);
                if part.message(RTM_NEWLINK, flags, |out| message.write(out)) == Fit::Full {
                    break;
                }
            }
            self.next = info.ifindex.get() + 1;
        }
        Ok(())
    }
}
