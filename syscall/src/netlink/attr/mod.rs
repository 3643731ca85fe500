//! Attributes: type, length, value, padded to four bytes (`struct nlattr`,
//! include/uapi/linux/netlink.h). Reading is in [`reader`], what a message may contain in
//! [`policy`], writing in [`writer`].

pub mod policy;
pub mod reader;
pub mod writer;

pub use policy::{Policy, Rule, Strictness, Table};
pub use reader::{Attr, Attrs};
pub use writer::Writer;

/// Bytes of an attribute's header.
pub const HEADER: usize = 4;
/// The payload is a list of attributes (`NLA_F_NESTED`).
pub const NESTED: u16 = 1 << 15;
/// The payload is in network byte order (`NLA_F_NET_BYTEORDER`).
pub const NET_BYTEORDER: u16 = 1 << 14;
/// The bits of the type that are the type (`NLA_TYPE_MASK`).
pub const TYPE_MASK: u16 = !(NESTED | NET_BYTEORDER);

/// Rounds up to the alignment of messages and attributes.
#[must_use]
pub const fn align(len: usize) -> usize {
    (len + 3) & !3
}
