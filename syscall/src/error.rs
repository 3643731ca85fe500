//! Each refusal of the core as Linux's error number: the one place of this translation.

use warren_netns::error::{AddrError, LinkError, NeighbourError, RouteError, SocketError};

use crate::errno::Errno;

impl From<LinkError> for Errno {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::NotFound | LinkError::Dying => Self::ENODEV,
            LinkError::Exists => Self::EEXIST,
            LinkError::NoFreeName => Self::ENFILE,
            LinkError::Busy | LinkError::HasMaster => Self::EBUSY,
            LinkError::NotSupported => Self::EOPNOTSUPP,
            LinkError::BadAddress => Self::EADDRNOTAVAIL,
            LinkError::BadName
            | LinkError::MtuTooSmall
            | LinkError::MtuTooLarge
            | LinkError::NamespaceImmutable
            | LinkError::CannotEnslave => Self::EINVAL,
            LinkError::Loop => Self::ELOOP,
            LinkError::NoMemory => Self::ENOMEM,
        }
    }
}

impl From<AddrError> for Errno {
    fn from(error: AddrError) -> Self {
        match error {
            AddrError::Exists => Self::EEXIST,
            AddrError::NotFound => Self::EADDRNOTAVAIL,
            AddrError::Invalid | AddrError::ScopeDiffers => Self::EINVAL,
            AddrError::NoLink => Self::ENODEV,
            AddrError::NoMemory => Self::ENOBUFS,
        }
    }
}

impl From<RouteError> for Errno {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Exists => Self::EEXIST,
            RouteError::NotFound | RouteError::NoTable => Self::ESRCH,
            RouteError::NoEntry => Self::ENOENT,
            RouteError::Invalid
            | RouteError::InvalidPrefixLength
            | RouteError::InvalidPrefix
            | RouteError::InvalidScope
            | RouteError::RefusalWithNexthop
            | RouteError::HostMultipath
            | RouteError::HostGateway
            | RouteError::GatewayNotUnicast
            | RouteError::OnlinkScope
            | RouteError::OnlinkNeedsGateway
            | RouteError::BadSource
            | RouteError::Blackhole => Self::EINVAL,
            RouteError::BadGateway | RouteError::Unreachable => Self::ENETUNREACH,
            RouteError::LinkDown | RouteError::GatewayDown | RouteError::OnlinkDown => {
                Self::ENETDOWN
            }
            RouteError::NoLink | RouteError::OnlinkNeedsLink => Self::ENODEV,
            RouteError::CrossDevice => Self::EXDEV,
            RouteError::HostUnreachable => Self::EHOSTUNREACH,
            RouteError::Prohibited => Self::EACCES,
            RouteError::NoMemory => Self::ENOBUFS,
        }
    }
}

impl From<NeighbourError> for Errno {
    fn from(error: NeighbourError) -> Self {
        match error {
            NeighbourError::Exists => Self::EEXIST,
            NeighbourError::NotFound => Self::ENOENT,
            NeighbourError::Invalid | NeighbourError::NoAddress => Self::EINVAL,
            NeighbourError::NotPermitted => Self::EPERM,
            NeighbourError::Full => Self::ENOBUFS,
        }
    }
}

impl From<SocketError> for Errno {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::WouldBlock => Self::EAGAIN,
            SocketError::AddrInUse => Self::EADDRINUSE,
            SocketError::AddrNotAvailable => Self::EADDRNOTAVAIL,
            SocketError::IsConnected => Self::EISCONN,
            SocketError::NotConnected => Self::ENOTCONN,
            SocketError::AlreadyConnecting => Self::EALREADY,
            SocketError::InProgress => Self::EINPROGRESS,
            SocketError::Refused => Self::ECONNREFUSED,
            SocketError::Reset => Self::ECONNRESET,
            SocketError::Aborted => Self::ECONNABORTED,
            SocketError::TimedOut => Self::ETIMEDOUT,
            SocketError::HostUnreachable => Self::EHOSTUNREACH,
            SocketError::NetUnreachable => Self::ENETUNREACH,
            SocketError::NetDown => Self::ENETDOWN,
            SocketError::NoLink => Self::ENODEV,
            SocketError::HostDown => Self::EHOSTDOWN,
            SocketError::HostIsolated => Self::ENONET,
            SocketError::ProtocolUnreachable => Self::ENOPROTOOPT,
            SocketError::ProtocolError => Self::EPROTO,
            SocketError::Prohibited => Self::EACCES,
            SocketError::MessageTooLong => Self::EMSGSIZE,
            SocketError::NoDestination => Self::EDESTADDRREQ,
            SocketError::Shutdown => Self::EPIPE,
            SocketError::Invalid => Self::EINVAL,
            SocketError::NotSupported => Self::EOPNOTSUPP,
            SocketError::NoBuffer => Self::ENOBUFS,
        }
    }
}
