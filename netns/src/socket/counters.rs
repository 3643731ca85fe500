//! What the sockets of one namespace counted: the Tcp, Udp and TcpExt lines of
//! /proc/net/snmp and /proc/net/netstat, and /proc/net/sockstat.

use core::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// What is counted; the documentation gives the name Linux shows.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Counter { $($(#[doc = $doc])* $name,)* }

        impl Counter {
            /// All of them.
            pub const ALL: &'static [Counter] = &[$(Counter::$name,)*];
        }
    };
}

counters! {
    /// Udp InDatagrams.
    UdpIn,
    /// Udp NoPorts.
    UdpNoPorts,
    /// Udp InErrors.
    UdpInErrors,
    /// Udp OutDatagrams.
    UdpOut,
    /// Udp RcvbufErrors.
    UdpRcvbufErrors,
    /// Udp SndbufErrors.
    UdpSndbufErrors,
    /// Udp InCsumErrors.
    UdpCsumErrors,
    /// Tcp ActiveOpens.
    TcpActiveOpens,
    /// Tcp PassiveOpens.
    TcpPassiveOpens,
    /// Tcp AttemptFails.
    TcpAttemptFails,
    /// Tcp EstabResets.
    TcpEstabResets,
    /// Tcp InSegs.
    TcpInSegs,
    /// Tcp OutSegs.
    TcpOutSegs,
    /// Tcp RetransSegs.
    TcpRetransSegs,
    /// Tcp InErrs.
    TcpInErrs,
    /// Tcp OutRsts.
    TcpOutRsts,
    /// Tcp InCsumErrors.
    TcpCsumErrors,
    /// TcpExt ListenOverflows.
    ListenOverflows,
    /// TcpExt ListenDrops.
    ListenDrops,
    /// TcpExt TCPTimeouts.
    TcpTimeouts,
    /// TcpExt TCPAbortOnData.
    TcpAbortOnData,
    /// TcpExt TCPAbortOnClose.
    TcpAbortOnClose,
    /// TcpExt TCPAbortOnMemory.
    TcpAbortOnMemory,
    /// TcpExt TCPAbortOnTimeout.
    TcpAbortOnTimeout,
    /// TcpExt TCPAbortOnLinger.
    TcpAbortOnLinger,
    /// TcpExt TW.
    TimeWaited,
    /// TcpExt TCPTimeWaitOverflow.
    TimeWaitOverflow,
    /// TcpExt TCPKeepAlive.
    TcpKeepAlive,
    /// Copies raw sockets dropped, their queues being full.
    RawDrops,
    /// Replies ping sockets dropped, their queues being full.
    PingDrops,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Counters([AtomicU64; Counter::ALL.len()]);

impl Counters {
    pub(super) fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    pub(super) fn add(&self, counter: Counter, by: u64) {
        self.0[counter as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }
}

/// /proc/net/sockstat: what exists now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SockStat {
    /// TCP sockets in use (`TCP: inuse`).
    pub tcp_inuse: usize,
    /// TCP connections whose process closed them (`orphan`).
    pub tcp_orphans: usize,
    /// Connections in TIME-WAIT (`tw`).
    pub tcp_time_wait: usize,
    /// TCP sockets that exist (`alloc`).
    pub tcp_alloc: usize,
    /// Bytes of TCP rings (`mem`, there in pages).
    pub tcp_bytes: usize,
    /// UDP sockets bound to a port (`UDP: inuse`).
    pub udp_inuse: usize,
    /// Bytes queued on datagram sockets (`mem`, there in pages).
    pub datagram_bytes: usize,
    /// Raw sockets (`RAW: inuse`).
    pub raw_inuse: usize,
    /// Ping sockets.
    pub ping_inuse: usize,
}
