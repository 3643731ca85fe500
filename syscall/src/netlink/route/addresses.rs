//! `RTM_*ADDR` of IPv4 (Linux: net/ipv4/devinet.c).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_netns::ip::{
    Address, AddressFlags, AddressSelector, AddressSpec, IfExists, Label, Lifetimes, Scope,
};
use warren_netns::{Ifindex, Link};
use warren_platform::Instant;

use super::{Answer, Request, namespaces};
use crate::errno::Errno;
use crate::netlink::abi::{AF_INET, NLM_F_DUMP_FILTERED, NLM_F_EXCL, NLM_F_REPLACE, RTM_NEWADDR};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Policy, Rule, Strictness, Writer};
use crate::netlink::dump::{Dump, ListDump};

/// `struct ifaddrmsg`, include/uapi/linux/if_addr.h.
const FIXED: usize = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_RT_PRIORITY: u16 = 9;
const IFA_TARGET_NETNSID: u16 = 10;
const IFA_PROTO: u16 = 11;

/// `IFA_F_MCAUTOJOIN`: join the multicast group the address is. Not done here.
const MCAUTOJOIN: u32 = 0x400;

static POLICY: Policy = Policy {
    max: IFA_PROTO,
    strict_from: 0,
    rules: &[
        (IFA_LOCAL, Rule::U32),
        (IFA_ADDRESS, Rule::U32),
        (IFA_BROADCAST, Rule::U32),
        (IFA_LABEL, Rule::Text(15)),
        (IFA_CACHEINFO, Rule::AtLeast(16)),
        (IFA_FLAGS, Rule::U32),
        (IFA_RT_PRIORITY, Rule::U32),
        (IFA_TARGET_NETNSID, Rule::U32),
        (IFA_PROTO, Rule::U8),
    ],
};

/// `struct ifaddrmsg` of a request.
struct IfAddr {
    prefix_len: u8,
    flags: u8,
    scope: u8,
    index: u32,
}

impl IfAddr {
    fn of(request: &Request<'_>, text: &'static str) -> Result<Self, Refusal> {
        let [_, prefix_len, flags, scope, index @ ..] = *request.fixed::<FIXED>(text)?;
        Ok(Self { prefix_len, flags, scope, index: u32::from_le_bytes(index) })
    }

    fn link(&self, request: &Request<'_>) -> Result<Arc<Link>, Refusal> {
        let link = Ifindex::new(self.index).and_then(|index| request.ns.link(index));
        Ok(link.ok_or(Errno::ENODEV)?)
    }
}

fn address(attr: &Attr<'_>) -> Ipv4Addr {
    Ipv4Addr::from(attr.array::<4>())
}

fn label(attr: &Attr<'_>) -> Result<Label, Refusal> {
    Ok(Label::new(attr.string()).ok_or(Errno::ERANGE)?)
}

/// Adds an address, or changes one (`ip addr replace`).
pub(super) fn new(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &POLICY, Strictness::Liberal)?;
    let header = IfAddr::of(request, "Invalid header length")?;
    let local = table.get(IFA_LOCAL).ok_or(Errno::EINVAL)?;
    if header.prefix_len > 32 {
        return Err(Errno::EINVAL.into());
    }
    let link = header.link(request)?;
    let flags = table.get(IFA_FLAGS).map_or(u32::from(header.flags), Attr::u32);
    if flags & MCAUTOJOIN != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let lifetimes = table.get(IFA_CACHEINFO).map_or(Lifetimes::FOREVER, |attr| {
        let [a, b, c, d, e, f, g, h, ..] = attr.array::<16>();
        Lifetimes {
            preferred: u32::from_le_bytes([a, b, c, d]),
            valid: u32::from_le_bytes([e, f, g, h]),
        }
    });
    let spec = AddressSpec {
        local: address(local),
        prefix_len: header.prefix_len,
        peer: table.get(IFA_ADDRESS).map(address),
        broadcast: table.get(IFA_BROADCAST).map(address).filter(|addr| !addr.is_unspecified()),
        label: table.get(IFA_LABEL).map(label).transpose()?,
        scope: Scope(header.scope),
        flags: AddressFlags::from_bits_retain(flags),
        lifetimes,
        route_priority: table.get(IFA_RT_PRIORITY).map_or(0, Attr::u32),
        protocol: table.get(IFA_PROTO).map_or(0, Attr::u8),
    };
    let replaces = request.header.has(NLM_F_REPLACE) && !request.header.has(NLM_F_EXCL);
    let exists = if replaces { IfExists::Replace } else { IfExists::Refuse };
    let admin = request.admin_of(request.ns)?;
    request.ns.add_address(&admin, &link, &spec, exists, request.cx)?;
    Ok(Answer::Nothing)
}

