//! The name a unix socket is bound to.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::UnixSocket;
use crate::errno::Errno;
use crate::process::Process;
use crate::sockaddr::{SockAddr, UnixAddr};

/// `sun_path` as bound: a path with its terminator, or a leading zero and an abstract name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(Arc<[u8]>);

impl Name {
    pub(super) fn of_path(path: &[u8]) -> Self {
        Self(path.iter().copied().chain([0]).collect())
    }

    pub(super) fn of_abstract(name: &[u8]) -> Self {
        Self([0].into_iter().chain(name.iter().copied()).collect())
    }

    /// The bytes behind the family in a `struct sockaddr_un`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it lives in the namespace's table rather than in a file system.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        self.0.first() == Some(&0)
    }

    /// As `/proc/net/unix` shows it: without the terminator, zeros as `@`.
    #[must_use]
    pub fn shown(&self) -> Vec<u8> {
        let bytes = if self.is_abstract() { &*self.0 } else { &self.0[..self.0.len() - 1] };
        bytes.iter().map(|byte| if *byte == 0 { b'@' } else { *byte }).collect()
    }
}

impl UnixSocket {
    /// The name it is bound to.
    #[must_use]
    pub fn name(&self) -> Option<Name> {
        self.state.lock().name.clone()
    }

    /// `getsockname`.
    #[must_use]
    pub fn local(&self) -> SockAddr {
        address(self.name().as_ref())
    }

    /// `getpeername`.
    ///
    /// # Errors
    /// ENOTCONN without a peer.
    pub fn remote(&self) -> Result<SockAddr, Errno> {
        let peer = self.state.lock().peer.upgrade().ok_or(Errno::ENOTCONN)?;
        Ok(peer.local())
    }

    /// `bind`.
    ///
    /// # Errors
    /// EINVAL if it is bound already, EADDRINUSE if the name is taken.
    pub fn bind(
        self: &Arc<Self>,
        address: UnixAddr<'_>,
        process: &dyn Process,
    ) -> Result<(), Errno> {
        if let UnixAddr::Unnamed = address {
            return self.autobind();
        }
        if self.name().is_some() {
            return Err(Errno::EINVAL);
        }
        let name = match address {
            UnixAddr::Path(path) => {
                process.make_socket_node(path, self)?;
                Name::of_path(path)
            }
            UnixAddr::Abstract(name) => {
                let name = Name::of_abstract(name);
                self.table.claim(&name, self)?;
                name
            }
            UnixAddr::Unnamed => return Ok(()),
        };
        self.state.lock().name = Some(name);
        Ok(())
    }

    /// Gives an unbound socket an abstract name of five hexadecimal digits
    /// (`unix_autobind`); a bound one keeps its name.
    pub(super) fn autobind(self: &Arc<Self>) -> Result<(), Errno> {
        if self.name().is_some() {
            return Ok(());
        }
        let name = self.table.claim_any(self)?;
        self.state.lock().name = Some(name);
        Ok(())
    }
}

pub(super) fn address(name: Option<&Name>) -> SockAddr {
    SockAddr::unix(name.map_or(&[], Name::as_bytes))
}
