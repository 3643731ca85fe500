//! A host and a process for this crate's unit tests: one CPU, counted randomness, a table
//! of descriptors, paths that lead to sockets.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use warren_netns::{Namespace, Stack};
use warren_platform::{CpuId, Duration, Instant, Keeper, Observer, Platform, Readiness, Wake};

use crate::cred::{Caller, Capability};
use crate::errno::Errno;
use crate::ioctl::UserMemory;
use crate::process::{FileHandle, Process};
use crate::socket::message::{Sink, Source};
use crate::unix::UnixSocket;

#[derive(Debug, Default)]
struct TestHost(AtomicU8);

#[derive(Debug)]
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

impl Platform for TestHost {
    fn cpu_count(&self) -> u16 {
        1
    }
    fn current_cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn fill_random(&self, buffer: &mut [u8]) {
        buffer.fill_with(|| self.0.fetch_add(37, Ordering::Relaxed));
    }
    fn wake_napi(&self, _cpu: CpuId) {}
    fn start_keeper(&self, _keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>> {
        Some(Arc::new(NoWake))
    }
}

/// A stack with one namespace, held.
pub(crate) fn world() -> (Arc<Stack>, Arc<Namespace>) {
    let stack = Stack::new(Arc::<TestHost>::default());
    let ns = stack.create_namespace(&stack.enter(Instant::ZERO)).expect("memory");
    ns.hold();
    (stack, ns)
}

/// A process. Root by default.
#[derive(Default)]
pub(crate) struct TestProcess {
    pub(crate) uid: u32,
    pub(crate) files: spin::Mutex<Vec<Option<FileHandle>>>,
    nodes: spin::Mutex<BTreeMap<Vec<u8>, Weak<UnixSocket>>>,
}

impl TestProcess {
    pub(crate) fn user(uid: u32) -> Self {
        Self { uid, ..Self::default() }
    }
}

impl Caller for TestProcess {
    fn pid(&self) -> u32 {
        42
    }
    fn uid(&self) -> u32 {
        self.uid
    }
    fn gid(&self) -> u32 {
        self.uid
    }
    fn has(&self, _capability: Capability, _ns: &Arc<Namespace>) -> bool {
        self.uid == 0
    }
    fn namespace_by_fd(&self, _fd: i32) -> Result<Arc<Namespace>, Errno> {
        Err(Errno::EBADF)
    }
    fn namespace_by_pid(&self, _pid: u32) -> Result<Arc<Namespace>, Errno> {
        Err(Errno::ESRCH)
    }
}

impl Process for TestProcess {
    fn file(&self, fd: i32) -> Result<FileHandle, Errno> {
        let files = self.files.lock();
        let file = usize::try_from(fd).ok().and_then(|fd| files.get(fd)?.clone());
        file.ok_or(Errno::EBADF)
    }
    fn install_file(&self, file: FileHandle, _close_on_exec: bool) -> Result<i32, Errno> {
        let mut files = self.files.lock();
        files.push(Some(file));
        i32::try_from(files.len() - 1).map_err(|_| Errno::EMFILE)
    }
    fn make_socket_node(&self, path: &[u8], socket: &Arc<UnixSocket>) -> Result<(), Errno> {
        let mut nodes = self.nodes.lock();
        if nodes.contains_key(path) {
            return Err(Errno::EADDRINUSE);
        }
        nodes.insert(path.to_vec(), Arc::downgrade(socket));
        Ok(())
    }
    fn socket_at_node(&self, path: &[u8]) -> Result<Arc<UnixSocket>, Errno> {
        let nodes = self.nodes.lock();
        nodes.get(path).ok_or(Errno::ENOENT)?.upgrade().ok_or(Errno::ECONNREFUSED)
    }
    fn wall_clock(&self, at: Instant) -> Duration {
        Duration::from_secs(1_700_000_000) + at.since(Instant::ZERO)
    }
}

/// Payload from a slice.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Source for Bytes<'_> {
    fn remaining(&self) -> usize {
        self.0.len()
    }
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Errno> {
        let (now, rest) = self.0.split_at(into.len());
        into.copy_from_slice(now);
        self.0 = rest;
        Ok(())
    }
}

/// Payload into a vector, up to a bound.
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    room: usize,
}

impl Buffer {
    pub(crate) const fn new(room: usize) -> Self {
        Self { bytes: Vec::new(), room }
    }
}

impl Sink for Buffer {
    fn room(&self) -> usize {
        self.room - self.bytes.len()
    }
    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// Counts what it hears.
#[derive(Debug, Default)]
pub(crate) struct Listener(pub(crate) AtomicUsize);

impl Observer for Listener {
    fn notify(&self, _news: Readiness) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The caller's memory: bytes at small addresses.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) spin::Mutex<Vec<u8>>);

impl Memory {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(spin::Mutex::new(bytes.to_vec()))
    }
}

impl UserMemory for Memory {
    fn read(&self, address: usize, into: &mut [u8]) -> Result<(), Errno> {
        let memory = self.0.lock();
        let end = address.checked_add(into.len()).ok_or(Errno::EFAULT)?;
        into.copy_from_slice(memory.get(address..end).ok_or(Errno::EFAULT)?);
        Ok(())
    }
    fn write(&self, address: usize, bytes: &[u8]) -> Result<(), Errno> {
        let mut memory = self.0.lock();
        let end = address.checked_add(bytes.len()).ok_or(Errno::EFAULT)?;
        memory.get_mut(address..end).ok_or(Errno::EFAULT)?.copy_from_slice(bytes);
        Ok(())
    }
}
