//! Connections: listen, connect, accept.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};

use warren_platform::Readiness;

use super::{Credentials, MAX_DATAGRAMS, Name, Phase, UnixKind, UnixSocket};
use crate::cred::Caller;
use crate::errno::Errno;
use crate::process::Process;
use crate::sockaddr::UnixAddr;

/// `net.core.somaxconn`.
const SOMAXCONN: usize = 4_096;

impl UnixSocket {
    /// `listen`.
    ///
    /// # Errors
    /// EOPNOTSUPP on datagrams, EINVAL if it has no name or is connected.
    pub fn listen(&self, backlog: i32, caller: &dyn Caller) -> Result<(), Errno> {
        if !self.kind.is_connected_kind() {
            return Err(Errno::EOPNOTSUPP);
        }
        // A negative backlog is a huge one to Linux's unsigned comparison.
        let backlog = usize::try_from(backlog).unwrap_or(SOMAXCONN).min(SOMAXCONN);
        let mut state = self.state.lock();
        if state.name.is_none() {
            return Err(Errno::EINVAL);
        }
        state.peer_credentials = Some(Credentials::of(caller));
        match &mut state.phase {
            Phase::Connected => Err(Errno::EINVAL),
            Phase::Listening { backlog: known, .. } => {
                *known = backlog;
                Ok(())
            }
            phase @ Phase::Idle => {
                *phase = Phase::Listening { backlog, queue: VecDeque::new() };
                Ok(())
            }
        }
    }

    /// `accept`: the oldest waiting connection.
    ///
    /// # Errors
    /// EOPNOTSUPP on datagrams, EINVAL if it does not listen, EAGAIN if none waits.
    pub fn accept(&self) -> Result<Arc<Self>, Errno> {
        if !self.kind.is_connected_kind() {
            return Err(Errno::EOPNOTSUPP);
        }
        let (accepted, waiting) = {
            let mut state = self.state.lock();
            let shut = state.receive_shut;
            let Phase::Listening { queue, .. } = &mut state.phase else {
                return Err(Errno::EINVAL);
            };
            let accepted = queue.pop_front();
            let accepted = match accepted {
                None if shut => return Err(Errno::EINVAL),
                accepted => accepted.ok_or(Errno::EAGAIN)?,
            };
            (accepted, core::mem::take(&mut state.waiting))
        };
        wake(waiting);
        Ok(accepted)
    }

    /// `connect`.
    ///
    /// # Errors
    /// ECONNREFUSED if nobody listens, EAGAIN if the backlog is full, EPROTOTYPE for
    /// another kind of socket, EISCONN, EINVAL for an unnamed destination.
    pub fn connect(self: &Arc<Self>, to: UnixAddr<'_>, process: &dyn Process) -> Result<(), Errno> {
        let target = self.resolve(to, process)?;
        if self.passes_credentials() {
            self.autobind()?;
        }
        if target.kind != self.kind {
            return Err(Errno::EPROTOTYPE);
        }
        if self.kind == UnixKind::Datagram {
            let mut state = self.state.lock();
            state.peer = Arc::downgrade(&target);
            state.phase = Phase::Connected;
            return Ok(());
        }
        self.connect_to_listener(&target, Credentials::of(process))
    }

    /// Dissolves a datagram socket's association (`connect` with AF_UNSPEC).
    ///
    /// # Errors
    /// EINVAL on the kinds that cannot.
    pub fn disconnect(&self) -> Result<(), Errno> {
        if self.kind != UnixKind::Datagram {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        state.peer = Weak::new();
        state.phase = Phase::Idle;
        Ok(())
    }

    /// The socket behind an address.
    pub(super) fn resolve(
        &self,
        to: UnixAddr<'_>,
        process: &dyn Process,
    ) -> Result<Arc<Self>, Errno> {
        match to {
            UnixAddr::Unnamed => Err(Errno::EINVAL),
            UnixAddr::Abstract(name) => self.table.find(name),
            UnixAddr::Path(path) => process.socket_at_node(path),
        }
    }

    fn connect_to_listener(
        self: &Arc<Self>,
        listener: &Arc<Self>,
        credentials: Credentials,
    ) -> Result<(), Errno> {
        match self.state.lock().phase {
            Phase::Idle => {}
            Phase::Connected => return Err(Errno::EISCONN),
            Phase::Listening { .. } => return Err(Errno::EINVAL),
        }
        let embryo = Self::make(&listener.ns, self.kind, listener.credentials);
        let served_by = {
            let mut state = listener.state.lock();
            let refused = state.closed || state.receive_shut;
            let Phase::Listening { backlog, queue } = &mut state.phase else {
                return Err(Errno::ECONNREFUSED);
            };
            if refused {
                return Err(Errno::ECONNREFUSED);
            }
            // Linux: unix_recvq_full is qlen > backlog.
            if queue.len() > *backlog {
                wait_here(&mut state.waiting, self);
                return Err(Errno::EAGAIN);
            }
            queue.push_back(embryo.clone());
            (state.name.clone(), state.peer_credentials)
        };
        embryo.become_connected(self, served_by.0, Some(credentials));
        self.become_connected(&embryo, None, served_by.1);
        listener.notify(Readiness::IN);
        Ok(())
    }

    fn become_connected(
        &self,
        peer: &Arc<Self>,
        name: Option<Name>,
        credentials: Option<Credentials>,
    ) {
        let mut state = self.state.lock();
        state.phase = Phase::Connected;
        state.peer = Arc::downgrade(peer);
        state.peer_credentials = credentials;
        if name.is_some() {
            state.name = name;
        }
    }

    /// Whether one more message of a sender with `limit` bytes to spend fits here.
    pub(super) fn has_room_for_one(&self, limit: usize) -> bool {
        let state = self.state.lock();
        let count = self.kind != UnixKind::Datagram || state.inbox.len() < MAX_DATAGRAMS;
        count && state.inbox_bytes < limit
    }
}

/// Remembers who waits; a waiter that is gone makes place for the next.
pub(super) fn wait_here(waiting: &mut VecDeque<Weak<UnixSocket>>, who: &Arc<UnixSocket>) {
    waiting.retain(|known| {
        known.strong_count() > 0 && !core::ptr::eq(known.as_ptr(), Arc::as_ptr(who))
    });
    waiting.push_back(Arc::downgrade(who));
}

pub(super) fn wake(waiting: VecDeque<Weak<UnixSocket>>) {
    for socket in waiting {
        if let Some(socket) = socket.upgrade() {
            socket.notify(Readiness::OUT);
        }
    }
}
