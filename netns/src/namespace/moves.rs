//! Control path of a move: a link leaves one namespace and appears in another
//! (Linux: `dev_change_net_namespace`).

use alloc::sync::Arc;

use super::Namespace;
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::LinkError;
use crate::ids::{IfName, Ifindex};
use crate::link::{Link, LinkFlags};

impl Namespace {
    /// Moves a link from this namespace to `to`. It is taken down, loses its master, its
    /// addresses, routes and neighbours, keeps its index where that is free there, and its
    /// name unless `new_name` gives another.
    ///
    /// # Errors
    /// [`LinkError::NamespaceImmutable`] for links that stay (`lo`, a bridge),
    /// [`LinkError::Exists`] if the name is taken there, [`LinkError::Busy`] if the wanted
    /// index is; nothing changed.
    pub fn move_link(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        to: &Arc<Self>,
        new_name: Option<IfName>,
        new_ifindex: Option<Ifindex>,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        if !link.kind().movable() {
            return Err(LinkError::NamespaceImmutable);
        }
        if self.id == to.id {
            return Ok(());
        }
        let outcome = {
            let (first, second) = if self.id < to.id { (self, to) } else { (to, self) };
            let _first = first.config.lock();
            let _second = second.config.lock();
            self.move_locked(link, to, new_name, new_ifindex, cx)
        };
        cx.stack.run_tail(cx);
        outcome
    }

    /// Both `Config` locks are held.
    pub(super) fn move_locked(
        self: &Arc<Self>,
        link: &Arc<Link>,
        to: &Arc<Self>,
        new_name: Option<IfName>,
        new_ifindex: Option<Ifindex>,
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        if !self.contains(link) {
            return Err(LinkError::NotFound);
        }
        if to.is_dying() {
            return Err(LinkError::Dying);
        }
        let name = new_name.unwrap_or_else(|| link.name());
        let alt_taken = {
            let links = to.links.read();
            let state = link.state().read();
            state.alt_names.iter().any(|alt| links.by_alt_name(alt).is_some())
        };
        if to.name_in_use(&name) || alt_taken {
            return Err(LinkError::Exists);
        }
        let old_index = link.ifindex();
        let ifindex = match new_ifindex {
            Some(index) if to.link(index).is_some() => return Err(LinkError::Busy),
            Some(index) => index,
            None if to.link(old_index).is_none() => old_index,
            None => to.links.write().free_index().ok_or(LinkError::NoMemory)?,
        };
        // The farewell says where it goes; without a number left it does not.
        let _full = self.nsid_or_assign(to, cx);
        self.unregister(link, Some((to.weak(), ifindex)), cx);
        link.set_namespace(to);
        link.state().write().name = name;
        link.set_ifindex(ifindex);
        link.refresh();
        to.links.write().insert(link.clone());
        to.announce(link, LinkFlags::all_bits(), cx);
        Ok(())
    }
}
