//! The rings of a connection, charged to its namespace.
//!
//! What the user asked for by SO_RCVBUF and SO_SNDBUF is granted while the namespace's
//! bound allows. Otherwise a connection gets the large size while memory is plenty and a
//! small one when half of the bound is used.

use alloc::sync::Arc;
use alloc::vec::Vec;

use smoltcp::storage::RingBuffer;

use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::options::SocketOptions;

/// A ring while memory is plenty. Rings of 64 to 256 KiB move bytes fastest.
const LARGE: usize = 128 << 10;
/// A ring under pressure.
const SMALL: usize = 16 << 10;

/// The sizes of a connection's rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RingSizes {
    pub(super) rx: usize,
    pub(super) tx: usize,
}

impl RingSizes {
    /// The sizes a connection with `options` gets now.
    pub(super) fn choose(ns: &Arc<Namespace>, options: &SocketOptions) -> Self {
        let free = if ns.sockets.rings_under_pressure() { SMALL } else { LARGE };
        Self {
            rx: options.wanted_rx_ring().unwrap_or(free),
            tx: options.wanted_tx_ring().unwrap_or(free),
        }
    }

    /// The window and window scale a SYN announces for these rings: the engine's own rule,
    /// which it applies to the rings it has.
    pub(super) fn window(&self) -> (u16, u8) {
        let bits = usize::BITS - self.rx.leading_zeros();
        let scale = bits.saturating_sub(16).min(14);
        let window = u16::try_from(self.rx).unwrap_or(u16::MAX);
        (window, u8::try_from(scale).unwrap_or(14))
    }
}

/// Bytes taken from a namespace's bound; given back when dropped.
#[derive(Debug)]
pub(super) struct RingCharge {
    ns: Arc<Namespace>,
    bytes: usize,
}

impl Drop for RingCharge {
    fn drop(&mut self) {
        self.ns.sockets.give_back_rings(self.bytes);
    }
}

/// Two rings, empty.
#[derive(Debug)]
pub(super) struct Rings {
    pub(super) rx: RingBuffer<'static, u8>,
    pub(super) tx: RingBuffer<'static, u8>,
}

impl Rings {
    /// Rings of these sizes, and what they cost.
    pub(super) fn allocate(
        ns: &Arc<Namespace>,
        sizes: RingSizes,
    ) -> Result<(Self, RingCharge), SocketError> {
        let bytes = sizes.rx + sizes.tx;
        if !ns.sockets.take_rings(bytes) {
            return Err(SocketError::NoBuffer);
        }
        let charge = RingCharge { ns: ns.clone(), bytes };
        Ok((Self { rx: ring(sizes.rx)?, tx: ring(sizes.tx)? }, charge))
    }

    /// Rings for a connection that never carries data: the stand-in that answers a SYN.
    pub(super) fn token() -> Self {
        Self { rx: RingBuffer::new(Vec::from([0])), tx: RingBuffer::new(Vec::from([0])) }
    }
}

fn ring(bytes: usize) -> Result<RingBuffer<'static, u8>, SocketError> {
    let mut storage = Vec::new();
    storage.try_reserve_exact(bytes).map_err(|_| SocketError::NoBuffer)?;
    storage.resize(bytes, 0);
    Ok(RingBuffer::new(storage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_scale_is_the_engines() {
        let window = |rx| RingSizes { rx, tx: 1 }.window();
        assert_eq!(window(2_304), (2_304, 0));
        assert_eq!(window(65_535), (65_535, 0));
        assert_eq!(window(65_536), (65_535, 1));
        assert_eq!(window(LARGE), (65_535, 2));
    }
}
