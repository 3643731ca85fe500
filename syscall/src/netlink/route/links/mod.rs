//! `RTM_*LINK`: links seen and changed from user space.
//!
//! | module | what it is |
//! |---|---|
//! | [`message`] | a link as a message |
//! | [`get`] | one link, or a dump of all |
//! | [`create`], [`set`], [`delete`] | `RTM_NEWLINK` with and without a link there, `RTM_SETLINK`, `RTM_DELLINK` |
//! | [`properties`] | alternative names |
//! | [`place`] | which namespace a request means |

pub mod abi;
mod create;
mod delete;
mod get;
mod message;
mod place;
mod properties;
mod set;

use alloc::sync::Arc;

use warren_netns::{Ifindex, Link, LinkId, Namespace};

use super::Request;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::Table;
use abi::{FIXED, IFLA_ALT_IFNAME, IFLA_IFNAME};

pub use create::NewLink;
pub use message::LinkMessage;

pub(super) use create::new;
pub(super) use delete::delete;
pub(super) use get::{dump, get};
pub(super) use properties::properties;
pub(super) use set::set;

/// `struct ifinfomsg` of a request.
#[derive(Clone, Copy, Debug)]
struct IfInfo {
    /// `ifi_index`.
    index: i32,
    /// `ifi_flags`.
    flags: u32,
    /// `ifi_change`.
    change: u32,
}

impl IfInfo {
    fn parse(bytes: &[u8; FIXED]) -> Self {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self { index: word(4).cast_signed(), flags: word(8), change: word(12) }
    }

    fn of(request: &Request<'_>, text: &'static str) -> Result<Self, Refusal> {
        Ok(Self::parse(request.fixed::<FIXED>(text)?))
    }

    fn ifindex(&self) -> Option<Ifindex> {
        Ifindex::new(u32::try_from(self.index).ok()?)
    }
}

/// How a request names a link.
enum Named {
    /// Not at all.
    Nothing,
    /// A link that is there.
    Link(Arc<Link>),
    /// One that is not.
    Absent,
}

/// The link a request names by index, name or alternative name.
fn named(ns: &Namespace, info: &IfInfo, table: &Table<'_>) -> Named {
    let found = if let Some(index) = info.ifindex() {
        ns.link(index)
    } else if let Some(name) = table.get(IFLA_IFNAME).or_else(|| table.get(IFLA_ALT_IFNAME)) {
        ns.find_link(name.string())
    } else {
        return Named::Nothing;
    };
    found.map_or(Named::Absent, Named::Link)
}

/// The links of a group, in the order of their indexes.
fn group_members(ns: &Namespace, group: u32) -> alloc::vec::Vec<Arc<Link>> {
    let mut members = alloc::vec::Vec::new();
    let mut from = 1;
    while let Some(link) = ns.link_at_or_after(from) {
        from = link.ifindex().get() + 1;
        if link.info().group == group {
            members.push(link);
        }
    }
    members
}

/// Whether `link` is the link of identity `id`.
fn is_link(link: Option<&Arc<Link>>, id: LinkId) -> bool {
    link.is_some_and(|link| link.id() == id)
}
