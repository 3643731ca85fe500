//! What must hold at the end of every scenario.

use warren_netns::link::Link;
use warren_packet::PoolStats;
use warren_platform::CpuId;

use crate::world::World;

/// No CPU has anything on its list that nobody was woken for, and no keeper sleeps past its
/// namespace's earliest deadline: the two ways to lose a wake-up.
///
/// # Panics
/// If either happened.
pub fn nobody_sleeps_on_work(world: &World) {
    for cpu in 0..2 {
        assert!(world.stack.napi().is_idle(CpuId(cpu)), "CPU {cpu} sleeps with work left");
    }
    let deadlines = world.namespaces().iter().filter_map(|ns| ns.deadlines.earliest());
    let mut deadlines: Vec<_> = deadlines.collect();
    deadlines.sort_unstable();
    let alarms = world.host.alarms();
    for (nth, deadline) in deadlines.iter().enumerate() {
        let alarm = alarms.get(nth).copied();
        assert!(
            alarm.is_some_and(|alarm| alarm <= *deadline),
            "a keeper sleeps past the deadline {deadline:?}: deadlines {deadlines:?}, alarms {alarms:?}"
        );
    }
}

/// Every namespace, packet and keeper is gone.
///
/// # Panics
/// If something is left.
pub fn nothing_is_left(world: &World) {
    assert_eq!(world.stack.namespace_count(), 0, "namespaces left");
    assert_eq!(world.stack.pool().stats(), PoolStats::default(), "packets left");
    assert_eq!(world.host.keeper_count(), 0, "keepers left");
}

/// Whether a link is really freed once its last holder lets go.
///
/// # Panics
/// If somebody still holds it.
pub fn is_freed(link: std::sync::Arc<Link>) {
    let weak = std::sync::Arc::downgrade(&link);
    drop(link);
    assert!(weak.upgrade().is_none(), "a deleted link is still held");
}
