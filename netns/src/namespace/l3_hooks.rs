//! Where the link control path tells the L3 what happened. `Config` is held.

use alloc::sync::Arc;

use super::Namespace;
use crate::cx::Cx;
use crate::link::Link;

impl Namespace {
    pub(super) fn l3_link_up(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        self.ip_link_up(link, cx);
    }

    pub(super) fn l3_link_down(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        self.ip_link_down(link, cx);
    }

    pub(super) fn l3_link_gone(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        self.ip_link_gone(link, cx);
    }

    pub(super) fn l3_carrier_changed(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        self.ip_carrier_changed(link, cx);
    }

    pub(super) fn l3_link_renamed(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        self.rename_labels(link, &Cx { origin: None, ..*cx });
    }

    pub(super) fn l3_link_mac_changed(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        self.flush_neighbours(link, false, cx);
        self.schedule_announcement(link, cx);
    }

    pub(super) fn l3_link_mtu_changed(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        self.ip_mtu_changed(link, cx);
    }
}
