//! [`Protocol`]: what a family's sockets do. A new family implements this and touches
//! nothing else but [`open`](super::open).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_netns::Cx;
use warren_netns::socket::SocketOptions;
use warren_platform::{Duration, Observer, Readiness};

use super::Call;
use super::message::{Incoming, Outgoing, Room, Shutdown};
use super::stamp::Stamps;
use crate::errno::Errno;
use crate::sockaddr::SockAddr;

/// A change of a socket's options: refused, it has changed nothing.
pub(super) type Change<'a> = &'a mut dyn FnMut(&mut SocketOptions) -> Result<(), Errno>;

/// See the module. The defaults are Linux's answers for what a family does not have.
pub(super) trait Protocol: Send + Sync + core::fmt::Debug {
    fn bind(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno>;
    fn connect(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno>;

    fn listen(&self, _backlog: i32, _call: &Call<'_>) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn accept(&self, _call: &Call<'_>) -> Result<Box<dyn Protocol>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn send(&self, message: Outgoing<'_>, call: &Call<'_>) -> Result<usize, Errno>;

    fn receive(&self, room: Room<'_>, stamps: &Stamps, call: &Call<'_>) -> Result<Incoming, Errno>;

    fn local(&self) -> SockAddr;
    fn remote(&self) -> Result<SockAddr, Errno>;
    fn shutdown(&self, how: Shutdown, call: &Call<'_>) -> Result<(), Errno>;

    /// The options every family shares. Those without a meaning in the family are kept and
    /// shown, as Linux keeps them in `struct sock`.
    fn options(&self) -> SocketOptions;

    /// Changes them.
    fn change_options(&self, change: Change<'_>, call: &Call<'_>) -> Result<(), Errno>;

    /// An option of SOL_SOCKET that is the family's own, or of another level.
    fn set_own_option(
        &self,
        level: i32,
        name: i32,
        value: &[u8],
        call: &Call<'_>,
    ) -> Result<(), Errno>;

    /// See [`Protocol::set_own_option`].
    fn own_option(
        &self,
        level: i32,
        name: i32,
        room: usize,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, Errno>;

    /// SO_ACCEPTCONN.
    fn is_listening(&self) -> bool {
        false
    }

    /// FIONREAD.
    fn readable_bytes(&self) -> Result<usize, Errno>;

    /// SIOCOUTQ.
    fn unsent_bytes(&self) -> Result<usize, Errno> {
        Err(Errno::ENOTTY)
    }

    fn set_inode(&self, inode: u64);
    fn readiness(&self) -> Readiness;
    fn set_observer(&self, observer: Arc<dyn Observer>);
    fn take_error(&self) -> Option<Errno>;
    fn close(&self, cx: &Cx<'_>);

    /// After [`Protocol::close`]: how long SO_LINGER has the host wait for what was sent;
    /// nothing once that is acknowledged.
    fn linger(&self) -> Option<Duration> {
        None
    }
}
