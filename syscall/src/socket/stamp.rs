//! When a packet came: SO_TIMESTAMP and its siblings as control messages, SIOCGSTAMP as an
//! ioctl. The core keeps monotonic time; the host knows the time of day.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use warren_platform::{Duration, Instant};

use crate::abi::{
    SIOCGSTAMP, SO_TIMESTAMP, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS, SO_TIMESTAMPNS_NEW, SOL_SOCKET,
};
use crate::cmsg::Writer;
use crate::errno::Errno;
use crate::process::Process;

/// Which of SO_TIMESTAMP, SO_TIMESTAMPNS and their 64-bit siblings is on; one at a time.
///
/// A packet's time is when the poll that took it began, which for a reply can be a moment
/// before its request was sent. No clock goes back: a packet from before the socket's last
/// send is stamped when it is read, as Linux stamps packets that have no time of their own.
#[derive(Debug, Default)]
pub struct Stamps {
    kind: AtomicU8,
    last_send: AtomicU64,
}

/// The option numbers, and the word that stands for each; zero is none.
const KINDS: [i32; 4] = [SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW];

impl Stamps {
    /// Turns an option on, or off whatever is on (`sock_set_timestamp`).
    pub(super) fn set(&self, option: i32, on: bool) {
        let word = KINDS.iter().position(|kind| *kind == option && on);
        let word = word.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0);
        self.kind.store(word, Ordering::Relaxed);
    }

    /// Something was sent.
    pub(super) fn sent(&self, now: Instant) {
        self.last_send.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// When a packet that came `at` a time shall be said to have come.
    pub(super) fn received(&self, at: Instant, now: Instant) -> Instant {
        if at.as_nanos() < self.last_send.load(Ordering::Relaxed) { now } else { at }
    }

    fn current(&self) -> Option<i32> {
        let word = usize::from(self.kind.load(Ordering::Relaxed));
        KINDS.get(word.checked_sub(1)?).copied()
    }

    /// Whether this option is the one that is on.
    pub(super) fn is_on(&self, option: i32) -> bool {
        self.current() == Some(option)
    }

    pub(super) fn copy(&self, other: &Self) {
        self.kind.store(other.kind.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Adds the control message, if one is wanted.
    pub(super) fn put(&self, out: &mut Writer, at: Instant, process: &dyn Process) {
        let Some(option) = self.current() else { return };
        let wall = process.wall_clock(at);
        let nanos = matches!(option, SO_TIMESTAMPNS | SO_TIMESTAMPNS_NEW);
        out.put(SOL_SOCKET, option, &bytes(wall, nanos));
    }
}

/// `struct timeval` or `struct timespec`; both are two 64-bit numbers.
fn bytes(wall: Duration, nanos: bool) -> [u8; 16] {
    let fraction = if nanos { wall.subsec_nanos() } else { wall.subsec_micros() };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&wall.as_secs().to_ne_bytes());
    bytes[8..].copy_from_slice(&u64::from(fraction).to_ne_bytes());
    bytes
}

/// When the last packet was read.
#[derive(Debug, Default)]
pub(super) struct LastStamp(AtomicU64);

impl LastStamp {
    pub(super) fn set(&self, at: Instant) {
        self.0.store(at.as_nanos().max(1), Ordering::Relaxed);
    }

    /// ENOENT if none was read yet (`sock_gettstamp`).
    pub(super) fn show(&self, command: u32, process: &dyn Process) -> Result<[u8; 16], Errno> {
        match self.0.load(Ordering::Relaxed) {
            0 => Err(Errno::ENOENT),
            nanos => {
                let wall = process.wall_clock(Instant::from_nanos(nanos));
                Ok(bytes(wall, command != SIOCGSTAMP))
            }
        }
    }
}
