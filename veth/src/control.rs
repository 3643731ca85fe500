//! Control path of a pair: making it, and what its ends answer to the common layer.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use warren_netns::error::LinkError;
use warren_netns::link::{LinkFlags, LinkKind, TxVerdict};
use warren_netns::namespace::links::{LinkSpec, NameRequest, NewLink};
use warren_netns::{Cx, IfName, Link, Namespace, NetAdmin};
use warren_packet::Packet;

use crate::datapath::End;

/// Where an end is to be made, and how it is to look.
#[derive(Clone, Copy, Debug)]
pub struct PairSpec<'a> {
    /// Its namespace.
    pub ns: &'a Arc<Namespace>,
    /// Its attributes.
    pub spec: &'a LinkSpec,
}

/// The name of an end nobody named: `veth0`, `veth1`, ...
#[must_use]
pub fn default_name() -> NameRequest {
    NameRequest::Template(IfName::new(b"veth%d").expect("seven plain bytes are a name"))
}

/// Makes a pair, down: `peer` first, which therefore has the lower index when both are in
/// one namespace (Linux: `veth_newlink`). Returns the end of `own`; its
/// [`peer`](LinkKind::peer) is the other.
///
/// # Errors
/// Whatever either end is refused for; then neither exists and nobody was told of one.
pub fn create_pair(
    admin: &NetAdmin,
    own: PairSpec<'_>,
    peer: PairSpec<'_>,
    cx: &Cx<'_>,
) -> Result<Arc<Link>, LinkError> {
    let ends = [End::new(), End::new()];
    let joined = Arc::new(AtomicBool::new(true));
    let kind = |own: usize| -> Box<dyn LinkKind> {
        Box::new(Veth {
            own: ends[own].clone(),
            other: ends[1 - own].clone(),
            joined: joined.clone(),
        })
    };
    let first = NewLink { ns: peer.ns, spec: peer.spec, kind: kind(0) };
    let second = NewLink { ns: own.ns, spec: own.spec, kind: kind(1) };
    let (_, link) = Namespace::create_link_pair(admin, first, second, cx)?;
    Ok(link)
}

/// One end of a pair, as the common layer sees it.
#[derive(Debug)]
pub struct Veth {
    own: Arc<End>,
    other: Arc<End>,
    /// Cleared when the first of the two is being unregistered: from then on neither
    /// shows a peer (`v0@NONE`).
    joined: Arc<AtomicBool>,
}

impl Veth {
    fn other_link(&self) -> Option<Arc<Link>> {
        if self.joined.load(Ordering::Acquire) { self.other.link() } else { None }
    }
}

impl LinkKind for Veth {
    fn name(&self) -> Option<&'static str> {
        Some("veth")
    }

    /// One each way per CPU (Linux: `veth_get_num_queues`).
    fn default_queues(&self, cpu_count: u16) -> u32 {
        u32::from(cpu_count)
    }

    /// What Linux's veth tells ethtool: 10 Gb/s.
    fn speed_mbps(&self) -> Option<u32> {
        Some(10_000)
    }

    fn carrier(&self, link: &Arc<Link>) -> Option<bool> {
        let up = link.flags().contains(LinkFlags::UP);
        let joined = self.joined.load(Ordering::Acquire);
        Some(up && joined && self.other.is_up())
    }

    fn attached(&self, link: &Arc<Link>) {
        self.own.set_link(link);
    }

    fn open(&self, _link: &Arc<Link>, cx: &Cx<'_>) -> Result<(), LinkError> {
        self.own.open(cx);
        Ok(())
    }

    fn stop(&self, link: &Arc<Link>, cx: &Cx<'_>) {
        self.own.stop(link, cx);
    }

    fn carrier_dependents(&self, _link: &Arc<Link>) -> Vec<Arc<Link>> {
        self.other_link().into_iter().collect()
    }

    fn peer(&self) -> Option<Arc<Link>> {
        self.other_link()
    }

    fn companions(&self) -> Vec<Arc<Link>> {
        self.other_link().into_iter().collect()
    }

    fn parting(&self, _link: &Arc<Link>) {
        self.joined.store(false, Ordering::Release);
    }

    fn transmit(&self, link: &Arc<Link>, frame: Packet, cx: &Cx<'_>) -> TxVerdict {
        self.other.take(frame, link, cx)
    }
}
