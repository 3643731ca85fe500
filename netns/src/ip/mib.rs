//! The counters of `/proc/net/snmp` and `/proc/net/netstat` that are IP's and ICMP's, under
//! their names there (RFC 4293; Linux: net/ipv4/proc.c).

use core::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($(#[$meta:meta])* $group:ident: $($name:ident,)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "the names are those of /proc/net and RFC 4293")]
        pub enum $group { $($name,)* }

        impl $group {
            /// All of them, in the order of the file.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

counters! {
    /// `Ip:` of /proc/net/snmp, but for the two settings in front.
    Ip:
    InReceives, InHdrErrors, InAddrErrors, ForwDatagrams, InUnknownProtos, InDiscards,
    InDelivers, OutRequests, OutDiscards, OutNoRoutes, ReasmTimeout, ReasmReqds, ReasmOKs,
    ReasmFails, FragOKs, FragFails, FragCreates,
}

counters! {
    /// `IpExt:` of /proc/net/netstat.
    IpExt:
    InNoRoutes, InTruncatedPkts, InMcastPkts, OutMcastPkts, InBcastPkts, OutBcastPkts,
    InOctets, OutOctets, InMcastOctets, OutMcastOctets, InBcastOctets, OutBcastOctets,
    InCsumErrors, InNoECTPkts, InECT1Pkts, InECT0Pkts, InCEPkts, ReasmOverlaps,
}

counters! {
    /// `Icmp:` of /proc/net/snmp.
    Icmp:
    InMsgs, InErrors, InCsumErrors, InDestUnreachs, InTimeExcds, InParmProbs, InSrcQuenchs,
    InRedirects, InEchos, InEchoReps, InTimestamps, InTimestampReps, InAddrMasks,
    InAddrMaskReps, OutMsgs, OutErrors, OutDestUnreachs, OutTimeExcds, OutParmProbs,
    OutSrcQuenchs, OutRedirects, OutEchos, OutEchoReps, OutTimestamps, OutTimestampReps,
    OutAddrMasks, OutAddrMaskReps,
}

/// ICMP types that are counted one by one (`IcmpMsg:`).
const TYPES: usize = 256;

/// A namespace's counters.
#[derive(Debug)]
pub struct Mib {
    ip: [AtomicU64; Ip::ALL.len()],
    ext: [AtomicU64; IpExt::ALL.len()],
    icmp: [AtomicU64; Icmp::ALL.len()],
    in_types: [AtomicU64; TYPES],
    out_types: [AtomicU64; TYPES],
}

impl Default for Mib {
    fn default() -> Self {
        Self {
            ip: [const { AtomicU64::new(0) }; Ip::ALL.len()],
            ext: [const { AtomicU64::new(0) }; IpExt::ALL.len()],
            icmp: [const { AtomicU64::new(0) }; Icmp::ALL.len()],
            in_types: [const { AtomicU64::new(0) }; TYPES],
            out_types: [const { AtomicU64::new(0) }; TYPES],
        }
    }
}

impl Mib {
    /// Counts one.
    pub fn ip(&self, counter: Ip) {
        self.ip[counter as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one.
    pub fn ext(&self, counter: IpExt) {
        self.ext_add(counter, 1);
    }

    pub(crate) fn ext_add(&self, counter: IpExt, amount: u64) {
        self.ext[counter as usize].fetch_add(amount, Ordering::Relaxed);
    }

    /// Counts one.
    pub fn icmp(&self, counter: Icmp) {
        self.icmp[counter as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a received ICMP message by its type.
    pub(crate) fn icmp_in(&self, icmp_type: u8) {
        self.in_types[usize::from(icmp_type)].fetch_add(1, Ordering::Relaxed);
        let counter = match icmp_type {
            0 => Icmp::InEchoReps,
            3 => Icmp::InDestUnreachs,
            4 => Icmp::InSrcQuenchs,
            5 => Icmp::InRedirects,
            8 => Icmp::InEchos,
            11 => Icmp::InTimeExcds,
            12 => Icmp::InParmProbs,
            13 => Icmp::InTimestamps,
            14 => Icmp::InTimestampReps,
            17 => Icmp::InAddrMasks,
            18 => Icmp::InAddrMaskReps,
            _ => return,
        };
        self.icmp(counter);
    }

    /// Counts a sent ICMP message, by its type too. Sockets that send ICMP call this.
    pub fn icmp_out(&self, icmp_type: u8) {
        self.icmp(Icmp::OutMsgs);
        self.out_types[usize::from(icmp_type)].fetch_add(1, Ordering::Relaxed);
        let counter = match icmp_type {
            0 => Icmp::OutEchoReps,
            3 => Icmp::OutDestUnreachs,
            4 => Icmp::OutSrcQuenchs,
            5 => Icmp::OutRedirects,
            8 => Icmp::OutEchos,
            11 => Icmp::OutTimeExcds,
            12 => Icmp::OutParmProbs,
            13 => Icmp::OutTimestamps,
            14 => Icmp::OutTimestampReps,
            17 => Icmp::OutAddrMasks,
            18 => Icmp::OutAddrMaskReps,
            _ => return,
        };
        self.icmp(counter);
    }

    /// A counter's value.
    #[must_use]
    pub fn get_ip(&self, counter: Ip) -> u64 {
        self.ip[counter as usize].load(Ordering::Relaxed)
    }

    /// A counter's value.
    #[must_use]
    pub fn get_ext(&self, counter: IpExt) -> u64 {
        self.ext[counter as usize].load(Ordering::Relaxed)
    }

    /// A counter's value.
    #[must_use]
    pub fn get_icmp(&self, counter: Icmp) -> u64 {
        self.icmp[counter as usize].load(Ordering::Relaxed)
    }

    /// `IcmpMsg:` of /proc/net/snmp: the types that occurred, received (`InTypeN`).
    pub fn in_types(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        occurred(&self.in_types)
    }

    /// The same for those sent (`OutTypeN`).
    pub fn out_types(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        occurred(&self.out_types)
    }
}

fn occurred(counters: &[AtomicU64]) -> impl Iterator<Item = (usize, u64)> + '_ {
    let read = |(number, counter): (usize, &AtomicU64)| (number, counter.load(Ordering::Relaxed));
    counters.iter().enumerate().map(read).filter(|(_, count)| *count != 0)
}
