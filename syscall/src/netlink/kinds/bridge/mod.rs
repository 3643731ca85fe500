//! `bridge`: what a bridge and its ports are set to (`IFLA_BR_*`, `IFLA_BRPORT_*`).
//!
//! What the bridge does not do yet it shows as Linux shows it when it is off or at its
//! default; asking for what is so already is no change, asking for another value is
//! refused with EOPNOTSUPP.

pub(in crate::netlink) mod abi;
mod data;
pub(in crate::netlink) mod port;

use alloc::sync::Arc;

use warren_bridge::BridgeError;
use warren_netns::Link;
use warren_netns::link::LinkInfo;
use warren_platform::{Duration, Instant};

use super::{KindCodec, TSO_MAX_SIZE};
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Policy, Table, Writer};
use crate::netlink::route::Request;
use crate::netlink::route::links::NewLink;

/// See the module.
#[derive(Debug)]
pub(super) struct Bridge;

impl KindCodec for Bridge {
    fn name(&self) -> &'static str {
        "bridge"
    }

    fn data_policy(&self) -> Option<&'static Policy> {
        Some(&data::POLICY)
    }

    fn create(&self, new: &NewLink<'_>) -> Result<Arc<Link>, Refusal> {
        let admin = new.request.admin_of(&new.ns)?;
        let spec = new.spec(self.name())?;
        if let Some(data) = &new.data {
            data::check(data)?;
        }
        let link = warren_bridge::create(&new.ns, &admin, &spec, new.request.cx)?;
        if let Some(data) = &new.data
            && let Err(refusal) = data::apply(new.request, &link, data)
        {
            // It may be gone already; then all the better.
            let _gone = new.ns.delete_link(&admin, &link, new.request.cx);
            return Err(refusal);
        }
        Ok(link)
    }

    fn change(
        &self,
        request: &Request<'_>,
        link: &Arc<Link>,
        data: &Table<'_>,
    ) -> Result<(), Refusal> {
        data::check(data)?;
        data::apply(request, link, data)?;
        announce(request, link)
    }

    fn has_data(&self) -> bool {
        true
    }

    /// A bridge takes what its ports take; without any, what every link does
    /// (TSO_LEGACY_MAX_SIZE).
    fn tso_max_size(&self, link: &Link) -> u32 {
        if link.kind().ports().is_empty() { 65_536 } else { TSO_MAX_SIZE }
    }

    fn fill_data(&self, info: &LinkInfo, now: Instant, out: &mut Writer<'_>) {
        data::fill(info, now, out);
    }

    fn port_policy(&self) -> Option<&'static Policy> {
        Some(&port::POLICY)
    }

    fn change_port(
        &self,
        request: &Request<'_>,
        master: &Arc<Link>,
        port: &Arc<Link>,
        data: &Table<'_>,
    ) -> Result<(), Refusal> {
        port::apply(request, master, port, data)
    }

    fn fill_port_data(
        &self,
        master: &Arc<Link>,
        port: &Arc<Link>,
        _now: Instant,
        out: &mut Writer<'_>,
    ) {
        port::fill(master, port, out);
    }
}

impl From<BridgeError> for Refusal {
    fn from(error: BridgeError) -> Self {
        Self::new(match error {
            BridgeError::OutOfRange => Errno::ERANGE,
            BridgeError::Invalid | BridgeError::NotAPort => Errno::EINVAL,
            BridgeError::NotSupported => Errno::EOPNOTSUPP,
            BridgeError::PortDown => Errno::ENETDOWN,
        })
    }
}

/// The bridge that `link` is.
fn of(link: &Link) -> Result<&warren_bridge::Bridge, Refusal> {
    link.kind_as().ok_or(Refusal::new(Errno::EOPNOTSUPP))
}

/// Tells the namespace that settings of `link` changed.
fn announce(request: &Request<'_>, link: &Arc<Link>) -> Result<(), Refusal> {
    let ns = link.namespace().ok_or(Errno::ENODEV)?;
    ns.kind_changed(&request.admin_of(&ns)?, link, request.cx);
    Ok(())
}

/// USER_HZ: user space's clock ticks are hundredths of a second.
const TICK_NANOS: u128 = 10_000_000;

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / TICK_NANOS).unwrap_or(u64::MAX)
}

fn from_ticks(ticks: u32) -> Duration {
    Duration::from_millis(u64::from(ticks) * 10)
}
