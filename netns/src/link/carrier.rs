//! Carrier and operational state, and who hears of a change.
//!
//! A link's carrier is its kind's answer; what user space sees of it (LOWER_UP, RUNNING,
//! operstate) is derived here and nowhere else, as Linux does in `dev_get_flags` and
//! `default_operstate` (RFC 2863).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Link, LinkFlags, OperState};
use crate::cx::Cx;

impl Link {
    /// Derives the link's volatile state anew; `true` if user space can see a change.
    pub(crate) fn refresh(self: &Arc<Self>) -> bool {
        // Asked under the lock: of two refreshes at once, the later one has the later answer.
        let mut guard = self.state.write();
        let state = &mut *guard;
        let kind_says = self.kind.carrier(self);
        let carrier = kind_says.unwrap_or(true);
        // Linux takes `ifindex != iflink` for a lower layer, also where the two numbers
        // count in different namespaces.
        let peer_index = self.kind.peer().map(|peer| peer.ifindex());
        let has_lower = peer_index.is_some_and(|index| index != self.ifindex());
        let oper_state = match kind_says {
            None => OperState::Unknown,
            Some(true) => OperState::Up,
            Some(false) if has_lower => OperState::LowerLayerDown,
            Some(false) => OperState::Down,
        };
        let state_changed = state.oper_state != oper_state || state.carrier != carrier;
        if state.carrier != carrier {
            let count = if carrier { &mut state.carrier_ups } else { &mut state.carrier_downs };
            *count = count.wrapping_add(1);
        }
        state.carrier = carrier;
        state.oper_state = oper_state;
        let volatile = LinkFlags::RUNNING | LinkFlags::LOWER_UP;
        let mut shown = LinkFlags::empty();
        if self.flags().contains(LinkFlags::UP) {
            shown.set(LinkFlags::LOWER_UP, carrier);
            shown.set(LinkFlags::RUNNING, matches!(oper_state, OperState::Up | OperState::Unknown));
        }
        let before = self.update_flags(shown, volatile - shown);
        state_changed || before & volatile != shown
    }

    /// After `self` went up or down or gained or lost its carrier: re-evaluates whoever
    /// depends on it, and whoever depends on those. Returns the links that changed.
    pub(crate) fn spread_carrier(self: &Arc<Self>, cx: &Cx<'_>) -> Vec<Arc<Self>> {
        let mut changed: Vec<Arc<Self>> = Vec::new();
        let mut waiting = alloc::vec![self.clone()];
        while let Some(cause) = waiting.pop() {
            let mut dependents = cause.kind.carrier_dependents(&cause);
            if let Some(master) = cause.master() {
                master.kind.port_changed(&master, &cause, cx);
                dependents.push(master);
            }
            for link in dependents {
                let is_news = link.id != self.id && !changed.iter().any(|seen| seen.id == link.id);
                if is_news && link.refresh() {
                    changed.push(link.clone());
                    waiting.push(link);
                }
            }
        }
        changed
    }
}
