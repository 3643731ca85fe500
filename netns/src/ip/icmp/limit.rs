//! How many ICMP errors we send: one token bucket for all, and one per destination (Linux:
//! `icmp_global_allow` and `inet_peer_xrlim_allow`), so that nobody can make us flood.
//!
//! The buckets per destination are a fixed number of slots by hash: two destinations in one
//! slot take it from each other, which only resets a bucket.

use alloc::boxed::Box;
use core::net::Ipv4Addr;

use warren_platform::lock::{self, Mutex};
use warren_platform::{Duration, Instant};

use crate::ip::conf::{NamespaceConf, Setting};

const SLOTS: usize = 256;
/// Errors to one destination at once (XRLIM_BURST_FACTOR).
const BURST: u64 = 6;

#[derive(Clone, Copy, Debug)]
struct Slot {
    dst: Ipv4Addr,
    tokens: Duration,
    last: Instant,
}

#[derive(Debug, Default)]
struct Buckets {
    all: Option<(u64, Instant)>,
    /// Made by the first error that is sent.
    by_destination: Option<Box<[Option<Slot>; SLOTS]>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Limiter(Mutex<lock::Limits, Buckets>);

impl Limiter {
    /// Whether a message of this type may be sent to `dst` at `now`.
    pub(crate) fn allows(
        &self,
        conf: &NamespaceConf,
        icmp_type: u8,
        code: u8,
        dst: Ipv4Addr,
        now: Instant,
    ) -> bool {
        let mask = conf.get(Setting::IcmpRateMask).cast_unsigned();
        let masked = icmp_type < 32 && mask & (1 << icmp_type) != 0;
        // RFC 1191: fragmentation needed is never held back.
        if !masked || icmp_type == 3 && code == 4 {
            return true;
        }
        let mut buckets = self.0.lock();
        buckets.all_allow(conf, now) && buckets.destination_allows(conf, dst, now)
    }
}

impl Buckets {
    fn all_allow(&mut self, conf: &NamespaceConf, now: Instant) -> bool {
        let number = |setting| u64::try_from(conf.get(setting)).unwrap_or(0);
        let per_second = number(Setting::IcmpMessagesPerSecond);
        let burst = number(Setting::IcmpMessageBurst);
        let (mut tokens, mut last) = self.all.unwrap_or((burst, now));
        let passed = now.since(last).min(Duration::from_secs(1));
        // Linux refills in steps of at least 20 ms.
        if passed >= Duration::from_millis(20) {
            let fresh = per_second * u64::try_from(passed.as_millis()).unwrap_or(0) / 1_000;
            tokens = (tokens + fresh).min(burst);
            last = now;
        }
        let allowed = tokens > 0;
        self.all = Some((tokens.saturating_sub(1), last));
        allowed
    }

    fn destination_allows(&mut self, conf: &NamespaceConf, dst: Ipv4Addr, now: Instant) -> bool {
        let limit = u64::try_from(conf.get(Setting::IcmpRateLimit)).unwrap_or(0);
        if limit == 0 {
            return true;
        }
        let limit = Duration::from_millis(limit);
        let most = limit * BURST as u32;
        let hash = dst.to_bits().wrapping_mul(0x9e37_79b1) >> 24;
        let slots = self.by_destination.get_or_insert_with(|| Box::new([None; SLOTS]));
        let slot = &mut slots[hash as usize];
        let known = slot.filter(|slot| slot.dst == dst);
        let tokens = known.map_or(most, |slot| (slot.tokens + now.since(slot.last)).min(most));
        let allowed = tokens >= limit;
        let tokens = if allowed { tokens - limit } else { tokens };
        *slot = Some(Slot { dst, tokens, last: now });
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNREACHABLE: u8 = 3;

    #[test]
    fn a_destination_gets_six_at_once_and_then_one_a_second() {
        let (limiter, conf) = (Limiter::default(), NamespaceConf::default());
        let dst = Ipv4Addr::new(10, 0, 0, 2);
        let at = |millis| Instant::from_millis(millis);
        let allowed = |millis| limiter.allows(&conf, UNREACHABLE, 1, dst, at(millis));
        assert_eq!((0..10).filter(|_| allowed(1_000)).count(), 6);
        assert!(!allowed(1_999));
        assert!(allowed(2_000));
        assert!(!allowed(2_001));
        assert!(limiter.allows(&conf, UNREACHABLE, 4, dst, at(2_001)), "frag needed passes");
        assert!(limiter.allows(&conf, 0, 0, dst, at(2_001)), "echo replies pass");
    }

    #[test]
    fn all_destinations_together_get_fifty_at_once() {
        let (limiter, conf) = (Limiter::default(), NamespaceConf::default());
        let allowed = |host: u32, millis| {
            let dst = Ipv4Addr::from_bits(0x0a00_0000 + host);
            limiter.allows(&conf, UNREACHABLE, 1, dst, Instant::from_millis(millis))
        };
        assert_eq!((0..200).filter(|host| allowed(*host, 1_000)).count(), 50);
        assert_eq!((200..400).filter(|host| allowed(*host, 1_020)).count(), 20);
    }
}
