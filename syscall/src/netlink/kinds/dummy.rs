//! `dummy`: no data of its own.

use alloc::boxed::Box;
use alloc::sync::Arc;

use warren_netns::Link;
use warren_netns::link;

use super::KindCodec;
use crate::netlink::ack::Refusal;
use crate::netlink::route::links::NewLink;

/// See the module.
#[derive(Debug)]
pub(super) struct Dummy;

impl KindCodec for Dummy {
    fn name(&self) -> &'static str {
        "dummy"
    }

    fn create(&self, new: &NewLink<'_>) -> Result<Arc<Link>, Refusal> {
        let admin = new.request.admin_of(&new.ns)?;
        let spec = new.spec(self.name())?;
        Ok(new.ns.create_link(&admin, &spec, Box::<link::Dummy>::default(), new.request.cx)?)
    }
}
