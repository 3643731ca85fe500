//! `RTM_NEWNSID`, `RTM_GETNSID`: the numbers by which a namespace knows others.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_netns::Namespace;
use warren_netns::error::NsidError;

use super::{Answer, Request};
use crate::cred::Capability;
use crate::errno::Errno;
use crate::netlink::abi::RTM_NEWNSID;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Policy, Rule, Strictness, Table, Writer};
use crate::netlink::dump::{Dump, ListDump};

/// `struct rtgenmsg`: the family.
const FIXED: usize = 1;

// include/uapi/linux/net_namespace.h
const NETNSA_NSID: u16 = 1;
const NETNSA_PID: u16 = 2;
const NETNSA_FD: u16 = 3;
const NETNSA_TARGET_NSID: u16 = 4;
const NETNSA_CURRENT_NSID: u16 = 5;

/// `NETNSA_NSID_NOT_ASSIGNED`.
const NOT_ASSIGNED: i32 = -1;

static POLICY: Policy = Policy {
    max: NETNSA_CURRENT_NSID,
    strict_from: 0,
    rules: &[
        (NETNSA_NSID, Rule::U32),
        (NETNSA_PID, Rule::U32),
        (NETNSA_FD, Rule::U32),
        (NETNSA_TARGET_NSID, Rule::U32),
    ],
};

/// Gives a namespace a number (`ip netns set`).
pub(super) fn new(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &POLICY, Strictness::Liberal)?;
    let nsid = table.get(NETNSA_NSID).ok_or(Refusal::invalid("nsid is missing"))?;
    let (peer, named_by) = peer(request, &table, false)?;
    // Negative: any number.
    let wanted = u32::try_from(nsid.i32()).ok();
    if request.ns.nsid_of(&peer).is_some() {
        let text = "Peer netns already has a nsid assigned";
        return Err(Refusal::new(Errno::EEXIST).text(text).at(&named_by));
    }
    match request.ns.assign_nsid(&peer, wanted, request.cx) {
        Ok(_) => Ok(Answer::Nothing),
        Err(NsidError::Exists) => {
            let text = "The specified nsid is already used";
            Err(Refusal::new(Errno::EEXIST).text(text).at(nsid))
        }
        Err(NsidError::NoSpace) => Err(Errno::ENOSPC.into()),
    }
}

/// The number of a namespace (`ip netns list`).
pub(super) fn get(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &POLICY, request.get_strictness())?;
    if request.strict && table.get(NETNSA_CURRENT_NSID).is_some() {
        return Err(Refusal::invalid("Unsupported attribute in peer netns getid request"));
    }
    let (peer, _) = peer(request, &table, true)?;
    let (observer, current) = match table.get(NETNSA_TARGET_NSID) {
        None => (request.ns.clone(), None),
        Some(attr) => {
            let invalid = "Target netns reference is invalid";
            let target = target(request, attr)
                .map_err(|errno| Refusal::new(errno).text(invalid).at(attr))?;
            (target, Some(number(request.ns, &peer)))
        }
    };
    let entry = Entry { nsid: number(&observer, &peer), current };
    request.reply(RTM_NEWNSID, |out| write(&entry, out))
}

/// All numbers of a namespace (`ip netns list-id`).
pub(super) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    let table = request.attributes(FIXED, &POLICY, request.get_strictness())?;
    let mut observer = request.ns.clone();
    let mut from_elsewhere = false;
    for attr in table.iter() {
        if attr.kind == NETNSA_TARGET_NSID {
            observer = target(request, attr).map_err(|errno| {
                Refusal::new(errno).text("Invalid target network namespace id").at(attr)
            })?;
            from_elsewhere = true;
        } else if request.strict {
            let text = "Unsupported attribute in peer netns dump request";
            return Err(Refusal::invalid(text).at(attr));
        }
    }
    let current = |peer: &Arc<Namespace>| from_elsewhere.then(|| number(request.ns, peer));
    let entries: Vec<_> = observer
        .nsids()
        .iter()
        .map(|(nsid, peer)| Entry { nsid: nsid.cast_signed(), current: current(peer) })
        .collect();
    Ok(Box::new(ListDump::new(entries, RTM_NEWNSID, 0, 0, write as fn(&_, &mut Writer<'_>))))
}

/// A number, and the asker's own number for the same namespace where it asked about
/// somebody else's.
#[derive(Debug)]
struct Entry {
    nsid: i32,
    current: Option<i32>,
}

fn write(entry: &Entry, out: &mut Writer<'_>) {
    out.raw(&[0; FIXED]);
    out.i32(NETNSA_NSID, entry.nsid);
    if let Some(current) = entry.current {
        out.i32(NETNSA_CURRENT_NSID, current);
    }
}

/// The body of a notification about `nsid`.
pub(super) fn write_nsid(nsid: u32, out: &mut Writer<'_>) {
    write(&Entry { nsid: nsid.cast_signed(), current: None }, out);
}

fn number(observer: &Namespace, peer: &Namespace) -> i32 {
    observer.nsid_of(peer).map_or(NOT_ASSIGNED, u32::cast_signed)
}

/// The namespace a request is about, and the attribute that named it.
fn peer<'a>(
    request: &Request<'_>,
    table: &Table<'a>,
    by_number: bool,
) -> Result<(Arc<Namespace>, Attr<'a>), Refusal> {
    let (found, attr) = if let Some(attr) = table.get(NETNSA_PID) {
        (request.caller.namespace_by_pid(attr.u32()), attr)
    } else if let Some(attr) = table.get(NETNSA_FD) {
        (request.caller.namespace_by_fd(attr.i32()), attr)
    } else if let Some(attr) = table.get(NETNSA_NSID).filter(|_| by_number) {
        (by_nsid(request, attr).ok_or(Errno::ENOENT), attr)
    } else {
        return Err(Refusal::invalid("Peer netns reference is missing"));
    };
    match found {
        Ok(peer) => Ok((peer, *attr)),
        Err(errno) => Err(Refusal::new(errno).text("Peer netns reference is invalid").at(attr)),
    }
}

fn by_nsid(request: &Request<'_>, attr: &Attr<'_>) -> Option<Arc<Namespace>> {
    request.ns.namespace_by_nsid(u32::try_from(attr.i32()).ok()?)
}

/// A namespace to work in instead of the socket's (Linux: `rtnl_get_net_ns_capable`).
///
/// # Errors
/// EINVAL for a number nobody has, EACCES without CAP_NET_ADMIN there.
pub(super) fn target(request: &Request<'_>, attr: &Attr<'_>) -> Result<Arc<Namespace>, Errno> {
    let target = by_nsid(request, attr).ok_or(Errno::EINVAL)?;
    if request.caller.has(Capability::NetAdmin, &target) { Ok(target) } else { Err(Errno::EACCES) }
}
