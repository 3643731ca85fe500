//! What a socket call may ask of the process that makes it, beyond [`Caller`]: its
//! descriptors, the file system it sees, and the time of day.

use alloc::sync::Arc;
use core::any::Any;

use warren_platform::{Duration, Instant};

use crate::cred::Caller;
use crate::errno::Errno;
use crate::unix::UnixSocket;

/// An open file of the host, on its way from one process to another. Dropping the last
/// handle closes it.
pub type FileHandle = Arc<dyn Any + Send + Sync>;

/// The calling process.
pub trait Process: Caller {
    /// The open file behind a descriptor, to be sent with SCM_RIGHTS.
    ///
    /// # Errors
    /// EBADF if it is not open.
    fn file(&self, fd: i32) -> Result<FileHandle, Errno>;

    /// Gives a received file a descriptor.
    ///
    /// # Errors
    /// EMFILE if there is none left.
    fn install_file(&self, file: FileHandle, close_on_exec: bool) -> Result<i32, Errno>;

    /// Makes a socket node at `path` that leads to `socket`.
    ///
    /// # Errors
    /// EADDRINUSE if the path exists, else what the file system says.
    fn make_socket_node(&self, path: &[u8], socket: &Arc<UnixSocket>) -> Result<(), Errno>;

    /// The live socket bound to the node at `path`.
    ///
    /// # Errors
    /// ECONNREFUSED if it is no socket or nobody is bound to it any more, else what the
    /// file system says.
    fn socket_at_node(&self, path: &[u8]) -> Result<Arc<UnixSocket>, Errno>;

    /// The time of day at a point of the monotonic clock, as time since 1970.
    fn wall_clock(&self, at: Instant) -> Duration;
}
