//! A socket's options: what setsockopt(2) can say, in the core's words. Values are checked
//! and bounded here as Linux bounds them; permission is the caller's business.

use core::net::Ipv4Addr;

use warren_platform::Duration;

use crate::error::SocketError;
use crate::ids::Ifindex;

/// `net.core.rmem_default` and `wmem_default`.
pub const DEFAULT_BUFFER: usize = 212_992;
/// `net.core.rmem_max` and `wmem_max`: bounds what is asked for, which is then doubled.
pub const MAX_BUFFER_REQUEST: usize = 212_992;
/// SOCK_MIN_RCVBUF.
const MIN_RCVBUF: usize = 2_304;
/// SOCK_MIN_SNDBUF.
const MIN_SNDBUF: usize = 4_608;
/// `net.ipv4.tcp_rmem[1]` and `tcp_wmem[1]`, shown until the user sets a size.
pub const TCP_DEFAULT_RCVBUF: usize = 131_072;
/// See [`TCP_DEFAULT_RCVBUF`].
pub const TCP_DEFAULT_SNDBUF: usize = 16_384;

/// IP_MTU_DISCOVER (include/uapi/linux/in.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PathMtuDiscovery {
    /// Never set DF.
    Dont = 0,
    /// Set DF where the packet fits the path, fragment where it does not.
    #[default]
    Want = 1,
    /// Always set DF; what does not fit is EMSGSIZE.
    Do = 2,
    /// Set DF, ignore the path's MTU but not the link's.
    Probe = 3,
}

/// The options of one socket. Copied out and in as a whole; see
/// `UdpSocket::change_options` and its siblings.
#[derive(Clone, Debug)]
pub struct SocketOptions {
    /// SO_REUSEADDR.
    pub reuse_addr: bool,
    /// SO_REUSEPORT.
    pub reuse_port: bool,
    /// SO_BROADCAST.
    pub broadcast: bool,
    /// SO_KEEPALIVE.
    pub keepalive: bool,
    /// SO_LINGER: how long close waits; zero resets the connection.
    pub linger: Option<Duration>,
    /// SO_PRIORITY.
    pub priority: u32,
    /// SO_MARK.
    pub mark: u32,
    /// SO_BINDTODEVICE, SO_BINDTOIFINDEX.
    pub bound_link: Option<Ifindex>,
    /// IP_TOS.
    pub tos: u8,
    /// IP_TTL; `None` for the namespace's default.
    pub ttl: Option<u8>,
    /// IP_MTU_DISCOVER.
    pub pmtu_discovery: PathMtuDiscovery,
    /// IP_RECVERR.
    pub receive_errors: bool,
    /// IP_MULTICAST_TTL.
    pub multicast_ttl: u8,
    /// IP_MULTICAST_LOOP.
    pub multicast_loop: bool,
    /// IP_MULTICAST_IF: the link.
    pub multicast_link: Option<Ifindex>,
    /// IP_MULTICAST_IF: the source address.
    pub multicast_source: Option<Ipv4Addr>,
    /// TCP's own.
    pub tcp: TcpOptions,
    rcvbuf: usize,
    sndbuf: usize,
    rcvbuf_locked: bool,
    sndbuf_locked: bool,
}

/// TCP's own options (include/uapi/linux/tcp.h).
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// TCP_NODELAY.
    pub nodelay: bool,
    /// TCP_MAXSEG; `None` leaves it to the route.
    pub max_segment: Option<u16>,
    /// TCP_KEEPIDLE.
    pub keep_idle: Duration,
    /// TCP_KEEPINTVL.
    pub keep_interval: Duration,
    /// TCP_KEEPCNT.
    pub keep_count: u8,
    /// TCP_SYNCNT (`net.ipv4.tcp_syn_retries`).
    pub syn_retries: u8,
    /// TCP_USER_TIMEOUT; `None` for `net.ipv4.tcp_retries2`.
    pub user_timeout: Option<Duration>,
    /// TCP_LINGER2: how long an orphan stays in FIN-WAIT-2; `None` for
    /// `net.ipv4.tcp_fin_timeout`.
    pub fin_timeout: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: false,
            max_segment: None,
            keep_idle: Duration::from_secs(7_200),
            keep_interval: Duration::from_secs(75),
            keep_count: 9,
            syn_retries: 6,
            user_timeout: None,
            fin_timeout: None,
        }
    }
}

impl SocketOptions {
    /// What a datagram or raw socket starts with.
    #[must_use]
    pub fn datagram() -> Self {
        Self {
            reuse_addr: false,
            reuse_port: false,
            broadcast: false,
            keepalive: false,
            linger: None,
            priority: 0,
            mark: 0,
            bound_link: None,
            tos: 0,
            ttl: None,
            pmtu_discovery: PathMtuDiscovery::Want,
            receive_errors: false,
            multicast_ttl: 1,
            multicast_loop: true,
            multicast_link: None,
            multicast_source: None,
            tcp: TcpOptions::default(),
            rcvbuf: DEFAULT_BUFFER,
            sndbuf: DEFAULT_BUFFER,
            rcvbuf_locked: false,
            sndbuf_locked: false,
        }
    }

    /// What a TCP socket starts with.
    #[must_use]
    pub fn stream() -> Self {
        Self { rcvbuf: TCP_DEFAULT_RCVBUF, sndbuf: TCP_DEFAULT_SNDBUF, ..Self::datagram() }
    }

