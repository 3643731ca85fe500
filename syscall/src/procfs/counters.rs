//! /proc/net/snmp and netstat (Linux: net/ipv4/proc.c).
//!
//! Groups of two lines: the names, then the values in the same order. `snmp` has a fixed
//! set of names that programs read by position; `netstat` is read by name and shows what is
//! counted here.

use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_netns::ip::conf::Setting;
use warren_netns::ip::mib::{Icmp, Ip, IpExt};
use warren_netns::socket::{Counter, SocketState};
use warren_netns::{Cx, Namespace};

use crate::errno::Errno;
use crate::text::{Text, put};

type Column = (&'static str, i64);

fn group(text: &mut Text, name: &str, columns: &[Column]) {
    text.add(name);
    for (column, _) in columns {
        put!(text, " {column}");
    }
    put!(text, "\n{name}");
    for (_, value) in columns {
        put!(text, " {value}");
    }
    text.add("\n");
}

/// A counter as a column.
const fn counted(name: &'static str, value: u64) -> Column {
    (name, value.cast_signed())
}

/// `snmp_seq_show`.
pub(super) fn snmp(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    let mib = &ns.ip.mib;
    let mut columns = Vec::from([
        ("Forwarding", if ns.ip_forward() { 1 } else { 2 }),
        ("DefaultTTL", i64::from(ns.ip.conf.get(Setting::DefaultTtl))),
    ]);
    columns.extend(Ip::ALL.iter().map(|counter| counted(counter.name(), mib.get_ip(*counter))));
    group(text, "Ip:", &columns);
    let icmp = Icmp::ALL.iter().map(|counter| counted(counter.name(), mib.get_icmp(*counter)));
    group(text, "Icmp:", &icmp.collect::<Vec<_>>());
    icmp_types(text, ns);
    group(text, "Tcp:", &tcp(ns)?);
    let udp = |counter| ns.sockets.counters.get(counter);
    let udp = [
        counted("InDatagrams", udp(Counter::UdpIn)),
        counted("NoPorts", udp(Counter::UdpNoPorts)),
        counted("InErrors", udp(Counter::UdpInErrors)),
        counted("OutDatagrams", udp(Counter::UdpOut)),
        counted("RcvbufErrors", udp(Counter::UdpRcvbufErrors)),
        counted("SndbufErrors", udp(Counter::UdpSndbufErrors)),
        counted("InCsumErrors", udp(Counter::UdpCsumErrors)),
        // Multicast copies and memory pressure do not occur apart from the above.
        ("IgnoredMulti", 0),
        ("MemErrors", 0),
    ];
    group(text, "Udp:", &udp);
    // UDP-Lite does not exist here.
    group(text, "UdpLite:", &udp.map(|(name, _)| (name, 0)));
    Ok(())
}

/// `icmpmsg_put`: only the types that occurred, nothing at all if none did.
fn icmp_types(text: &mut Text, ns: &Namespace) {
    let received: Vec<_> = ns.ip.mib.in_types().map(|of| ("InType", of)).collect();
    let sent = ns.ip.mib.out_types().map(|of| ("OutType", of));
    let types: Vec<_> = received.into_iter().chain(sent).collect();
    if types.is_empty() {
        return;
    }
    text.add("IcmpMsg:");
    for (way, (number, _)) in &types {
        put!(text, " {way}{number}");
    }
    text.add("\nIcmpMsg:");
    for (_, (_, count)) in &types {
        put!(text, " {count}");
    }
    text.add("\n");
}

fn tcp(ns: &Namespace) -> Result<[Column; 15], Errno> {
    let tcp = |name, counter| counted(name, ns.sockets.counters.get(counter));
    let open = |state| matches!(state, SocketState::Established | SocketState::CloseWait);
    let sockets = ns.sockets.tcp_sockets()?;
    let established = sockets.iter().filter(|socket| open(socket.state)).count();
    Ok([
        // RFC 4022: Van Jacobson's algorithm, 200 ms, 120 s, no fixed bound.
        ("RtoAlgorithm", 1),
        ("RtoMin", 200),
        ("RtoMax", 120_000),
        ("MaxConn", -1),
        tcp("ActiveOpens", Counter::TcpActiveOpens),
        tcp("PassiveOpens", Counter::TcpPassiveOpens),
        tcp("AttemptFails", Counter::TcpAttemptFails),
        tcp("EstabResets", Counter::TcpEstabResets),
        ("CurrEstab", i64::try_from(established).unwrap_or(i64::MAX)),
        tcp("InSegs", Counter::TcpInSegs),
        tcp("OutSegs", Counter::TcpOutSegs),
        tcp("RetransSegs", Counter::TcpRetransSegs),
        tcp("InErrs", Counter::TcpInErrs),
        tcp("OutRsts", Counter::TcpOutRsts),
        tcp("InCsumErrors", Counter::TcpCsumErrors),
    ])
}

/// `netstat_seq_show`.
pub(super) fn netstat(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    let tcp = |name, counter| counted(name, ns.sockets.counters.get(counter));
    let columns = [
        tcp("TW", Counter::TimeWaited),
        tcp("ListenOverflows", Counter::ListenOverflows),
        tcp("ListenDrops", Counter::ListenDrops),
        tcp("TCPTimeouts", Counter::TcpTimeouts),
        tcp("TCPAbortOnData", Counter::TcpAbortOnData),
        tcp("TCPAbortOnClose", Counter::TcpAbortOnClose),
        tcp("TCPAbortOnMemory", Counter::TcpAbortOnMemory),
        tcp("TCPAbortOnTimeout", Counter::TcpAbortOnTimeout),
        tcp("TCPAbortOnLinger", Counter::TcpAbortOnLinger),
        tcp("TCPTimeWaitOverflow", Counter::TimeWaitOverflow),
        tcp("TCPKeepAlive", Counter::TcpKeepAlive),
    ];
    group(text, "TcpExt:", &columns);
    let mib = &ns.ip.mib;
    let ext = IpExt::ALL.iter().map(|counter| counted(counter.name(), mib.get_ext(*counter)));
    group(text, "IpExt:", &ext.collect::<Vec<_>>());
    Ok(())
}
