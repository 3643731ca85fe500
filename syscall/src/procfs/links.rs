//! /proc/net/dev, softnet_stat, psched.

use alloc::sync::Arc;

use warren_netns::{Cx, Namespace};

use crate::errno::Errno;
use crate::text::{Text, put};

/// `dev_seq_printf_stats` (net/core/net-procfs.c).
pub(super) fn dev(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    text.add(concat!(
        "Inter-|   Receive                                                |  Transmit\n",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    ",
        "packets errs drop fifo colls carrier compressed\n",
    ));
    let mut from = 1;
    while let Some(link) = ns.link_at_or_after(from) {
        let stats = link.stats.snapshot();
        let name = link.name();
        put!(text, "{:>1$}", "", 6_usize.saturating_sub(name.as_bytes().len()));
        text.bytes(name.as_bytes());
        put!(text, ": {:7} {:7} ", stats.rx_bytes, stats.rx_packets);
        put!(
            text,
            "{:4} {:4} {:4} {:5} {:10} {:9} ",
            0,
            stats.rx_dropped,
            0,
            0,
            0,
            stats.multicast
        );
        put!(text, "{:8} {:7} ", stats.tx_bytes, stats.tx_packets);
        put!(text, "{:4} {:4} {:4} {:5} {:7} {:10}\n", 0, stats.tx_dropped, 0, 0, 0, 0);
        from = link.ifindex().get() + 1;
    }
    Ok(())
}

/// `softnet_seq_show`: a line per CPU; of its thirteen numbers we have three.
pub(super) fn softnet_stat(
    text: &mut Text,
    _ns: &Arc<Namespace>,
    cx: &Cx<'_>,
) -> Result<(), Errno> {
    for (cpu, (frames, _polls, squeezed)) in cx.stack.napi().counters().enumerate() {
        // The counters are 32 bits wide in Linux and wrap.
        put!(text, "{:08x} {:08x} {:08x}", frames as u32, 0, squeezed as u32);
        for _ in 0..9 {
            text.add(" 00000000");
        }
        put!(text, " {cpu:08x} 00000000 00000000\n");
    }
    Ok(())
}

/// `psched_show`: the packet scheduler's clock, in ticks of 64 ns, and a timer that is good
/// to the nanosecond.
pub(super) fn psched(text: &mut Text, _ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    put!(text, "{:08x} {:08x} {:08x} {:08x}\n", 1_000, 64, 1_000_000, 1_000_000_000);
    Ok(())
}