    /// SO_RCVBUF as getsockopt reports it.
    #[must_use]
    pub const fn rcvbuf(&self) -> usize {
        self.rcvbuf
    }

    /// SO_SNDBUF as getsockopt reports it.
    #[must_use]
    pub const fn sndbuf(&self) -> usize {
        self.sndbuf
    }

    /// SO_RCVBUF: bounded by `rmem_max`, then doubled (socket(7)).
    pub fn set_rcvbuf(&mut self, bytes: usize) {
        self.rcvbuf = (bytes.min(MAX_BUFFER_REQUEST) * 2).max(MIN_RCVBUF);
        self.rcvbuf_locked = true;
    }

    /// SO_SNDBUF: bounded by `wmem_max`, then doubled (socket(7)).
    pub fn set_sndbuf(&mut self, bytes: usize) {
        self.sndbuf = (bytes.min(MAX_BUFFER_REQUEST) * 2).max(MIN_SNDBUF);
        self.sndbuf_locked = true;
    }

    /// SO_RCVBUFFORCE, SO_SNDBUFFORCE: above `rmem_max`, for who may (CAP_NET_ADMIN). The
    /// request is bounded all the same, by what Linux can represent.
    pub fn force_rcvbuf(&mut self, bytes: usize) {
        self.rcvbuf = (bytes.min(16 << 20) * 2).max(MIN_RCVBUF);
        self.rcvbuf_locked = true;
    }

    /// See [`Self::force_rcvbuf`].
    pub fn force_sndbuf(&mut self, bytes: usize) {
        self.sndbuf = (bytes.min(16 << 20) * 2).max(MIN_SNDBUF);
        self.sndbuf_locked = true;
    }

    /// The receive ring a TCP connection shall get; `None` leaves it to memory at hand.
    pub(super) fn wanted_rx_ring(&self) -> Option<usize> {
        self.rcvbuf_locked.then_some(self.rcvbuf)
    }

    /// The send ring a TCP connection shall get; `None` leaves it to memory at hand.
    pub(super) fn wanted_tx_ring(&self) -> Option<usize> {
        self.sndbuf_locked.then_some(self.sndbuf)
    }
}

impl TcpOptions {
    /// TCP_KEEPIDLE in seconds (MAX_TCP_KEEPIDLE, include/net/tcp.h).
    ///
    /// # Errors
    /// [`SocketError::Invalid`] outside 1..=32767.
    pub fn set_keep_idle(&mut self, seconds: i32) -> Result<(), SocketError> {
        self.keep_idle = seconds_within(seconds)?;
        Ok(())
    }

    /// TCP_KEEPINTVL in seconds.
    ///
    /// # Errors
    /// [`SocketError::Invalid`] outside 1..=32767.
    pub fn set_keep_interval(&mut self, seconds: i32) -> Result<(), SocketError> {
        self.keep_interval = seconds_within(seconds)?;
        Ok(())
    }

    /// TCP_KEEPCNT.
    ///
    /// # Errors
    /// [`SocketError::Invalid`] outside 1..=127.
    pub fn set_keep_count(&mut self, count: i32) -> Result<(), SocketError> {
        self.keep_count = within_127(count)?;
        Ok(())
    }

    /// TCP_SYNCNT.
    ///
    /// # Errors
    /// [`SocketError::Invalid`] outside 1..=127.
    pub fn set_syn_retries(&mut self, count: i32) -> Result<(), SocketError> {
        self.syn_retries = within_127(count)?;
        Ok(())
    }

    /// TCP_MAXSEG; zero goes back to the route's.
    ///
    /// # Errors
    /// [`SocketError::Invalid`] outside 88..=32767 (TCP_MIN_MSS, MAX_TCP_WINDOW).
    pub fn set_max_segment(&mut self, bytes: i32) -> Result<(), SocketError> {
        self.max_segment = match bytes {
            0 => None,
            88..=32_767 => u16::try_from(bytes).ok(),
            _ => return Err(SocketError::Invalid),
        };
        Ok(())
    }
}

fn seconds_within(seconds: i32) -> Result<Duration, SocketError> {
    match u64::try_from(seconds) {
        Ok(seconds @ 1..=32_767) => Ok(Duration::from_secs(seconds)),
        _ => Err(SocketError::Invalid),
    }
}

fn within_127(count: i32) -> Result<u8, SocketError> {
    match u8::try_from(count) {
        Ok(count @ 1..=127) => Ok(count),
        _ => Err(SocketError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_sizes_are_bounded_then_doubled() {
        let mut options = SocketOptions::datagram();
        options.set_rcvbuf(1);
        options.set_sndbuf(usize::MAX);
        assert_eq!((options.rcvbuf(), options.sndbuf()), (2_304, 425_984));
        assert_eq!(SocketOptions::stream().rcvbuf(), 131_072);
    }

    #[test]
    fn tcp_options_outside_linux_bounds_change_nothing() {
        let mut tcp = TcpOptions::default();
        assert_eq!(tcp.set_keep_idle(0), Err(SocketError::Invalid));
        assert_eq!(tcp.set_keep_count(128), Err(SocketError::Invalid));
        assert_eq!(tcp.set_max_segment(87), Err(SocketError::Invalid));
        assert_eq!(tcp.keep_count, 9);
        assert_eq!(tcp.set_max_segment(536), Ok(()));
        assert_eq!(tcp.max_segment, Some(536));
    }
}
