//! Unix sockets bound to paths: which socket a socket node leads to.
//!
//! The node is the file system's; this table finds the socket by the node's identity. A
//! node whose socket is gone stays (unlink(2) removes it) and refuses connections.

use alloc::collections::BTreeMap;

use ostd::sync::SpinLock;
use warren_syscall::unix::UnixSocket;

use crate::fs::access::{Access, check};
use crate::fs::edit;
use crate::fs::inode::NewNode;
use crate::fs::stat::{Kind, Stat};
use crate::fs::walk::{AT_FDCWD, Walker};
use crate::prelude::*;
use crate::process::Thread;

/// A file's identity: device and inode number.
type Identity = (u32, u32, u64);

static NODES: SpinLock<BTreeMap<Identity, Weak<UnixSocket>>> = SpinLock::new(BTreeMap::new());

fn identity(stat: &Stat) -> Identity {
    (stat.dev.major, stat.dev.minor, stat.ino)
}

/// Makes a socket node at `path` that leads to `socket`.
///
/// # Errors
/// `EADDRINUSE` if the path exists; as mknod(2).
pub(super) fn make(thread: &Thread, path: &[u8], socket: &Arc<UnixSocket>) -> Result<()> {
    let walker = Walker::new(thread)?;
    let start = walker.start(thread, AT_FDCWD, path)?;
    let node = edit::create(&walker, &start, path, NewNode::Socket, 0o777);
    let node = node.map_err(|error| match error {
        Errno::EEXIST => Errno::EADDRINUSE,
        error => error,
    })?;
    let mut nodes = NODES.lock();
    nodes.retain(|_, socket| socket.strong_count() > 0);
    nodes.insert(identity(&node.inode().stat()), Arc::downgrade(socket));
    Ok(())
}

/// The living socket bound to the node at `path`.
///
/// # Errors
/// `ECONNREFUSED` if there is none; `EACCES` without write permission on the node; as
/// path_resolution(7).
pub(super) fn find(thread: &Thread, path: &[u8]) -> Result<Arc<UnixSocket>> {
    let walker = Walker::new(thread)?;
    let start = walker.start(thread, AT_FDCWD, path)?;
    let stat = walker.find(&start, path, true)?.inode().stat();
    check(&walker.credentials, &stat, Access::WRITE)?;
    if stat.kind != Kind::Socket {
        return Err(Errno::ECONNREFUSED);
    }
    let socket = NODES.lock().get(&identity(&stat)).and_then(Weak::upgrade);
    socket.ok_or(Errno::ECONNREFUSED)
}
