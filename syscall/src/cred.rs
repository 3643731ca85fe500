//! Who is asking: the one view the door has of the host's processes.
//!
//! The host implements [`Caller`] on whatever describes the calling thread and passes it to
//! every call that checks a right, names another namespace, or tells a peer who sent
//! something. Nothing here is kept beyond the call, except the copies sockets make of
//! [`Caller::pid`], [`Caller::uid`] and [`Caller::gid`] when they are opened.

use alloc::sync::Arc;

use warren_netns::{Namespace, NetAdmin};

use crate::errno::Errno;

/// The capabilities networking asks for (include/uapi/linux/capability.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capability {
    /// CAP_NET_BIND_SERVICE: bind to ports below `ip_unprivileged_port_start`.
    NetBindService = 10,
    /// CAP_NET_ADMIN: change links, addresses, routes, neighbours, sysctls.
    NetAdmin = 12,
    /// CAP_NET_RAW: raw and packet sockets, SO_BINDTODEVICE of another's choice.
    NetRaw = 13,
    /// CAP_SYS_ADMIN: create and enter namespaces; forge SCM_CREDENTIALS' pid.
    SysAdmin = 21,
}

/// The calling thread, as the host knows it.
pub trait Caller {
    /// The process id (tgid) in the caller's own pid namespace.
    fn pid(&self) -> u32;

    /// The effective user id.
    fn uid(&self) -> u32;

    /// The effective group id.
    fn gid(&self) -> u32;

    /// Whether the caller's effective group, or one of its supplementary ones, lies within
    /// `first..=last`.
    fn in_groups(&self, first: u32, last: u32) -> bool {
        (first..=last).contains(&self.gid())
    }

    /// Whether the caller holds `capability` in the user namespace that owns `ns`
    /// (Linux: `ns_capable(net->user_ns, cap)`).
    fn has(&self, capability: Capability, ns: &Arc<Namespace>) -> bool;

    /// The namespace behind one of the caller's descriptors (`IFLA_NET_NS_FD`).
    ///
    /// # Errors
    /// EBADF if the descriptor is not open, EINVAL if it is no network namespace.
    fn namespace_by_fd(&self, fd: i32) -> Result<Arc<Namespace>, Errno>;

    /// The namespace of a process the caller sees (`IFLA_NET_NS_PID`).
    ///
    /// # Errors
    /// ESRCH if there is no such process.
    fn namespace_by_pid(&self, pid: u32) -> Result<Arc<Namespace>, Errno>;

    /// Permission to change `ns`, for the core's control path.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN over `ns`.
    fn net_admin(&self, ns: &Arc<Namespace>) -> Result<NetAdmin, Errno> {
        if self.has(Capability::NetAdmin, ns) { Ok(NetAdmin::granted()) } else { Err(Errno::EPERM) }
    }
}
