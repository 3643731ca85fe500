//! IPPROTO_TCP (Linux: `do_tcp_setsockopt`, `do_tcp_getsockopt`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use warren_netns::Cx;
use warren_netns::socket::{SocketOptions, SocketState, TcpInfo, TcpSocket};

use super::{int, show};
use crate::abi::{
    TCP_CONGESTION, TCP_INFO, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_LINGER2, TCP_MAXSEG,
    TCP_NODELAY, TCP_SYNCNT, TCP_USER_TIMEOUT,
};
use crate::errno::Errno;

/// The one congestion control there is.
const CONGESTION: &[u8] = b"reno";
/// TCP_CA_NAME_MAX.
const CONGESTION_LEN: usize = 16;
/// TCP_MSS_DEFAULT: what TCP_MAXSEG says before there is a connection.
const DEFAULT_MSS: usize = 536;
/// `struct tcp_info` up to and with `tcpi_total_retrans`: what Linux 2.6 had, and what
/// programs may count on.
const INFO_LEN: usize = 104;
/// TCP_FIN_TIMEOUT_MAX in seconds.
const LINGER2_MAX: u64 = 120;

/// Changes one option.
///
/// # Errors
/// ENOPROTOOPT for an option that is not known, EINVAL for a value out of range, ENOENT for
/// a congestion control there is not.
pub(in crate::socket) fn set(
    options: &mut SocketOptions,
    name: i32,
    value: &[u8],
) -> Result<(), Errno> {
    let tcp = &mut options.tcp;
    if name == TCP_CONGESTION {
        let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
        return if &value[..end] == CONGESTION { Ok(()) } else { Err(Errno::ENOENT) };
    }
    let number = int(value)?;
    match name {
        TCP_NODELAY => tcp.nodelay = number != 0,
        TCP_MAXSEG => tcp.set_max_segment(number)?,
        TCP_KEEPIDLE => tcp.set_keep_idle(number)?,
        TCP_KEEPINTVL => tcp.set_keep_interval(number)?,
        TCP_KEEPCNT => tcp.set_keep_count(number)?,
        TCP_SYNCNT => tcp.set_syn_retries(number)?,
        TCP_USER_TIMEOUT => {
            let millis = u64::try_from(number).map_err(|_| Errno::EINVAL)?;
            tcp.user_timeout = (millis != 0).then(|| Duration::from_millis(millis));
        }
        TCP_LINGER2 => {
            tcp.fin_timeout = match u64::try_from(number) {
                // Negative: do not wait at all.
                Err(_) => Some(Duration::ZERO),
                Ok(0) => None,
                Ok(seconds) => Some(Duration::from_secs(seconds.min(LINGER2_MAX))),
            }
        }
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// One option's bytes.
///
/// # Errors
/// ENOPROTOOPT for an option that is not known.
pub(in crate::socket) fn get(
    socket: &Arc<TcpSocket>,
    name: i32,
    cx: &Cx<'_>,
) -> Result<Vec<u8>, Errno> {
    let tcp = socket.options().tcp;
    let seconds = |span: Duration| i32::try_from(span.as_secs()).unwrap_or(i32::MAX);
    Ok(match name {
        TCP_NODELAY => show(i32::from(tcp.nodelay)),
        TCP_MAXSEG => {
            let info = socket.info(cx.now);
            let idle = matches!(info.state, SocketState::Close | SocketState::Listen);
            let chosen = tcp.max_segment.map_or(DEFAULT_MSS, usize::from);
            show(to_int(if idle { chosen } else { info.send_mss }))
        }
        TCP_KEEPIDLE => show(seconds(tcp.keep_idle)),
        TCP_KEEPINTVL => show(seconds(tcp.keep_interval)),
        TCP_KEEPCNT => show(i32::from(tcp.keep_count)),
        TCP_SYNCNT => show(i32::from(tcp.syn_retries)),
        TCP_USER_TIMEOUT => {
            let millis = tcp.user_timeout.map_or(0, |span| span.as_millis());
            show(i32::try_from(millis).unwrap_or(i32::MAX))
        }
        TCP_LINGER2 => match tcp.fin_timeout {
            Some(span) if span.is_zero() => show(-1),
            // net.ipv4.tcp_fin_timeout.
            span => show(seconds(span.unwrap_or(Duration::from_secs(60)))),
        },
        TCP_CONGESTION => {
            let mut name = CONGESTION.to_vec();
            name.resize(CONGESTION_LEN, 0);
            name
        }
        TCP_INFO => info_bytes(&socket.info(cx.now)).to_vec(),
        _ => return Err(Errno::ENOPROTOOPT),
    })
}

/// `struct tcp_info` (include/uapi/linux/tcp.h). What the engine does not measure is zero,
/// as it is in Linux before anything was measured.
fn info_bytes(info: &TcpInfo) -> [u8; INFO_LEN] {
    let mut bytes = [0; INFO_LEN];
    bytes[0] = info.state as u8;
    bytes[2] = u8::try_from(info.retransmits).unwrap_or(u8::MAX);
    let mut put = |at: usize, value: usize| {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    };
    let heard = usize::try_from(info.since_heard.as_millis()).unwrap_or(usize::MAX);
    put(16, info.send_mss);
    put(20, info.send_mss);
    put(24, info.unacknowledged.div_ceil(info.send_mss.max(1)));
    put(52, heard);
    put(56, heard);
    put(60, info.path_mtu);
    put(84, info.send_mss);
    put(96, info.receive_space);
    bytes
}

fn to_int(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
