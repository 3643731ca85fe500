//! Sockets as open files.
//!
//! | module | what it is |
//! |---|---|
//! | here | the file: read, write, poll, ioctl, and the waits around a socket that never waits |
//! | [`payload`] | user bytes on their way, in kernel memory |
//! | [`caller`] | what the door may ask of the calling process |
//! | [`nodes`] | unix sockets bound to paths |
//! | [`calls`] | the system calls |
//!
//! User memory is never touched while the core works: copying may fault and sleep, and the
//! core holds spin locks. Bytes are gathered before and scattered after.

mod caller;
mod calls;
mod nodes;
mod payload;

use ostd::mm::{VmReader, VmWriter};
use warren_platform::{Observer, Readiness};
use warren_syscall::abi::{
    MSG_DONTWAIT, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_PEEK, MSG_WAITALL, SOCK_CLOEXEC, SOCK_NONBLOCK,
};
use warren_syscall::socket::message::{Incoming, Outgoing, Room, Sink as _, Source as _};
use warren_syscall::socket::{Call, Socket};

use super::enter;
use crate::fs::anon::open_socket;
use crate::fs::file::{copy_in, copy_out};
use crate::fs::signals::broken_pipe;
use crate::fs::stat::next_ino;
use crate::fs::{Events, File, OpenFile, OpenFlags, Pollee, Poller};
use crate::prelude::*;
use crate::process::{Thread, current, try_current};
use crate::sync::Sleeper;
use crate::time::{Duration, now};

pub(crate) use caller::UserProcess;
pub(crate) use calls::CALLS;
use payload::{Gathered, Scattered};

/// The most bytes one turn moves: longer than any datagram; streams take another turn.
const TURN: usize = 256 << 10;

/// How often a lingering close looks whether all is acknowledged.
const LINGER_STEP: Duration = Duration::from_millis(5);

/// Passes a socket's news on to those who poll or wait.
struct News(Pollee);

impl core::fmt::Debug for News {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("News")
    }
}

impl Observer for News {
    fn notify(&self, news: Readiness) {
        self.0.notify(events(news));
    }
}

/// Readiness in the words of poll(2); the numbers are shared.
fn events(ready: Readiness) -> Events {
    let mut events = Events::from_bits_truncate(u32::from(ready.bits()));
    events.set(Events::RDNORM, ready.contains(Readiness::IN));
    events.set(Events::WRNORM, ready.contains(Readiness::OUT));
    events
}

/// A socket behind a descriptor.
pub struct SocketFile {
    socket: Socket,
    news: Arc<News>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.socket.close(&enter());
        self.linger();
    }
}

/// Opens a file for `socket` with the flags of socket(2)'s type argument, and gives it a
/// descriptor.
fn install(thread: &Thread, socket: Socket, flags: u32) -> Result<u32> {
    let file = open_file(socket, flags);
    thread.files()?.insert(file, flags & SOCK_CLOEXEC != 0)
}

fn open_file(socket: Socket, flags: u32) -> Arc<OpenFile> {
    let news = Arc::new(News(Pollee::new()));
    let ino = next_ino();
    socket.set_inode(ino);
    socket.set_observer(news.clone());
    let mut open = OpenFlags::empty();
    open.set(OpenFlags::NONBLOCK, flags & SOCK_NONBLOCK != 0);
    open_socket(ino, Box::new(SocketFile { socket, news }), open)
}

/// A message to send, gathered.
struct Sending<'a> {
    name: Option<&'a [u8]>,
    control: &'a [u8],
    flags: u32,
}

impl SocketFile {
    /// SO_LINGER: close(2) waits for what was sent to be acknowledged. A closed socket has
    /// no news, so this looks now and then. A process on its way out does not linger.
    fn linger(&self) {
        let Some(patience) = self.socket.linger() else { return };
        if try_current().is_none_or(|thread| thread.files().is_err()) {
            return;
        }
        let deadline = now() + patience;
        while self.socket.linger().is_some() && now() < deadline {
            let sleeper = Sleeper::new();
            // ETIMEDOUT is what was waited for; a signal ends the wait (sk_stream_wait_close).
            if sleeper.sleep(Some(now() + LINGER_STEP)) == Err(Errno::EINTR) {
                return;
            }
        }
    }

