//! What rtnetlink knows of each kind of link: `IFLA_INFO_KIND` and what goes with it.
//!
//! A kind is one file here and one line in [`KINDS`]; nothing else names it.

pub(in crate::netlink) mod bridge;
mod dummy;
mod veth;

use alloc::sync::Arc;

use warren_netns::Link;
use warren_netns::link::LinkInfo;
use warren_platform::Instant;

use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Policy, Table, Writer};
use crate::netlink::route::Request;
use crate::netlink::route::links::NewLink;

/// GSO_MAX_SIZE: what a link takes that cuts nothing itself.
pub const TSO_MAX_SIZE: u32 = 8 * 65_535;

/// One kind of link, as rtnetlink makes, changes and shows it.
pub trait KindCodec: Sync + core::fmt::Debug {
    /// `IFLA_INFO_KIND`.
    fn name(&self) -> &'static str;

    /// What `IFLA_INFO_DATA` may contain; `None` if it is not looked at.
    fn data_policy(&self) -> Option<&'static Policy> {
        None
    }

    /// Makes a link. Everything the request says about links in general is in `new`.
    ///
    /// # Errors
    /// What Linux answers; nothing changed.
    fn create(&self, new: &NewLink<'_>) -> Result<Arc<Link>, Refusal>;

    /// Changes a link of this kind as `IFLA_INFO_DATA` says.
    ///
    /// # Errors
    /// EOPNOTSUPP for kinds that cannot be changed.
    fn change(
        &self,
        _request: &Request<'_>,
        _link: &Arc<Link>,
        _data: &Table<'_>,
    ) -> Result<(), Refusal> {
        Err(Errno::EOPNOTSUPP.into())
    }

    /// Whether links of this kind are shown with `IFLA_INFO_DATA`.
    fn has_data(&self) -> bool {
        false
    }

    /// Writes `IFLA_INFO_DATA`.
    fn fill_data(&self, _info: &LinkInfo, _now: Instant, _out: &mut Writer<'_>) {}

    /// Whether links of this kind show what they are on top of (`IFLA_LINK`).
    fn has_lower(&self) -> bool {
        false
    }

    /// `IFLA_TSO_MAX_SIZE`: eight times what an IP packet may hold, for virtual links.
    fn tso_max_size(&self, _link: &Link) -> u32 {
        TSO_MAX_SIZE
    }

    /// What `IFLA_INFO_SLAVE_DATA` of a port may contain; `None` for kinds without ports.
    fn port_policy(&self) -> Option<&'static Policy> {
        None
    }

    /// Changes a port of `master` as `IFLA_INFO_SLAVE_DATA` says.
    ///
    /// # Errors
    /// EOPNOTSUPP for kinds whose ports cannot be changed.
    fn change_port(
        &self,
        _request: &Request<'_>,
        _master: &Arc<Link>,
        _port: &Arc<Link>,
        _data: &Table<'_>,
    ) -> Result<(), Refusal> {
        Err(Errno::EOPNOTSUPP.into())
    }

    /// Writes `IFLA_INFO_SLAVE_DATA` of a port of `master`.
    fn fill_port_data(
        &self,
        _master: &Arc<Link>,
        _port: &Arc<Link>,
        _now: Instant,
        _out: &mut Writer<'_>,
    ) {
    }
}

/// Every kind there is.
static KINDS: &[&dyn KindCodec] = &[&bridge::Bridge, &dummy::Dummy, &veth::Veth];

/// The kind with this name.
#[must_use]
pub fn by_name(name: impl AsRef<[u8]>) -> Option<&'static dyn KindCodec> {
    KINDS.iter().copied().find(|kind| kind.name().as_bytes() == name.as_ref())
}

/// The kind of `link`, if rtnetlink makes links of it.
#[must_use]
pub fn of(link: &Link) -> Option<&'static dyn KindCodec> {
    by_name(link.kind().name()?)
}
