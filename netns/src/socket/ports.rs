//! The ephemeral range and the order in which it is tried.

use crate::cx::Cx;

/// `net.ipv4.ip_local_port_range`.
pub(super) const EPHEMERAL: core::ops::RangeInclusive<u16> = 32_768..=60_999;

/// A walk over the ephemeral range from a random place.
#[derive(Clone, Copy, Debug)]
pub(super) struct EphemeralPorts {
    start: u16,
}

impl EphemeralPorts {
    /// A walk from a place drawn now: the draw needs no lock, the walk happens under one.
    pub(super) fn draw(cx: &Cx<'_>) -> Self {
        let mut bytes = [0; 4];
        cx.stack.platform().fill_random(&mut bytes);
        let span = u32::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        let offset = u16::try_from(u32::from_le_bytes(bytes) % span).unwrap_or(0);
        Self { start: EPHEMERAL.start() + offset }
    }

    /// The first port that is free; every port of the range is tried once.
    pub(super) fn find(&self, free: impl FnMut(u16) -> bool) -> Option<u16> {
        self.iter().find({
            let mut free = free;
            move |port| free(*port)
        })
    }

    /// Every port of the range once.
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + use<> {
        (self.start..=*EPHEMERAL.end()).chain(*EPHEMERAL.start()..self.start)
    }
}

#[cfg(test)]
mod tests {
    use warren_platform::Instant;

    use super::*;

    #[test]
    fn every_port_is_tried_once_from_a_random_place() {
        let (stack, _platform) = crate::testing::stack();
        let cx = stack.enter(Instant::ZERO);
        let mut tried = alloc::collections::BTreeSet::new();
        let ports = EphemeralPorts::draw(&cx);
        assert_eq!(ports.find(|port| !tried.insert(port)), None);
        assert_eq!(tried.len(), 28_232);
        assert_eq!(tried.first(), Some(&32_768));
        assert_eq!(tried.last(), Some(&60_999));
        let starts: alloc::collections::BTreeSet<_> =
            (0..8).map(|_| EphemeralPorts::draw(&cx).start).collect();
        assert!(starts.len() > 4);
    }
}
