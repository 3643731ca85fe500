//! Advisory locks: fcntl(2) on byte ranges, owned by processes, and flock(2) on whole
//! files, owned by open file descriptions. The algebra of ranges is
//! [`warren_kernel_core::ranges`].

use hashbrown::HashMap;
use ostd::sync::SpinLock;
use spin::Once;
use warren_kernel_core::ranges::{Kind, Lock, Ranges};

use super::fdtable::FdTable;
use super::file::OpenFile;
use super::poll::{Events, Pollee};
use super::stat::Device;
use crate::prelude::*;

/// How many locks one file holds at most.
const MAX_LOCKS: usize = 1024;

/// Who owns a lock: a process by its table of files, or an open file description; both
/// by address, which they keep while they own anything. Carries the pid to report.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    address: usize,
    pid: i32,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Owner {
    /// The process that uses this table, whose id is `pid`.
    #[must_use]
    pub fn process(files: &FdTable, pid: i32) -> Self {
        Self { address: core::ptr::from_ref(files).addr(), pid }
    }

    /// An open file description (flock, F_OFD_SETLK).
    #[must_use]
    pub fn description(file: &OpenFile) -> Self {
        Self { address: core::ptr::from_ref(file).addr(), pid: -1 }
    }

    /// The pid F_GETLK reports.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

/// The locks on one file, and those who wait for some.
struct FileLocks {
    ranges: SpinLock<Ranges<Owner>>,
    /// flock(2)'s, which ignore fcntl's: one range, the whole file.
    whole: SpinLock<Ranges<Owner>>,
    released: Pollee,
}

type Key = (Device, u64);
type Table = HashMap<Key, Arc<FileLocks>>;

/// Files that are locked, or were asked about just now.
fn table() -> &'static SpinLock<Table> {
    static TABLE: Once<SpinLock<Table>> = Once::new();
    TABLE.call_once(|| SpinLock::new(HashMap::new()))
}

fn key(file: &OpenFile) -> Key {
    let stat = file.inode().stat();
    (stat.dev, stat.ino)
}

fn locks_of(file: &OpenFile) -> Arc<FileLocks> {
    let make = || {
        Arc::new(FileLocks {
            ranges: SpinLock::new(Ranges::new(MAX_LOCKS)),
            whole: SpinLock::new(Ranges::new(MAX_LOCKS)),
            released: Pollee::new(),
        })
    };
    // The key first: asking the file may sleep.
    let key = key(file);
    table().lock().entry(key).or_insert_with(make).clone()
}

/// The locks on the file if there are any: unlike [`locks_of`] this leaves no trace.
fn existing(file: &OpenFile) -> Option<Arc<FileLocks>> {
    if table().lock().is_empty() {
        return None;
    }
    let key = key(file);
    table().lock().get(&key).cloned()
}

/// Forgets a file nobody locks or waits for.
fn tidy(file: &OpenFile, locks: Arc<FileLocks>) {
    let key = key(file);
    let mut table = table().lock();
    let unused = locks.ranges.lock().is_empty() && locks.whole.lock().is_empty();
    // Ours and the table's are the only references: nobody is about to lock.
    let gone = (unused && Arc::strong_count(&locks) == 2).then(|| table.remove(&key));
    drop(table);
    drop((gone, locks));
}

/// The first lock that keeps `wanted` from being granted (F_GETLK).
#[must_use]
pub fn conflict(file: &OpenFile, wanted: &Lock<Owner>) -> Option<Lock<Owner>> {
    let locks = existing(file)?;
    let found = locks.ranges.lock().conflict(wanted);
    tidy(file, locks);
    found
}

/// Takes a lock on a range, waiting for it if `wait` (F_SETLK, F_SETLKW).
///
/// # Errors
/// `EAGAIN` if it is held and `wait` is not set; `ENOLCK` if there are too many; `EINTR`.
pub fn lock_range(file: &OpenFile, wanted: Lock<Owner>, wait: bool) -> Result<()> {
    acquire(file, wanted, wait, |locks| &locks.ranges)
}

/// Takes a lock on the whole file, in place of one the description has (flock).
///
/// # Errors
/// As [`lock_range`].
pub fn lock_whole(file: &OpenFile, kind: Kind, wait: bool) -> Result<()> {
    let owner = Owner::description(file);
    let wanted = Lock { owner, kind, start: 0, end: u64::MAX };
    acquire(file, wanted, wait, |locks| &locks.whole)
}

fn acquire(
    file: &OpenFile,
    wanted: Lock<Owner>,
    wait: bool,
    which: fn(&FileLocks) -> &SpinLock<Ranges<Owner>>,
) -> Result<()> {
    let locks = locks_of(file);
    let outcome = locks.released.wait(Events::WRITABLE, !wait, None, || {
        let mut ranges = which(&locks).lock();
        match ranges.conflict(&wanted) {
            Some(_) => None,
            None => Some(ranges.set(wanted).map_err(|_| Errno::ENOLCK)),
        }
    });
    // A stronger lock may have become a weaker one.
    locks.released.notify(Events::WRITABLE);
    tidy(file, locks);
    outcome.flatten()
}

/// Gives up what `owner` holds on a range (F_UNLCK).
///
/// # Errors
/// `ENOLCK` if that would split a lock and there are too many.
pub fn unlock_range(file: &OpenFile, owner: Owner, start: u64, end: u64) -> Result<()> {
    let Some(locks) = existing(file) else { return Ok(()) };
    let outcome = locks.ranges.lock().release(owner, start, end).map_err(|_| Errno::ENOLCK);
    locks.released.notify(Events::WRITABLE);
    tidy(file, locks);
    outcome
}

/// Gives up a lock on the whole file (LOCK_UN).
pub fn unlock_whole(file: &OpenFile) {
    let Some(locks) = existing(file) else { return };
    if locks.whole.lock().release_all(Owner::description(file)) {
        locks.released.notify(Events::WRITABLE);
    }
    tidy(file, locks);
}

/// A process closed a descriptor of `file`: all its locks on the file go, however many
/// descriptors are left (fcntl(2)).
pub fn release_process(files: &FdTable, file: &OpenFile) {
    let Some(locks) = existing(file) else { return };
    if locks.ranges.lock().release_all(Owner::process(files, 0)) {
        locks.released.notify(Events::WRITABLE);
    }
    tidy(file, locks);
}

/// The last descriptor of a description is gone, and with it what the description owned.
pub fn release_description(file: &OpenFile) {
    let Some(locks) = existing(file) else { return };
    let owner = Owner::description(file);
    let ranges = locks.ranges.lock().release_all(owner);
    if locks.whole.lock().release_all(owner) || ranges {
        locks.released.notify(Events::WRITABLE);
    }
    tidy(file, locks);
}
