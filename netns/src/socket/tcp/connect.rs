//! Control path of connect(2).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::socket::tcp::{CongestionControl, State};
use warren_platform::Readiness;

use super::engine::Engine;
use super::owners::Owner;
use super::rings::{RingSizes, Rings};
use super::settle::After;
use super::table::{Connection, FourTuple, TcpTable};
use super::{Opening, Phase, Progress, Stream, TcpSocket, TcpState};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::socket::base::Notice;
use crate::socket::counters::Counter;
use crate::socket::options::SocketOptions;
use crate::socket::path::{AddressKind, Path, PathQuery};
use crate::socket::ports::EphemeralPorts;

/// Sets what the options and the path say about an engine.
pub(super) fn configure(engine: &mut Engine, options: &SocketOptions, path: &Path) {
    let socket = engine.socket_mut();
    socket.set_nagle_enabled(!options.tcp.nodelay);
    // To oneself nothing is lost but by a full queue, which pushes back.
    let lossless = path.kind == AddressKind::Local;
    socket.set_congestion_control(if lossless {
        CongestionControl::None
    } else {
        CongestionControl::Reno
    });
}

impl TcpSocket {
    /// connect(2). Begins a handshake and says [`SocketError::InProgress`]; the observer
    /// hears how it ends, and the next call says it: `Ok`, once, or the error.
    ///
    /// # Errors
    /// [`SocketError::AlreadyConnecting`] and [`SocketError::IsConnected`] as named, those
    /// of finding a route, [`SocketError::AddrNotAvailable`] if no port is left.
    pub fn connect(self: &Arc<Self>, peer: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        let query = {
            let mut state = self.state.lock();
            if self.opening_is_done(&mut state)? {
                return Ok(());
            }
            let local = *state.local.ip();
            let options = &state.options;
            PathQuery {
                destination: *peer.ip(),
                source: (!local.is_unspecified()).then_some(local),
                link: options.bound_link,
                tos: options.tos,
                mark: options.mark,
                uid: self.base.uid(),
                any_source: false,
            }
        };
        let path = Path::find(&self.base.ns, &query)?;
        if matches!(path.kind, AddressKind::Broadcast | AddressKind::Multicast) {
            return Err(SocketError::NetUnreachable);
        }
        if peer.port() == 0 {
            return Err(SocketError::Refused);
        }
        self.begin(SocketAddrV4::new(path.destination, peer.port()), path, cx)?;
        self.base.ns.sockets.counters.count(Counter::TcpActiveOpens);
        self.kick(cx);
        cx.stack.run_tail(cx);
        Err(SocketError::InProgress)
    }

    /// Tells the result of the handshake before, once. `false`: one may begin.
    fn opening_is_done(&self, state: &mut TcpState) -> Result<bool, SocketError> {
        if core::mem::take(&mut state.connect_failed) {
            return Err(state.error.take().unwrap_or(SocketError::Aborted));
        }
        match &mut state.phase {
            Phase::Idle if self.base.is_attached() => Ok(false),
            Phase::Idle => Err(SocketError::Invalid),
            Phase::Listening(_) => Err(SocketError::IsConnected),
            Phase::Open(stream) => match stream.opening {
                Opening::UnderWay => Err(SocketError::AlreadyConnecting),
                Opening::Told => Err(SocketError::IsConnected),
                Opening::Done => {
                    stream.opening = Opening::Told;
                    Ok(true)
                }
            },
        }
    }

    /// Enters the table with a fresh engine.
    fn begin(
        self: &Arc<Self>,
        peer: SocketAddrV4,
        path: Path,
        cx: &Cx<'_>,
    ) -> Result<(), SocketError> {
        let ns = &self.base.ns;
        let sizes = RingSizes::choose(ns, &self.state.lock().options);
        let (rings, charge) = Rings::allocate(ns, sizes)?;
        let mut engine = Engine::new(rings, cx.now);
        let mut seed = [0; 8];
        cx.stack.platform().fill_random(&mut seed);
        let ephemeral = EphemeralPorts::draw(cx);
        let mut demux = ns.sockets.demux.write();
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Idle) || !self.base.is_attached() {
            return Err(SocketError::AlreadyConnecting);
        }
        configure(&mut engine, &state.options, &path);
        let source = match *state.local.ip() {
            any if any.is_unspecified() => path.source,
            bound => bound,
        };
        let tuple = self.choose_tuple(&demux.tcp, &state, source, peer, &ephemeral)?;
        if !engine.connect(&tuple, u64::from_le_bytes(seed)) {
            return Err(SocketError::AddrNotAvailable);
        }
        let owner = Owner { local: source, chosen: !state.port_bound, ..self.owner(&state) };
        demux.tcp.insert(tuple, Connection::Socket(self.clone()))?;
        if let Err(error) = demux.tcp.owners.set(tuple.local.port(), self.base.id, owner) {
            let gone = demux.tcp.remove(&tuple, self.base.id);
            drop((state, demux));
            drop(gone);
            return Err(error);
        }
        state.local = tuple.local;
        state.error = None;
        (state.shut_read, state.shut_write) = (false, false);
        state.phase = Phase::Open(Box::new(Stream {
            engine,
            tuple,
            peer,
            path,
            path_limit: usize::MAX,
            // Until its SYN says more (RFC 9293, 3.7.1).
            peer_mss: 536,
            opening: Opening::UnderWay,
            last: State::SynSent,
            stalled: None,
            armed: None,
            detached: false,
            orphan: None,
            fin_wait_ends: None,
            progress: Progress::new(cx.now),
            _charge: charge,
        }));
        Ok(())
    }

    /// The 4-tuple of a new connection: with the bound port, or the first ephemeral one
    /// that leaves the 4-tuple free.
    fn choose_tuple(
        &self,
        tcp: &TcpTable,
        state: &TcpState,
        source: Ipv4Addr,
        remote: SocketAddrV4,
        ephemeral: &EphemeralPorts,
    ) -> Result<FourTuple, SocketError> {
        let with = |port| FourTuple { local: SocketAddrV4::new(source, port), remote };
        let free = |port| tcp.connection(&with(port)).is_none();
        match state.local.port() {
            0 => ephemeral
                .find(|port| tcp.owners.may_choose(port) && free(port))
                .map(with)
                .ok_or(SocketError::AddrNotAvailable),
            port if free(port) => Ok(with(port)),
            _ => Err(SocketError::AddrNotAvailable),
        }
    }

    /// connect(2) to AF_UNSPEC: gives up the connection, or stops listening. What the user
    /// bound stays bound.
    pub fn disconnect(self: &Arc<Self>, cx: &Cx<'_>) {
        self.stop_listening(cx);
        let (after, notice) = {
            let mut state = self.state.lock();
            let before = state.readiness();
            let after = match state.stream_mut() {
                None => After::default(),
                Some(_) => state.end(&self.base, None),
            };
            (state.shut_read, state.shut_write) = (false, false);
            state.connect_failed = false;
            state.error = None;
            let news = state.readiness() - before - Readiness::OUT;
            (after, Notice::new(state.observer.as_ref(), news))
        };
        after.apply(self, cx);
        notice.tell();
        let spent = {
            let mut state = self.state.lock();
            if !state.address_bound {
                state.local.set_ip(Ipv4Addr::UNSPECIFIED);
            }
            if !state.port_bound {
                state.local.set_port(0);
            }
            core::mem::replace(&mut state.phase, Phase::Idle)
        };
        drop(spent);
        cx.stack.run_tail(cx);
    }
}
