//! Control path of a namespace's end. Everything it owns is gone when the call that let go
//! of it returns; nothing is left to a worker.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use super::Namespace;
use super::links::unregister_family;
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::link::Link;

impl Namespace {
    /// Whether its teardown has begun: nothing new may be created in it.
    pub(super) fn is_dying(&self) -> bool {
        self.dying.load(Ordering::Acquire)
    }

    /// The last holder is gone: stop new work, send physical links home, delete the rest
    /// with their companions, tell those who numbered it, and leave the registry.
    ///
    /// Never called from within a poll: the last holder lets go in a system call.
    pub(crate) fn destroy(self: &Arc<Self>, cx: &Cx<'_>) {
        {
            let _config = self.config.lock();
            if self.dying.swap(true, Ordering::AcqRel) {
                return;
            }
        }
        let mut from = 0;
        while let Some(link) = self.link_at_or_after(from) {
            from = link.ifindex().get().saturating_add(1);
            if link.kind().is_physical() {
                self.send_home(&link, cx);
            }
        }
        // The loopback goes last: what the others leave behind may still pass it.
        while let Some(link) = self.last_link() {
            unregister_family(self, &link, cx);
        }
        self.deadlines.close();
        cx.stack.napi().disable(&self.napi);
        self.sockets.purge();
        self.forget_nsids(cx);
        cx.stack.forget(self.id);
        cx.stack.run_tail(cx);
    }

    fn last_link(&self) -> Option<Arc<Link>> {
        self.links.read().last().cloned()
    }

    /// Moves a physical link to the first namespace, under another name if its own is
    /// taken there (Linux: `default_device_exit_net` with `dev%d`).
    fn send_home(self: &Arc<Self>, link: &Arc<Link>, cx: &Cx<'_>) {
        let Some(home) = cx.stack.first_namespace().filter(|home| home.id != self.id) else {
            return;
        };
        let admin = NetAdmin::granted();
        if self.move_link(&admin, link, &home, None, None, cx).is_ok() {
            return;
        }
        let spare = {
            let _config = home.config.lock();
            crate::ids::IfName::new(b"dev%d").and_then(|template| {
                home.choose_name(super::links::NameRequest::Template(template)).ok()
            })
        };
        if let Err(error) = self.move_link(&admin, link, &home, spare, None, cx) {
            log::error!("link {} could not go home: {error:?}", link.name());
        }
    }
}