    /// Waits until `attempt` has another answer than EAGAIN.
    fn wait<R>(
        &self,
        interest: Events,
        nonblocking: bool,
        patience: Option<Duration>,
        mut attempt: impl FnMut(&Call<'_>) -> Result<R>,
    ) -> Result<R> {
        let deadline = patience.map(|patience| now() + patience);
        let process = UserProcess::new(current());
        let answer = self.news.0.wait(interest, nonblocking, deadline, || {
            let cx = enter();
            match attempt(&Call { process: &process, cx: &cx }) {
                Err(Errno::EAGAIN) => None,
                answer => Some(answer),
            }
        });
        match answer {
            Ok(answer) => answer,
            // SO_RCVTIMEO and SO_SNDTIMEO end in EAGAIN.
            Err(Errno::ETIMEDOUT) => Err(Errno::EAGAIN),
            Err(error) => Err(error),
        }
    }

    /// The circumstances of a call that never waits.
    fn with_call<R>(&self, run: impl FnOnce(&Call<'_>) -> R) -> R {
        let process = UserProcess::new(current());
        let cx = enter();
        run(&Call { process: &process, cx: &cx })
    }

    /// Sends what `payload` gathered. A stream that may wait goes on until all is sent.
    fn send(
        &self,
        message: &Sending<'_>,
        payload: &mut Gathered,
        open: OpenFlags,
    ) -> Result<usize> {
        let nonblocking = is_nonblocking(message.flags, open);
        let mut sent = 0;
        let outcome = loop {
            let turn =
                self.wait(Events::WRITABLE, nonblocking, self.socket.send_timeout(), |call| {
                    let (name, control) = (message.name, message.control);
                    // Files and credentials go with the first bytes.
                    let control = if sent == 0 { control } else { &[] };
                    let flags = message.flags;
                    self.socket.send(Outgoing { name, control, payload, flags }, call)
                });
            match turn {
                Ok(count) => sent += count,
                Err(error) => break Err(error),
            }
            if payload.remaining() == 0 || !self.socket.is_stream() {
                break Ok(sent);
            }
        };
        match outcome {
            Err(_) if sent > 0 => Ok(sent),
            Err(Errno::EPIPE)
                if self.socket.signals_broken_pipe() && message.flags & MSG_NOSIGNAL == 0 =>
            {
                broken_pipe();
                Err(Errno::EPIPE)
            }
            outcome => outcome,
        }
    }

    /// Receives up to `len` bytes and `control` bytes of control messages.
    fn receive(
        &self,
        len: usize,
        control: usize,
        flags: u32,
        open: OpenFlags,
    ) -> Result<(Scattered, Incoming)> {
        let mut payload = Scattered::new(len.min(TURN));
        // MSG_ERRQUEUE never waits (recvmsg(2)).
        let nonblocking = is_nonblocking(flags, open) || flags & MSG_ERRQUEUE != 0;
        let all = flags & MSG_WAITALL != 0 && flags & MSG_PEEK == 0 && self.socket.is_stream();
        let mut first: Option<Incoming> = None;
        loop {
            let turn = self.wait(
                Events::READABLE | Events::RDHUP,
                nonblocking,
                self.socket.receive_timeout(),
                |call| {
                    let room = Room { payload: &mut payload, control, flags };
                    self.socket.receive(room, call)
                },
            );
            let (turn, first) = match (turn, &mut first) {
                (Ok(turn), None) => (turn.bytes, first.insert(turn)),
                (Ok(turn), Some(first)) => {
                    first.bytes += turn.bytes;
                    (turn.bytes, first)
                }
                (Err(error), None) => return Err(error),
                // What came before counts; the error is told next time.
                (Err(_), Some(_)) => (0, first.get_or_insert_with(|| Incoming::plain(0))),
            };
            if !all || turn == 0 || payload.room() == 0 || !first.control.is_empty() {
                break;
            }
        }
        Ok((payload, first.unwrap_or_else(|| Incoming::plain(0))))
    }

    /// Connects, and unless nonblocking waits for the outcome.
    fn connect(&self, address: &[u8], open: OpenFlags) -> Result<()> {
        let nonblocking = open.contains(OpenFlags::NONBLOCK);
        let patience = self.socket.send_timeout();
        let mut under_way = false;
        let outcome = self.wait(Events::WRITABLE, nonblocking, patience, |call| {
            match self.socket.connect(address, call) {
                // The attempt goes on; asked again it tells how it went.
                Err(Errno::EINPROGRESS | Errno::EALREADY) if !nonblocking => {
                    under_way = true;
                    Err(Errno::EAGAIN)
                }
                outcome => outcome,
            }
        });
        match outcome {
            // Out of patience: the attempt goes on without us.
            Err(Errno::EAGAIN) if under_way => Err(Errno::EINPROGRESS),
            outcome => outcome,
        }
    }

    fn accept(&self, open: OpenFlags) -> Result<Socket> {
        let nonblocking = open.contains(OpenFlags::NONBLOCK);
        let patience = self.socket.receive_timeout();
        self.wait(Events::READABLE, nonblocking, patience, |call| self.socket.accept(call))
    }
}

fn is_nonblocking(flags: u32, open: OpenFlags) -> bool {
    flags & MSG_DONTWAIT != 0 || open.contains(OpenFlags::NONBLOCK)
}

impl File for SocketFile {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        if to.avail() == 0 {
            return Ok(0);
        }
        let (payload, _) = self.receive(to.avail(), 0, 0, flags)?;
        copy_out(payload.bytes(), to)
    }

    fn write(&self, _offset: &mut u64, from: &mut VmReader<'_>, flags: OpenFlags) -> Result<usize> {
        let message = Sending { name: None, control: &[], flags: 0 };
        let mut sent = 0;
        loop {
            let mut bytes = payload::buffer(from.remain().min(TURN))?;
            let count = copy_in(from, &mut bytes)?;
            bytes.truncate(count);
            match self.send(&message, &mut Gathered::new(bytes), flags) {
                Ok(turn) => sent += turn,
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if from.remain() == 0 || !self.socket.is_stream() {
                return Ok(sent);
            }
        }
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.news.0.register(poller);
        events(self.socket.readiness())
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn ioctl(&self, request: u32, arg: usize) -> Result<usize> {
        let answer =
            self.with_call(|call| self.socket.ioctl(request, arg, &caller::ProcessMemory, call))?;
        Ok(usize::try_from(answer).unwrap_or(0))
    }
}
