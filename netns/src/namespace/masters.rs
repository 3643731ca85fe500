//! Control path of masters and ports: joining, leaving, and what a master takes over from
//! its ports when they change. `Config` is held throughout.

use alloc::sync::Arc;

use super::Namespace;
use super::change::MasterChange;
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::LinkError;
use crate::link::{Link, LinkFlags};

impl Namespace {
    pub(super) fn set_master(
        self: &Arc<Self>,
        link: &Arc<Link>,
        change: &MasterChange,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        if let Some(old) = link.master() {
            if matches!(change, MasterChange::Join(new) if new.id() == old.id()) {
                return Ok(());
            }
            self.release_port(&old, link, cx);
            self.announce(link, LinkFlags::empty(), cx);
        }
        let MasterChange::Join(master) = change else { return Ok(()) };
        if !self.contains(master) {
            return Err(LinkError::CannotEnslave);
        }
        let mut joined = Ok(());
        self.watch_master(master, cx, |master| joined = master.kind().add_port(master, link, cx));
        joined?;
        link.state().write().master = Some(Arc::downgrade(master));
        self.announce(link, LinkFlags::empty(), cx);
        Ok(())
    }

    /// Takes a port from its master.
    pub(super) fn release_port(
        self: &Arc<Self>,
        master: &Arc<Link>,
        port: &Arc<Link>,
        cx: &Cx<'_>,
    ) {
        port.state().write().master = None;
        self.watch_master(master, cx, |master| master.kind().remove_port(master, port, cx));
    }

    /// Has the master of `link`, if it has one, react to a change of its port.
    pub(super) fn tell_master(
        self: &Arc<Self>,
        link: &Arc<Link>,
        cx: &Cx<'_>,
        react: impl FnOnce(&Arc<Link>),
    ) {
        if let Some(master) = link.master() {
            self.watch_master(&master, cx, react);
        }
    }

    /// Runs `change` and tells who needs to know if the master has another address, MTU or
    /// carrier afterwards.
    fn watch_master(
        self: &Arc<Self>,
        master: &Arc<Link>,
        cx: &Cx<'_>,
        change: impl FnOnce(&Arc<Link>),
    ) {
        let before = (master.mac(), master.mtu());
        change(master);
        let adopted = (master.mac(), master.mtu()) != before;
        if master.mac() != before.0 {
            self.l3_link_mac_changed(master, cx);
        }
        if master.mtu() != before.1 {
            self.l3_link_mtu_changed(master, cx);
        }
        if master.refresh() || adopted {
            self.announce(master, LinkFlags::empty(), cx);
        }
    }

    /// An attribute only the link's kind knows was set: whoever listens is told, and the
    /// carrier is looked at again.
    pub fn kind_changed(self: &Arc<Self>, _admin: &NetAdmin, link: &Arc<Link>, cx: &Cx<'_>) {
        let _config = self.config.lock();
        if self.contains(link) {
            link.refresh();
            self.announce(link, LinkFlags::empty(), cx);
        }
    }
}