/// Deletes the first address the request fits.
pub(super) fn delete(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &POLICY, Strictness::Liberal)?;
    let header = IfAddr::of(request, "Invalid header length")?;
    let link = header.link(request)?;
    if table.get(IFA_ADDRESS).is_some() && header.prefix_len > 32 {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    let selector = AddressSelector {
        local: table.get(IFA_LOCAL).map(address),
        network: table.get(IFA_ADDRESS).map(|attr| (address(attr), header.prefix_len)),
        label: table.get(IFA_LABEL).map(label).transpose()?,
    };
    let admin = request.admin_of(request.ns)?;
    request.ns.delete_address(&admin, &link, &selector, request.cx)?;
    Ok(Answer::Nothing)
}

/// All addresses, or those of a link.
pub(super) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    let mut ns = request.ns.clone();
    let mut target = None;
    let mut index = 0;
    if request.strict {
        let header = IfAddr::of(request, "ipv4: Invalid header for address dump request")?;
        if header.prefix_len != 0 || header.flags != 0 || header.scope != 0 {
            let text = "ipv4: Invalid values in header for address dump request";
            return Err(Refusal::invalid(text));
        }
        index = header.index;
        let table = request.attributes(FIXED, &POLICY, Strictness::Known)?;
        for attr in table.iter() {
            if attr.kind != IFA_TARGET_NETNSID {
                return Err(Refusal::invalid("ipv4: Unsupported attribute in dump request"));
            }
            let text = "ipv4: Invalid target network namespace id";
            ns = namespaces::target(request, attr)
                .map_err(|errno| Refusal::new(errno).text(text))?;
            target = Some(attr.i32());
        }
    }
    if index != 0 && Ifindex::new(index).and_then(|index| ns.link(index)).is_none() {
        return Err(Errno::ENODEV.into());
    }
    let flags = if index == 0 { 0 } else { NLM_F_DUMP_FILTERED };
    let mut addresses = ns.addresses()?;
    addresses.retain(|address| index == 0 || address.ifindex.get() == index);
    let items = addresses
        .into_iter()
        .map(|address| Shown { address, target, now: request.cx.now })
        .collect();
    let write: fn(&Shown, &mut Writer<'_>) = Shown::write;
    Ok(Box::new(ListDump::new(items, RTM_NEWADDR, flags, flags, write)))
}

/// An address as a message.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) address: Address,
    /// The number by which the asker named the namespace.
    pub(super) target: Option<i32>,
    pub(super) now: Instant,
}

impl Shown {
    /// `struct ifaddrmsg` and the attributes, in Linux's order (`inet_fill_ifaddr`).
    pub(super) fn write(&self, out: &mut Writer<'_>) {
        let address = &self.address;
        let flags = address.flags.bits();
        let mut fixed = [0; FIXED];
        // The header has room for the first eight flags.
        fixed[..4].copy_from_slice(&[
            AF_INET,
            address.prefix_len,
            flags.to_le_bytes()[0],
            address.scope.0,
        ]);
        fixed[4..].copy_from_slice(&address.ifindex.get().to_le_bytes());
        out.raw(&fixed);
        if let Some(target) = self.target {
            out.i32(IFA_TARGET_NETNSID, target);
        }
        if !address.address.is_unspecified() {
            out.bytes(IFA_ADDRESS, &address.address.octets());
        }
        out.bytes(IFA_LOCAL, &address.local.octets());
        if let Some(broadcast) = address.broadcast {
            out.bytes(IFA_BROADCAST, &broadcast.octets());
        }
        if !address.label.as_bytes().is_empty() {
            out.text(IFA_LABEL, address.label.as_bytes());
        }
        if address.protocol != 0 {
            out.u8(IFA_PROTO, address.protocol);
        }
        out.u32(IFA_FLAGS, flags);
        if address.route_priority != 0 {
            out.u32(IFA_RT_PRIORITY, address.route_priority);
        }
        let left = address.lifetimes_left(self.now);
        // struct ifa_cacheinfo; the two stamps in hundredths of a second.
        let stamp = |at: Instant| (at.as_micros() / 10_000) as u32;
        let values = [left.preferred, left.valid, stamp(address.created), stamp(address.updated)];
        let mut cache = [0; 16];
        for (to, value) in cache.chunks_exact_mut(4).zip(values) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        out.bytes(IFA_CACHEINFO, &cache);
    }
}
