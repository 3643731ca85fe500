//! Where the link control path tells the L3 what happened. `Config` is held.

use alloc::sync::Arc;

use super::Namespace;
use crate::cx::Cx;
use crate::link::Link;

impl Namespace {
    pub(super) fn l3_link_up(self: &Arc<Self>, _link: &Arc<Link>, _cx: &Cx<'_>) {}

    pub(super) fn l3_link_down(self: &Arc<Self>, _link: &Arc<Link>, _cx: &Cx<'_>) {}

    pub(super) fn l3_link_gone(self: &Arc<Self>, _link: &Arc<Link>, _cx: &Cx<'_>) {}

    pub(super) fn l3_link_changed(self: &Arc<Self>, _link: &Arc<Link>, _cx: &Cx<'_>) {}
}
