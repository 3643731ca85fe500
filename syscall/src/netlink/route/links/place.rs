//! Which namespace a request means: its own, a process's, a descriptor's or a numbered one.

use alloc::sync::Arc;

use warren_netns::Namespace;

use super::abi::{IFLA_NET_NS_FD, IFLA_NET_NS_PID, IFLA_TARGET_NETNSID};
use crate::cred::Capability;
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::Table;
use crate::netlink::route::{Request, namespaces};

/// Where a link is to be looked for: `IFLA_TARGET_NETNSID`, or the socket's namespace.
///
/// # Errors
/// EOPNOTSUPP for the attributes that do not say where to look, EINVAL for an unknown
/// number, EACCES without CAP_NET_ADMIN there.
pub(super) fn target(
    request: &Request<'_>,
    table: &Table<'_>,
) -> Result<(Arc<Namespace>, Option<i32>), Refusal> {
    if table.get(IFLA_NET_NS_PID).is_some() || table.get(IFLA_NET_NS_FD).is_some() {
        let text = "specified netns attribute not supported";
        return Err(Refusal::new(Errno::EOPNOTSUPP).text(text));
    }
    match table.get(IFLA_TARGET_NETNSID) {
        None => Ok((request.ns.clone(), None)),
        Some(attr) => Ok((namespaces::target(request, attr)?, Some(attr.i32()))),
    }
}

/// At most one attribute may say where a link shall go.
///
/// # Errors
/// EINVAL for more.
pub(super) fn check_unique(table: &Table<'_>) -> Result<(), Refusal> {
    let kinds = [IFLA_NET_NS_PID, IFLA_NET_NS_FD, IFLA_TARGET_NETNSID];
    if kinds.into_iter().filter(|kind| table.get(*kind).is_some()).count() > 1 {
        return Err(Refusal::invalid("multiple netns identifying attributes specified"));
    }
    Ok(())
}

/// Where a link shall go, if the request says so.
///
/// # Errors
/// EBADF, ESRCH or EINVAL for what is no namespace, EPERM without CAP_NET_ADMIN there.
pub(super) fn destination(
    request: &Request<'_>,
    table: &Table<'_>,
) -> Result<Option<Arc<Namespace>>, Refusal> {
    let ns = if let Some(attr) = table.get(IFLA_NET_NS_PID) {
        request.caller.namespace_by_pid(attr.u32())?
    } else if let Some(attr) = table.get(IFLA_NET_NS_FD) {
        request.caller.namespace_by_fd(attr.i32())?
    } else if let Some(attr) = table.get(IFLA_TARGET_NETNSID) {
        let number = u32::try_from(attr.i32()).map_err(|_| Errno::EINVAL)?;
        request.ns.namespace_by_nsid(number).ok_or(Errno::EINVAL)?
    } else {
        return Ok(None);
    };
    if !request.caller.has(Capability::NetAdmin, &ns) {
        return Err(Errno::EPERM.into());
    }
    Ok(Some(ns))
}
