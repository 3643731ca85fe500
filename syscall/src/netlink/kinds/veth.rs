//! `veth`: made in pairs; the other end is described by `VETH_INFO_PEER`, a message within
//! the message (include/uapi/linux/veth.h, drivers/net/veth.c).

use alloc::sync::Arc;
use core::ops::RangeInclusive;

use warren_netns::Link;
use warren_veth::PairSpec;

use super::KindCodec;
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Policy, Rule};
use crate::netlink::route::links::NewLink;
use crate::netlink::route::links::abi::FIXED;

const VETH_INFO_PEER: u16 = 1;
/// ETH_MIN_MTU to ETH_MAX_MTU.
const MTU: RangeInclusive<u32> = 68..=65_535;

static DATA: Policy = Policy {
    max: VETH_INFO_PEER,
    strict_from: 0,
    rules: &[(VETH_INFO_PEER, Rule::AtLeast(FIXED))],
};

/// See the module.
#[derive(Debug)]
pub(super) struct Veth;

impl KindCodec for Veth {
    fn name(&self) -> &'static str {
        "veth"
    }

    fn data_policy(&self) -> Option<&'static Policy> {
        Some(&DATA)
    }

    fn has_lower(&self) -> bool {
        true
    }

    fn create(&self, new: &NewLink<'_>) -> Result<Arc<Link>, Refusal> {
        let peer = new.data.as_ref().and_then(|data| data.get(VETH_INFO_PEER));
        // Nobody described the other end: it is made like this one, with a name and an
        // address of its own.
        let (peer, peer_up) = match peer {
            Some(attr) => {
                let peer = new.nested(attr)?;
                (peer.spec_in_its_place(self.name())?, peer.flags_change())
            }
            None => (new.twin(self.name())?, None),
        };
        let admin = new.request.admin_of(&peer.ns)?;
        let spec = new.spec(self.name())?;
        // veth_validate looks before anyone who would explain: EINVAL without a text.
        if spec.mtu.is_some_and(|mtu| !MTU.contains(&mtu.0)) {
            return Err(Refusal::new(Errno::EINVAL));
        }
        let own = PairSpec { ns: &new.ns, spec: &spec };
        let other = PairSpec { ns: &peer.ns, spec: &peer.spec };
        let link = warren_veth::create_pair(&admin, own, other, new.request.cx)?;
        if let (Some(change), Some(end)) = (peer_up, link.kind().peer()) {
            new.change_or_delete(&peer.ns, &end, &change)?;
        }
        Ok(link)
    }
}
