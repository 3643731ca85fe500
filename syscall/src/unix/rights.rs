//! SCM_RIGHTS and SCM_CREDENTIALS: what rides along with a message.

use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_netns::Namespace;

use super::UnixTable;
use crate::abi::{SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET};
use crate::cmsg::{self, Writer};
use crate::cred::{Caller, Capability};
use crate::errno::Errno;
use crate::process::{FileHandle, Process};

/// SCM_MAX_FD: files in one message.
const MAX_FILES: usize = 253;

/// `struct ucred`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// Process id.
    pub pid: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Credentials {
    pub(super) fn of(caller: &dyn Caller) -> Self {
        Self { pid: caller.pid(), uid: caller.uid(), gid: caller.gid() }
    }

    /// The twelve bytes of `struct ucred`.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[0..4].copy_from_slice(&self.pid.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.uid.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.gid.to_ne_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 12] = bytes.try_into().ok()?;
        let [p0, p1, p2, p3, u0, u1, u2, u3, g0, g1, g2, g3] = *bytes;
        Some(Self {
            pid: u32::from_ne_bytes([p0, p1, p2, p3]),
            uid: u32::from_ne_bytes([u0, u1, u2, u3]),
            gid: u32::from_ne_bytes([g0, g1, g2, g3]),
        })
    }
}

/// Files in transit: counted in their namespace until they are taken or dropped.
#[derive(Default)]
pub(super) struct Files {
    handles: Vec<FileHandle>,
    table: Option<Arc<UnixTable>>,
}

impl Files {
    fn send_off(handles: Vec<FileHandle>, table: &Arc<UnixTable>) -> Result<Self, Errno> {
        if handles.is_empty() {
            return Ok(Self::default());
        }
        table.send_off(handles.len())?;
        Ok(Self { handles, table: Some(table.clone()) })
    }

    pub(super) fn len(&self) -> usize {
        self.handles.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// The files, which have arrived.
    pub(super) fn take(&mut self) -> Vec<FileHandle> {
        if let Some(table) = self.table.take() {
            table.arrived(self.handles.len());
        }
        core::mem::take(&mut self.handles)
    }

    /// The files once more, for who only peeks.
    pub(super) fn copies(&self) -> Vec<FileHandle> {
        self.handles.clone()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// What the control messages of a `sendmsg` said.
pub(super) struct Attached {
    pub(super) credentials: Credentials,
    pub(super) files: Files,
}

/// Reads the control messages of a `sendmsg` (`__scm_send`). Levels other than SOL_SOCKET
/// are not for us and are passed over, as on Linux.
pub(super) fn parse(
    control: &[u8],
    ns: &Arc<Namespace>,
    table: &Arc<UnixTable>,
    process: &dyn Process,
) -> Result<Attached, Errno> {
    let mut credentials = Credentials::of(process);
    let mut files = Vec::new();
    for message in cmsg::parse(control) {
        let message = message?;
        match (message.level, message.kind) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                for fd in message.data.chunks_exact(4) {
                    if files.len() == MAX_FILES {
                        return Err(Errno::EINVAL);
                    }
                    let fd = i32::from_ne_bytes([fd[0], fd[1], fd[2], fd[3]]);
                    files.push(process.file(fd)?);
                }
            }
            (SOL_SOCKET, SCM_CREDENTIALS) => {
                let claimed = Credentials::from_bytes(message.data).ok_or(Errno::EINVAL)?;
                credentials = check(claimed, ns, process)?;
            }
            (SOL_SOCKET, _) => return Err(Errno::EINVAL),
            _ => {}
        }
    }
    Ok(Attached { credentials, files: Files::send_off(files, table)? })
}

/// `scm_check_creds`: a process may only claim to be itself, unless it is privileged.
fn check(
    claimed: Credentials,
    ns: &Arc<Namespace>,
    process: &dyn Process,
) -> Result<Credentials, Errno> {
    if claimed == Credentials::of(process) || process.has(Capability::SysAdmin, ns) {
        Ok(claimed)
    } else {
        Err(Errno::EPERM)
    }
}

/// Hands `files` to the receiver: descriptors for as many as it has room and numbers for;
/// the others are closed and MSG_CTRUNC tells.
pub(super) fn install(
    files: Vec<FileHandle>,
    close_on_exec: bool,
    out: &mut Writer,
    process: &dyn Process,
) {
    if files.is_empty() {
        return;
    }
    let room = out.data_room() / 4;
    let mut numbers = Vec::new();
    let count = files.len();
    for file in files.into_iter().take(room) {
        match process.install_file(file, close_on_exec) {
            Ok(fd) => numbers.extend_from_slice(&fd.to_ne_bytes()),
            Err(_) => break,
        }
    }
    if !numbers.is_empty() {
        out.put(SOL_SOCKET, SCM_RIGHTS, &numbers);
    }
    if numbers.len() / 4 < count {
        out.mark_truncated();
    }
}
