//! A namespace's unix sockets: all of them by number, and those with abstract names by
//! name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use warren_platform::lock::{self, Mutex};

use super::{Name, UnixSocket};
use crate::errno::Errno;

/// See the module. One per namespace, in its extensions.
#[derive(Debug, Default)]
pub struct UnixTable {
    next: AtomicU64,
    in_transit: AtomicUsize,
    entries: Mutex<lock::Sockets, Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_number: BTreeMap<u64, Weak<UnixSocket>>,
    by_name: BTreeMap<Name, Weak<UnixSocket>>,
    next_autobind: u32,
}

/// Files that may be in transit in one namespace. Linux bounds a user's by RLIMIT_NOFILE; a
/// bound is needed because unix sockets sent to each other are never closed.
const MOST_IN_TRANSIT: usize = 4_096;

impl UnixTable {
    /// Counts `files` more in transit.
    pub(super) fn send_off(&self, files: usize) -> Result<(), Errno> {
        let before = self.in_transit.fetch_add(files, Ordering::Relaxed);
        if before + files > MOST_IN_TRANSIT {
            self.arrived(files);
            return Err(Errno::ETOOMANYREFS);
        }
        Ok(())
    }

    /// `files` arrived, or were dropped on the way.
    pub(super) fn arrived(&self, files: usize) {
        self.in_transit.fetch_sub(files, Ordering::Relaxed);
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn register(&self, socket: &Arc<UnixSocket>) {
        self.entries.lock().by_number.insert(socket.number, Arc::downgrade(socket));
    }

    pub(super) fn forget(&self, socket: &UnixSocket) {
        let name = socket.name();
        let mut entries = self.entries.lock();
        entries.by_number.remove(&socket.number);
        if let Some(name) = name.filter(Name::is_abstract) {
            entries.by_name.remove(&name);
        }
    }

    pub(super) fn claim(&self, name: &Name, socket: &Arc<UnixSocket>) -> Result<(), Errno> {
        let mut entries = self.entries.lock();
        if entries.by_name.contains_key(name) {
            return Err(Errno::EADDRINUSE);
        }
        entries.by_name.insert(name.clone(), Arc::downgrade(socket));
        Ok(())
    }

    /// Claims the next free name of five hexadecimal digits; ENOSPC if all are taken.
    pub(super) fn claim_any(&self, socket: &Arc<UnixSocket>) -> Result<Name, Errno> {
        let mut entries = self.entries.lock();
        for _ in 0..=entries.by_name.len() {
            let number = entries.next_autobind;
            entries.next_autobind = (number + 1) & 0xf_ffff;
            let name = Name::of_abstract(format!("{number:05x}").as_bytes());
            if !entries.by_name.contains_key(&name) {
                entries.by_name.insert(name.clone(), Arc::downgrade(socket));
                return Ok(name);
            }
        }
        Err(Errno::ENOSPC)
    }

    pub(super) fn find(&self, name: &[u8]) -> Result<Arc<UnixSocket>, Errno> {
        let name = Name::of_abstract(name);
        let found = self.entries.lock().by_name.get(&name).and_then(Weak::upgrade);
        found.ok_or(Errno::ECONNREFUSED)
    }

    /// Every living socket, oldest first.
    #[must_use]
    pub fn sockets(&self) -> Vec<Arc<UnixSocket>> {
        self.entries.lock().by_number.values().filter_map(Weak::upgrade).collect()
    }
}
