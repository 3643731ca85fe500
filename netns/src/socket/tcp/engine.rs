//! The protocol engine: one smoltcp socket alone in its set, and the device it is lent for
//! the length of one call.
//!
//! The interface the engine runs on holds nothing of a namespace (no address, no route) and
//! is made anew on the stack for each call. Its device never refuses a packet in the middle
//! of a call, because smoltcp forgets a fast retransmission that is refused; room for the
//! longest packet is taken from the pool first, and without it the engine is not called.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{
    ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, SegmentationCapabilities,
    TxToken,
};
use smoltcp::socket::tcp;
use smoltcp::time::Instant as EngineInstant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpEndpoint, IpListenEndpoint};
use warren_packet::{NoBuffer, Packet, Pool};
use warren_platform::Instant;

use super::clock::Clock;
use super::rings::Rings;
use super::table::FourTuple;

/// The longest IP packet, and the MTU of every path as far as the engine knows.
pub(super) const MAX_PACKET: usize = 65_535;
/// Both headers with all the options they can have.
const MAX_HEADERS: usize = 20 + 60;
/// Packets up to this long share the pool's smallest buffers.
const SMALL: usize = 1_536;

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    set: SocketSet<'static>,
    handle: SocketHandle,
    pub(super) clock: Clock,
}

impl Engine {
    /// An engine around two rings.
    pub(super) fn new(rings: Rings, now: Instant) -> Self {
        let mut socket = tcp::Socket::new(rings.rx, rings.tx);
        // A lone super-segment would wait for the delayed acknowledgement otherwise.
        socket.set_ack_delay(None);
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(socket);
        Self { set, handle, clock: Clock::new(now) }
    }

    pub(super) fn socket(&self) -> &tcp::Socket<'static> {
        self.set.get(self.handle)
    }

    pub(super) fn socket_mut(&mut self) -> &mut tcp::Socket<'static> {
        self.set.get_mut(self.handle)
    }

    pub(super) fn state(&self) -> tcp::State {
        self.socket().state()
    }

    /// Opens actively. `seed` decides the initial sequence number.
    pub(super) fn connect(&mut self, tuple: &FourTuple, seed: u64) -> bool {
        let mut interface = interface(seed, EngineInstant::ZERO);
        let endpoint = |address: core::net::SocketAddrV4| {
            IpEndpoint::new(IpAddress::Ipv4(*address.ip()), address.port())
        };
        let (local, remote) = (endpoint(tuple.local), endpoint(tuple.remote));
        self.socket_mut().connect(interface.context(), remote, local).is_ok()
    }

    /// Opens passively for the one SYN that will be put in next.
    pub(super) fn listen(&mut self, tuple: &FourTuple) -> bool {
        let address = Some(IpAddress::Ipv4(*tuple.local.ip()));
        let endpoint = IpListenEndpoint { addr: address, port: tuple.local.port() };
        self.socket_mut().listen(endpoint).is_ok()
    }

    /// Puts one IP packet in; returns the packet it is answered with at once, if any.
    pub(super) fn input(
        &mut self,
        bytes: &[u8],
        seed: u64,
        now: Instant,
        pool: &Arc<Pool>,
    ) -> Result<Option<Packet>, NoBuffer> {
        let mut device = Lent::new(Some(bytes), pool.take(MAX_HEADERS)?, pool);
        let shown = self.clock.show(now);
        let _ = interface(seed, shown).poll_ingress_single(shown, &mut device, &mut self.set);
        Ok(device.sent)
    }

    /// Takes the next packet out, if the engine has one to send at `now`.
    pub(super) fn output(
        &mut self,
        now: Instant,
        pool: &Arc<Pool>,
    ) -> Result<Option<Packet>, NoBuffer> {
        let longest = (MAX_HEADERS + self.socket().send_queue()).min(MAX_PACKET);
        let mut device = Lent::new(None, pool.take(longest)?, pool);
        let shown = self.clock.show(now);
        let _ = interface(0, shown).poll_egress(shown, &mut device, &mut self.set);
        Ok(device.sent)
    }

    /// When the engine wants [`Self::output`] called next; `now` or before for at once.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        let shown = self.clock.show(now);
        let at = interface(0, shown).poll_at(shown, &self.set)?;
        Some(self.clock.when(at, now))
    }
}

/// The reset that answers a packet nobody wants; `None` where none is due (RFC 9293,
/// 3.10.7.1).
pub(super) fn refusal(bytes: &[u8], pool: &Arc<Pool>) -> Option<Packet> {
    let mut device = Lent::new(Some(bytes), pool.take(MAX_HEADERS).ok()?, pool);
    let mut nobody = SocketSet::new(Vec::new());
    let shown = EngineInstant::ZERO;
    let _ = interface(0, shown).poll_ingress_single(shown, &mut device, &mut nobody);
    device.sent
}

fn interface(seed: u64, shown: EngineInstant) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, &mut Template, shown);
    interface.set_any_ip(true);
    interface
}

fn capabilities() -> DeviceCapabilities {
    let mut segmentation = SegmentationCapabilities::default();
    segmentation.tcpv4 = NonZeroUsize::new(MAX_PACKET);
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ip;
    capabilities.max_transmission_unit = MAX_PACKET;
    capabilities.checksum = ChecksumCapabilities::ignored();
    capabilities.segmentation = segmentation;
    capabilities
}

/// A device that only says what it can do: an interface is made from it.
struct Template;

impl Device for Template {
    type RxToken<'a> = Rx<'a>;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _shown: EngineInstant) -> Option<(Rx<'_>, Tx<'_>)> {
        None
    }

    fn transmit(&mut self, _shown: EngineInstant) -> Option<Tx<'_>> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities()
    }
}

/// The device lent for one call: at most one packet in, at most one out.
struct Lent<'d> {
    received: Option<&'d [u8]>,
    room: Option<Packet>,
    sent: Option<Packet>,
    pool: &'d Arc<Pool>,
}

impl<'d> Lent<'d> {
    const fn new(received: Option<&'d [u8]>, room: Packet, pool: &'d Arc<Pool>) -> Self {
        Self { received, room: Some(room), sent: None, pool }
    }
}

impl Device for Lent<'_> {
    type RxToken<'a>
        = Rx<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Tx<'a>
    where
        Self: 'a;

    fn receive(&mut self, _shown: EngineInstant) -> Option<(Rx<'_>, Tx<'_>)> {
        let received = self.received.take()?;
        let room = self.room.take()?;
        Some((Rx(received), Tx { room, sent: &mut self.sent, pool: self.pool }))
    }

    fn transmit(&mut self, _shown: EngineInstant) -> Option<Tx<'_>> {
        let room = self.room.take()?;
        Some(Tx { room, sent: &mut self.sent, pool: self.pool })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities()
    }
}

struct Rx<'a>(&'a [u8]);

impl RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

struct Tx<'a> {
    room: Packet,
    sent: &'a mut Option<Packet>,
    pool: &'a Arc<Pool>,
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = self.room;
        // An acknowledgement need not travel in a super-segment's buffer.
        if packet.len() > SMALL
            && len <= SMALL
            && let Ok(small) = self.pool.take(len)
        {
            packet = small;
        }
        packet.truncate(len);
        let result = f(packet.bytes_mut());
        *self.sent = Some(packet);
        result
    }
}
