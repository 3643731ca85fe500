//! `RTM_GETNETCONF` of IPv4: settings of links, of all links and of those to come
//! (Linux: `inet_netconf_fill_devconf`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use warren_netns::Ifindex;
use warren_netns::ip::LinkConf;
use warren_netns::ip::conf::Devconf;

use super::{Answer, Request};
use crate::errno::Errno;
use crate::netlink::abi::{AF_INET, RTM_NEWNETCONF};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Policy, Rule, Writer};
use crate::netlink::dump::{Dump, ListDump};

/// `struct netconfmsg`, include/uapi/linux/netconf.h.
const FIXED: usize = 1;
const NETCONFA_IFINDEX: u16 = 1;
/// The settings shown, with their attributes, in Linux's order.
const SHOWN: [(u16, Devconf); 6] = [
    (2, Devconf::Forwarding),
    (3, Devconf::RpFilter),
    (4, Devconf::McForwarding),
    (8, Devconf::BcForwarding),
    (5, Devconf::ProxyArp),
    (6, Devconf::IgnoreRoutesWithLinkdown),
];
/// NETCONFA_IFINDEX_ALL and NETCONFA_IFINDEX_DEFAULT.
const ALL: i32 = -1;
const DEFAULT: i32 = -2;

static POLICY: Policy = Policy { max: 8, strict_from: 0, rules: &[(NETCONFA_IFINDEX, Rule::U32)] };

/// Settings under a number.
#[derive(Debug)]
struct Shown {
    index: i32,
    values: [i32; 6],
}

impl Shown {
    fn of(index: i32, conf: &LinkConf) -> Self {
        Self { index, values: SHOWN.map(|(_, setting)| conf.get(setting)) }
    }

    fn write(&self, out: &mut Writer<'_>) {
        out.raw(&[AF_INET]);
        out.i32(NETCONFA_IFINDEX, self.index);
        for ((kind, _), value) in SHOWN.into_iter().zip(self.values) {
            out.i32(kind, value);
        }
    }
}

/// The body of a notification that a link's settings went with it.
pub(super) fn write_gone(index: Ifindex, out: &mut Writer<'_>) {
    out.raw(&[AF_INET]);
    out.u32(NETCONFA_IFINDEX, index.get());
}

/// The settings under one number.
pub(super) fn get(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &POLICY, request.get_strictness())?;
    if request.strict && table.iter().any(|attr| attr.kind != NETCONFA_IFINDEX) {
        let text = "ipv4: Unsupported attribute in netconf get request";
        return Err(Refusal::invalid(text));
    }
    let index = table.get(NETCONFA_IFINDEX).ok_or(Errno::EINVAL)?.i32();
    let conf = &request.ns.ip.conf;
    let shown = match index {
        ALL => Shown::of(ALL, &conf.all),
        DEFAULT => Shown::of(DEFAULT, &conf.default),
        index => {
            let number = u32::try_from(index).ok().and_then(Ifindex::new);
            let link = number.and_then(|number| request.ns.link(number)).ok_or(Errno::EINVAL)?;
            Shown::of(index, &link.conf4)
        }
    };
    request.reply(RTM_NEWNETCONF, |out| shown.write(out))
}

/// Every link's, then those of all and of links to come.
pub(super) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    if request.strict && request.payload().len() > 4 {
        let text = "ipv4: Invalid data after header in netconf dump request";
        return Err(Refusal::invalid(text));
    }
    let mut shown = Vec::new();
    let mut from = 1;
    while let Some(link) = request.ns.link_at_or_after(from) {
        let index = link.ifindex().get();
        from = index + 1;
        shown.push(Shown::of(index.cast_signed(), &link.conf4));
    }
    let conf = &request.ns.ip.conf;
    shown.push(Shown::of(ALL, &conf.all));
    shown.push(Shown::of(DEFAULT, &conf.default));
    let write: fn(&Shown, &mut Writer<'_>) = Shown::write;
    Ok(Box::new(ListDump::new(shown, RTM_NEWNETCONF, 0, 0, write)))
}
