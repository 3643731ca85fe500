//! Control path of a namespace's end.

use alloc::sync::Arc;

use super::Namespace;
use crate::cx::Cx;

impl Namespace {
    /// The last holder is gone: nothing of the namespace is left when this returns.
    pub(crate) fn destroy(self: &Arc<Self>, cx: &Cx<'_>) {
        self.deadlines.close();
        cx.stack.napi().disable(&self.napi);
        cx.stack.forget(self.id);
    }
}
