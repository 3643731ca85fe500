//! The core's errors: one small enum per noun. The `syscall` crate maps each to an errno
//! (and to the text of Linux's extended ACK) in one place.

/// A change to a link was refused; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum LinkError {
    /// No link of that name or index here (ENODEV).
    NotFound,
    /// The name or the ifindex is taken in the namespace (EEXIST).
    Exists,
    /// The name is not one Linux allows, or no number fits its template (EINVAL, ENFILE).
    BadName,
    /// No free number is left for the name's template (ENFILE).
    NoFreeName,
    /// The link must be down for this, or the wanted ifindex is taken (EBUSY).
    Busy,
    /// The kind cannot do this (EOPNOTSUPP).
    NotSupported,
    /// The MTU is below what the kind accepts (EINVAL, with a text of its own).
    MtuTooSmall,
    /// The MTU is above what the kind accepts (EINVAL, with a text of its own).
    MtuTooLarge,
    /// Not an address a station may have (EADDRNOTAVAIL).
    BadAddress,
    /// A loopback, or a link that lives and dies with its namespace (EINVAL).
    NamespaceImmutable,
    /// The link is already a port of another master (EBUSY).
    HasMaster,
    /// The link cannot be a port of this master (EINVAL).
    CannotEnslave,
    /// A master within a master of the same kind (ELOOP).
    Loop,
    /// The namespace or the link is being torn down (ENODEV).
    Dying,
    /// A bound was reached or memory is short (ENOMEM, ENOBUFS).
    NoMemory,
}

/// A namespace could not be given a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum NsidError {
    /// The namespace has a number here already, or the number is another's (EEXIST).
    Exists,
    /// All numbers are taken or memory is short (ENOSPC).
    NoSpace,
}

/// A change to an address was refused; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum AddrError {
    /// The same address and prefix is on the link already (EEXIST).
    Exists,
    /// An address of the same network is there with another scope (EINVAL).
    ScopeDiffers,
    /// No such address on the link (EADDRNOTAVAIL).
    NotFound,
    /// A prefix longer than the address, or an address no host may have (EINVAL).
    Invalid,
    /// The link is gone (ENODEV).
    NoLink,
    /// A bound was reached or memory is short (ENOBUFS).
    NoMemory,
}

/// A change to a route was refused, or a lookup found none; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum RouteError {
    /// The same destination, metric and table exists (EEXIST).
    Exists,
    /// No such route to delete (ESRCH).
    NotFound,
    /// Nothing to change or append to, and CREATE was not asked for (ENOENT).
    NoEntry,
    /// No such table to delete from (ESRCH, "FIB table does not exist").
    NoTable,
    /// A request, a source or a destination that makes no sense (EINVAL).
    Invalid,
    /// A prefix longer than an address (EINVAL, "Invalid prefix length").
    InvalidPrefixLength,
    /// Bits beyond the prefix (EINVAL, "Invalid prefix for given prefix length").
    InvalidPrefix,
    /// A scope the kind cannot have (EINVAL, "Invalid scope").
    InvalidScope,
    /// A refusing route with a way (EINVAL, "Gateway, device and multipath can not be
    /// specified for this route type").
    RefusalWithNexthop,
    /// EINVAL, "Route with host scope can not have multiple nexthops".
    HostMultipath,
    /// EINVAL, "Route with host scope can not have a gateway".
    HostGateway,
    /// The gateway is no host's address (EINVAL, "Nexthop has invalid gateway").
    GatewayNotUnicast,
    /// The link towards the gateway is down (ENETDOWN, no text).
    GatewayDown,
    /// EINVAL, "Nexthop has invalid scope".
    OnlinkScope,
    /// ENODEV, "Nexthop device required for onlink".
    OnlinkNeedsLink,
    /// ENETDOWN, "Nexthop device is not up".
    OnlinkDown,
    /// EINVAL, "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set".
    OnlinkNeedsGateway,
    /// The reverse path filter refuses the source (EXDEV).
    CrossDevice,
    /// The gateway is not reachable on the link (ENETUNREACH, "Nexthop has invalid gateway").
    BadGateway,
    /// The preferred source is not an address of ours (EINVAL, "Invalid prefsrc address").
    BadSource,
    /// The link is down (ENETDOWN, "Device for nexthop is not up").
    LinkDown,
    /// The link does not exist (ENODEV).
    NoLink,
    /// No route to the destination (ENETUNREACH).
    Unreachable,
    /// The route says unreachable (EHOSTUNREACH).
    HostUnreachable,
    /// The route says prohibit (EACCES).
    Prohibited,
    /// The route says blackhole (EINVAL).
    Blackhole,
    /// A bound was reached or memory is short (ENOBUFS).
    NoMemory,
}

/// A multicast group could not be joined; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum GroupError {
    /// Not a group address (EINVAL).
    Invalid,
    /// A bound was reached (ENOBUFS).
    Full,
}

/// A change to a neighbour was refused; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum NeighbourError {
    /// The entry exists (EEXIST).
    Exists,
    /// No such entry (ENOENT).
    NotFound,
    /// An address that cannot be a neighbour's (EINVAL).
    Invalid,
    /// A valid state without an address (EINVAL, "No link layer address given").
    NoAddress,
    /// A permanent entry, and not the user who changes it (EPERM).
    NotPermitted,
    /// The table is full (ENOBUFS).
    Full,
}

/// A socket call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum SocketError {
    /// Would have to wait (EAGAIN).
    WouldBlock,
    /// The address or port is taken (EADDRINUSE).
    AddrInUse,
    /// Not an address of this namespace (EADDRNOTAVAIL).
    AddrNotAvailable,
    /// Already connected (EISCONN).
    IsConnected,
    /// Not connected (ENOTCONN).
    NotConnected,
    /// A connect is under way (EALREADY).
    AlreadyConnecting,
    /// The connect has begun (EINPROGRESS).
    InProgress,
    /// The peer refused (ECONNREFUSED).
    Refused,
    /// The peer reset the connection (ECONNRESET).
    Reset,
    /// The connection was aborted on this side (ECONNABORTED).
    Aborted,
    /// The peer did not answer in time (ETIMEDOUT).
    TimedOut,
    /// The host does not answer (EHOSTUNREACH).
    HostUnreachable,
    /// No route (ENETUNREACH).
    NetUnreachable,
    /// The link is down (ENETDOWN).
    NetDown,
    /// The link the socket is bound to does not exist (ENODEV).
    NoLink,
    /// The host is known to be down (EHOSTDOWN).
    HostDown,
    /// The host is isolated (ENONET).
    HostIsolated,
    /// The peer does not speak the protocol (ENOPROTOOPT).
    ProtocolUnreachable,
    /// The peer calls our headers malformed (EPROTO).
    ProtocolError,
    /// A route or an option forbids it (EACCES).
    Prohibited,
    /// Larger than the protocol or the path allows (EMSGSIZE).
    MessageTooLong,
    /// No destination given or known (EDESTADDRREQ).
    NoDestination,
    /// The direction is shut (EPIPE).
    Shutdown,
    /// The call makes no sense in this state (EINVAL).
    Invalid,
    /// The protocol or kind has no such operation (EOPNOTSUPP).
    NotSupported,
    /// A bound was reached or memory is short (ENOBUFS).
    NoBuffer,
}
