//! Control messages: `struct cmsghdr` and its data, read from `sendmsg` and written for
//! `recvmsg`. Both follow the x86-64 layout: an eight-byte length, level, type, then the
//! data, each message aligned to eight bytes.

use alloc::vec::Vec;

use crate::abi::MSG_CTRUNC;
use crate::errno::Errno;

const HEADER: usize = 16;

const fn align(len: usize) -> usize {
    (len + 7) & !7
}

/// One control message as sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control<'a> {
    /// `cmsg_level`.
    pub level: i32,
    /// `cmsg_type`.
    pub kind: i32,
    /// The bytes behind the header.
    pub data: &'a [u8],
}

/// Walks the control messages in `bytes`. Ends where fewer than a header's bytes are left.
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = Result<Control<'_>, Errno>> {
    let mut rest = Some(bytes);
    core::iter::from_fn(move || {
        let bytes = rest?;
        if bytes.len() < HEADER {
            return None;
        }
        let (message, next) = match split(bytes) {
            Ok(parts) => parts,
            Err(error) => {
                rest = None;
                return Some(Err(error));
            }
        };
        rest = next;
        Some(Ok(message))
    })
}

/// `CMSG_OK`: the length covers the header and stays within the buffer.
fn split(bytes: &[u8]) -> Result<(Control<'_>, Option<&[u8]>), Errno> {
    let (header, _) = bytes.split_first_chunk::<HEADER>().ok_or(Errno::EINVAL)?;
    let [l0, l1, l2, l3, l4, l5, l6, l7, v0, v1, v2, v3, t0, t1, t2, t3] = *header;
    let len = u64::from_ne_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    if len < HEADER || len > bytes.len() {
        return Err(Errno::EINVAL);
    }
    let message = Control {
        level: i32::from_ne_bytes([v0, v1, v2, v3]),
        kind: i32::from_ne_bytes([t0, t1, t2, t3]),
        data: &bytes[HEADER..len],
    };
    Ok((message, bytes.get(align(len)..)))
}

/// Builds the control part of a received message within the caller's room.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    room: usize,
    flags: u32,
}

impl Writer {
    /// A writer that never goes beyond `room` bytes (`msg_controllen`).
    #[must_use]
    pub const fn new(room: usize) -> Self {
        Self { bytes: Vec::new(), room, flags: 0 }
    }

    /// Adds one message (`put_cmsg`). What does not fit is cut and MSG_CTRUNC is set.
    pub fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        let left = self.room - self.bytes.len();
        if left < HEADER {
            self.flags |= MSG_CTRUNC;
            return;
        }
        let mut len = HEADER + data.len();
        if len > left {
            self.flags |= MSG_CTRUNC;
            len = left;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&(len as u64).to_ne_bytes());
        self.bytes.extend_from_slice(&level.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&data[..len - HEADER]);
        self.bytes.resize((start + align(len)).min(self.room), 0);
    }

    /// How many data bytes of one more message would fit.
    #[must_use]
    pub fn data_room(&self) -> usize {
        (self.room - self.bytes.len()).saturating_sub(HEADER)
    }

    /// Something was left out.
    pub fn mark_truncated(&mut self) {
        self.flags |= MSG_CTRUNC;
    }

    /// The bytes, and MSG_CTRUNC if something was left out.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, u32) {
        (self.bytes, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{SCM_RIGHTS, SOL_IP, SOL_SOCKET};

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = Writer::new(64);
        writer.put(SOL_SOCKET, SCM_RIGHTS, &7_i32.to_ne_bytes());
        writer.put(SOL_IP, 2, &64_i32.to_ne_bytes());
        let (bytes, flags) = writer.finish();
        assert_eq!((bytes.len(), flags), (48, 0));
        let read: Vec<_> = parse(&bytes).collect::<Result<_, _>>().expect("well formed");
        assert_eq!(read[0], Control { level: 1, kind: 1, data: &[7, 0, 0, 0] });
        assert_eq!(read[1], Control { level: 0, kind: 2, data: &[64, 0, 0, 0] });
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_said_so() {
        let mut writer = Writer::new(20);
        writer.put(SOL_SOCKET, 29, &[1; 16]);
        writer.put(SOL_IP, 2, &[2; 4]);
        let (bytes, flags) = writer.finish();
        assert_eq!((bytes.len(), flags), (20, MSG_CTRUNC));
        assert_eq!(bytes[..8], 20_u64.to_ne_bytes());
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&25_u64.to_ne_bytes());
        assert_eq!(parse(&bytes).next(), Some(Err(Errno::EINVAL)));
        bytes[..8].copy_from_slice(&15_u64.to_ne_bytes());
        assert_eq!(parse(&bytes).next(), Some(Err(Errno::EINVAL)));
        assert_eq!(parse(&bytes[..15]).next(), None);
    }
}
