//! /proc/net/tcp, udp, raw, icmp and sockstat.

use alloc::sync::Arc;

use warren_netns::socket::{SocketInfo, SocketState};
use warren_netns::{Cx, Namespace};
use warren_platform::Duration;

use super::as_stored;
use crate::errno::Errno;
use crate::text::{Text, put};

/// Lines of the datagram files are this wide.
const DATAGRAM_WIDTH: usize = 127;

/// Lines of /proc/net/tcp are this wide (TMPSZ - 1).
const STREAM_WIDTH: usize = 149;
/// USER_HZ: times are shown in hundredths of a second.
const TICKS_PER_SECOND: u128 = 100;

/// `tcp4_seq_show`, `get_tcp4_sock`.
pub(super) fn tcp(text: &mut Text, ns: &Arc<Namespace>, cx: &Cx<'_>) -> Result<(), Errno> {
    let start = text.mark();
    text.add(concat!(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  ",
        "timeout inode",
    ));
    text.pad(start, STREAM_WIDTH);
    for (slot, socket) in ns.sockets.tcp_sockets()?.iter().enumerate() {
        let start = text.mark();
        let left = socket.expires.map_or(Duration::ZERO, |at| at.since(cx.now));
        let ticks = left.as_nanos() * TICKS_PER_SECOND / 1_000_000_000;
        put!(text, "{slot:4}: ");
        endpoints(text, socket);
        put!(text, "{:02X} ", socket.state as u8);
        put!(text, "{:08X}:{:08X} ", socket.tx_queue, socket.rx_queue);
        put!(text, "{:02X}:{ticks:08X} {:08X} ", socket.timer as u8, socket.retransmits);
        if socket.state == SocketState::TimeWait {
            put!(text, "{:5} {:8} {} {} {:016x}", 0, 0, 0, 3, 0);
        } else {
            put!(text, "{:5} {:8} {} ", socket.uid, 0, socket.inode);
            // Timeouts, window and threshold as Linux shows them before anything was measured:
            // the engine does not tell what it measured.
            put!(text, "{} {:016x} 100 0 0 10 0", socket.references, 0);
        }
        text.pad(start, STREAM_WIDTH);
    }
    Ok(())
}

/// `udp4_seq_show`.
pub(super) fn udp(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    datagrams(text, &ns.sockets.udp_sockets()?, 5, Some(DATAGRAM_WIDTH));
    Ok(())
}

/// `ping_v4_seq_show`.
pub(super) fn icmp(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    datagrams(text, &ns.sockets.ping_sockets()?, 5, Some(DATAGRAM_WIDTH));
    Ok(())
}

/// `raw_seq_show`.
pub(super) fn raw(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    datagrams(text, &ns.sockets.raw_sockets()?, 4, None);
    Ok(())
}

/// What the three have in common; `width` is none where lines end where they end.
fn datagrams(text: &mut Text, sockets: &[SocketInfo], number_width: usize, width: Option<usize>) {
    let start = text.mark();
    text.add(concat!(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  ",
        "timeout inode ref pointer drops",
    ));
    text.pad(start, width.unwrap_or(0));
    for (slot, socket) in sockets.iter().enumerate() {
        let start = text.mark();
        put!(text, "{slot:number_width$}: ");
        endpoints(text, socket);
        put!(text, "{:02X} ", socket.state as u8);
        put!(text, "{:08X}:{:08X} ", socket.tx_queue, socket.rx_queue);
        // No timer runs; Linux hides kernel addresses from most readers.
        put!(text, "{:02X}:{:08X} {:08X} {:5} {:8} ", 0, 0, 0, socket.uid, 0);
        put!(text, "{} {} {:016x} {}", socket.inode, socket.references, 0, socket.drops);
        text.pad(start, width.unwrap_or(0));
    }
}

/// Local and remote address and port.
fn endpoints(text: &mut Text, socket: &SocketInfo) {
    for end in [socket.local, socket.peer] {
        put!(text, "{:08X}:{:04X} ", as_stored(*end.ip()), end.port());
    }
}

/// `sockstat_seq_show`. Memory is in pages, rounded up.
pub(super) fn sockstat(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    let stat = ns.sockets.stat();
    let pages = |bytes: usize| bytes.div_ceil(4_096);
    put!(text, "sockets: used {}\n", ns.sockets.len());
    put!(text, "TCP: inuse {} orphan {} ", stat.tcp_inuse, stat.tcp_orphans);
    put!(text, "tw {} alloc {} ", stat.tcp_time_wait, stat.tcp_alloc);
    put!(text, "mem {}\n", pages(stat.tcp_bytes));
    put!(text, "UDP: inuse {} mem {}\n", stat.udp_inuse, pages(stat.datagram_bytes));
    put!(text, "UDPLITE: inuse {}\n", 0);
    put!(text, "RAW: inuse {}\n", stat.raw_inuse);
    put!(text, "FRAG: inuse {} memory {}\n", 0, 0);
    Ok(())
}
