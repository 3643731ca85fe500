//! ICMP (RFC 792, RFC 1122, RFC 1812): echo answered, errors sent within limits, errors
//! received handed to the sockets they are about.

mod errors;
mod input;
pub(crate) mod limit;

pub(crate) use errors::ErrorKind;

/// Bytes of an ICMP header.
const ICMP_HEADER: usize = 8;
/// The protocol's number.
pub(crate) const PROTOCOL: u8 = 1;

/// Message types (include/uapi/linux/icmp.h).
pub(crate) mod message {
    pub(crate) const ECHO_REPLY: u8 = 0;
    pub(crate) const UNREACHABLE: u8 = 3;
    pub(crate) const SOURCE_QUENCH: u8 = 4;
    pub(crate) const REDIRECT: u8 = 5;
    pub(crate) const ECHO: u8 = 8;
    pub(crate) const TIME_EXCEEDED: u8 = 11;
    pub(crate) const PARAMETER_PROBLEM: u8 = 12;
}

/// Whether a message of this type reports an error, about which none is sent (RFC 1122,
/// 3.2.2). Unknown types count as errors, as on Linux.
pub(crate) const fn is_error(icmp_type: u8) -> bool {
    !matches!(icmp_type, 0 | 8 | 13..=18)
}
