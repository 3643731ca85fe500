//! futex(2): sleeping until another thread says that a word of memory changed.
//!
//! Waiters hang in hashed buckets. A waiter enters its bucket's list and reads the word
//! with the bucket locked against wakers, so a change followed by a wake cannot slip in
//! between; the read itself may fault, so the lock is one that sleeps.

use core::sync::atomic::{AtomicBool, Ordering};

use linux_raw_sys::general as uapi;
use ostd::sync::Mutex;
use spin::Once;

use crate::mm::{AddressSpace, user};
use crate::prelude::*;
use crate::process::Thread;
use crate::sync::{Notify, Sleeper};
use crate::syscall::{Args, Call, Restart};
use crate::time::{self, Instant};

/// The part of the system call table this module answers.
pub const CALLS: &[(u32, Call)] = &[
    (uapi::__NR_futex, Call::new(futex).restarting(Restart::Always)),
    (uapi::__NR_set_robust_list, Call::new(set_robust_list)),
    (uapi::__NR_get_robust_list, Call::new(get_robust_list)),
];

const BUCKETS: usize = 256;
/// All bits: what FUTEX_WAIT and FUTEX_WAKE use.
const MATCH_ANY: u32 = u32::MAX;
/// The most entries of a robust list that are looked at (`ROBUST_LIST_LIMIT`).
const ROBUST_LIMIT: usize = 2048;

/// Which word of memory a futex is: in one address space, or in a shared object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Private { space: usize, addr: usize },
    Shared { object: (u64, u64), offset: usize },
}

impl Key {
    /// The key of the word at `addr` of the current process.
    fn of(thread: &Thread, addr: usize, private: bool) -> Result<Self> {
        if !addr.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        let space = thread.process().space().ok_or(Errno::EFAULT)?;
        let private_key = Self::Private { space: Arc::as_ptr(&space) as usize, addr };
        if private {
            return Ok(private_key);
        }
        Ok(space
            .shared_word(addr)?
            .map_or(private_key, |(object, offset)| Self::Shared { object, offset }))
    }

    fn bucket(self) -> &'static Mutex<Vec<Arc<Waiting>>> {
        static TABLE: Once<Vec<Mutex<Vec<Arc<Waiting>>>>> = Once::new();
        let table = TABLE.call_once(|| (0..BUCKETS).map(|_| Mutex::new(Vec::new())).collect());
        let number = match self {
            Self::Private { space, addr } => (space / 64) ^ (addr / 4),
            Self::Shared { object, offset } => (object.1 as usize) ^ (offset / 4),
        };
        &table[number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & (BUCKETS - 1)]
    }
}

impl AddressSpace {
    /// The object and offset of a word in shared memory; `None` if it is private.
    fn shared_word(&self, addr: usize) -> Result<Option<((u64, u64), usize)>> {
        let area = self.area_at(addr).ok_or(Errno::EFAULT)?;
        let Some(source) = area.mapping.source.filter(|_| area.mapping.shared) else {
            return Ok(None);
        };
        let offset = area.mapping.offset + (addr - area.range.start);
        Ok(Some((source.identity(), offset)))
    }
}

/// A thread that waits.
struct Waiting {
    key: ostd::sync::SpinLock<Key>,
    bits: u32,
    woken: AtomicBool,
    waker: Arc<dyn Notify>,
}

fn futex(thread: &Arc<Thread>, [addr, op, val, timeout, addr2, val3]: Args) -> Result<usize> {
    let op = op as u32;
    let private = op & uapi::FUTEX_PRIVATE_FLAG != 0;
    let realtime = op & uapi::FUTEX_CLOCK_REALTIME != 0;
    let command = op & !(uapi::FUTEX_PRIVATE_FLAG | uapi::FUTEX_CLOCK_REALTIME);
    let (val, val3) = (val as u32, val3 as u32);
    let key = |addr| Key::of(thread, addr, private);
    match command {
        uapi::FUTEX_WAIT | uapi::FUTEX_WAIT_BITSET => {
            let bits = if command == uapi::FUTEX_WAIT { MATCH_ANY } else { val3 };
            if bits == 0 {
                return Err(Errno::EINVAL);
            }
            let absolute = command == uapi::FUTEX_WAIT_BITSET;
            let deadline = deadline(thread, timeout, absolute, realtime)?;
            wait(key(addr)?, addr, val, bits, deadline)
        }
        _ if realtime => Err(Errno::ENOSYS),
        uapi::FUTEX_WAKE => Ok(wake(key(addr)?, val as i32, MATCH_ANY)),
        uapi::FUTEX_WAKE_BITSET if val3 == 0 => Err(Errno::EINVAL),
        uapi::FUTEX_WAKE_BITSET => Ok(wake(key(addr)?, val as i32, val3)),
        uapi::FUTEX_REQUEUE => requeue(key(addr)?, key(addr2)?, val as i32, timeout as i32, None),
        uapi::FUTEX_CMP_REQUEUE => {
            requeue(key(addr)?, key(addr2)?, val as i32, timeout as i32, Some((addr, val3)))
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn deadline(
    thread: &Thread,
    timeout: usize,
    absolute: bool,
    realtime: bool,
) -> Result<Option<Instant>> {
    if timeout == 0 {
        return Ok(None);
    }
    let span = time::read_timespec(timeout)?;
    let deadline = match (absolute, realtime) {
        (true, true) => time::now() + span.saturating_sub(time::realtime()),
        (true, false) => Instant::ZERO + span,
        (false, _) => thread.deadline_after(span),
    };
    Ok(Some(deadline))
}

fn wait(
    key: Key,
    addr: usize,
    expected: u32,
    bits: u32,
    deadline: Option<Instant>,
) -> Result<usize> {
    let sleeper = Sleeper::new();
    let waiting = Arc::new(Waiting {
        key: ostd::sync::SpinLock::new(key),
        bits,
        woken: AtomicBool::new(false),
        waker: sleeper.waker(),
    });
    {
        let mut bucket = key.bucket().lock();
        if user::load_u32(addr)? != expected {
            return Err(Errno::EAGAIN);
        }
        bucket.push(waiting.clone());
    }
    let outcome = loop {
        if waiting.woken.load(Ordering::Acquire) {
            return Ok(0);
        }
        if let Err(error) = sleeper.sleep(deadline) {
            break error;
        }
    };
    // A wake that came meanwhile counts: the waker has told its caller so.
    if leave(&waiting) { Err(outcome) } else { Ok(0) }
}

/// Takes a waiter out of its bucket, wherever it was moved; false if it was woken.
fn leave(waiting: &Arc<Waiting>) -> bool {
    loop {
        if waiting.woken.load(Ordering::Acquire) {
            return false;
        }
        let key = *waiting.key.lock();
        let mut bucket = key.bucket().lock();
        if let Some(index) = bucket.iter().position(|other| Arc::ptr_eq(other, waiting)) {
            bucket.swap_remove(index);
            return true;
        }
    }
}

/// Wakes up to `count` waiters of `key` that match `bits`, the oldest first.
fn wake(key: Key, count: i32, bits: u32) -> usize {
    let mut woken = Vec::new();
    take_matching(&mut key.bucket().lock(), key, count, bits, &mut woken);
    notify_all(&woken)
}

fn take_matching(
    bucket: &mut Vec<Arc<Waiting>>,
    key: Key,
    count: i32,
    bits: u32,
    taken: &mut Vec<Arc<Waiting>>,
) {
    let mut left = count.max(0) as usize;
    bucket.retain(|waiting| {
        let matches = left > 0 && waiting.bits & bits != 0 && *waiting.key.lock() == key;
        if matches {
            left -= 1;
            waiting.woken.store(true, Ordering::Release);
            taken.push(waiting.clone());
        }
        !matches
    });
}

fn notify_all(woken: &[Arc<Waiting>]) -> usize {
    for waiting in woken {
        waiting.waker.notify();
    }
    woken.len()
}

/// Wakes up to `wake` waiters of `from` and moves up to `move_count` more to `to`; first
/// checks the word if asked to.
fn requeue(
    from: Key,
    to: Key,
    wake: i32,
    move_count: i32,
    check: Option<(usize, u32)>,
) -> Result<usize> {
    if wake < 0 || move_count < 0 {
        return Err(Errno::EINVAL);
    }
    let (source, target) = (from.bucket(), to.bucket());
    let mut woken = Vec::new();
    let mut moved = 0;
    {
        // Two buckets are locked in the order of their addresses.
        let same = core::ptr::eq(source, target);
        let source_first = core::ptr::from_ref(source) <= core::ptr::from_ref(target);
        let (mut first, mut second) = if same {
            (source.lock(), None)
        } else if source_first {
            let first = source.lock();
            (first, Some(target.lock()))
        } else {
            let first = target.lock();
            (first, Some(source.lock()))
        };
        if let Some((addr, expected)) = check
            && user::load_u32(addr)? != expected
        {
            return Err(Errno::EAGAIN);
        }
        let (from_list, to_list) = match (&mut second, source_first) {
            (None, _) => (&mut *first, None),
            (Some(second), true) => (&mut *first, Some(&mut **second)),
            (Some(second), false) => (&mut **second, Some(&mut *first)),
        };
        take_matching(from_list, from, wake, MATCH_ANY, &mut woken);
        let mut kept = Vec::with_capacity(from_list.len());
        let mut going = Vec::new();
        for waiting in from_list.drain(..) {
            if moved < move_count as usize && *waiting.key.lock() == from {
                *waiting.key.lock() = to;
                moved += 1;
                going.push(waiting);
            } else {
                kept.push(waiting);
            }
        }
        *from_list = kept;
        match to_list {
            Some(list) => list.append(&mut going),
            None => from_list.append(&mut going),
        }
    }
    Ok(notify_all(&woken) + moved)
}

fn set_robust_list(thread: &Arc<Thread>, [head, len, ..]: Args) -> Result<usize> {
    if len != 24 {
        return Err(Errno::EINVAL);
    }
    thread.robust_list.store(head, Ordering::Relaxed);
    Ok(0)
}

fn get_robust_list(thread: &Arc<Thread>, [tid, head, len, ..]: Args) -> Result<usize> {
    let tid = tid as i32;
    let target = match tid {
        0 => thread.clone(),
        tid => crate::process::tree::thread(tid).ok_or(Errno::ESRCH)?,
    };
    if !Arc::ptr_eq(target.process(), thread.process()) {
        return Err(Errno::EPERM);
    }
    user::write_val(len, &24_usize)?;
    user::write_val(head, &target.robust_list.load(Ordering::Relaxed))?;
    Ok(0)
}

/// At exit: clears the word set_tid_address(2) named and wakes who waits there.
pub(crate) fn clear_child_tid(thread: &Arc<Thread>) {
    let addr = thread.clear_child_tid.swap(0, Ordering::Relaxed);
    // Nobody else can see the memory of a process that has no other thread.
    if addr == 0 || user::write_val(addr, &0_u32).is_err() {
        return;
    }
    for private in [true, false] {
        if let Ok(key) = Key::of(thread, addr, private) {
            wake(key, 1, MATCH_ANY);
        }
    }
}

/// At exit: marks the robust futexes the thread holds as abandoned and wakes a waiter of
/// each (Documentation/locking/robust-futexes.rst).
pub(crate) fn release_robust_list(thread: &Arc<Thread>) {
    let head = thread.robust_list.swap(0, Ordering::Relaxed);
    if head == 0 {
        return;
    }
    // The list is the user's: anything in it may be wrong, and then it ends there.
    let _: Result<()> = walk_robust_list(thread, head);
}

fn walk_robust_list(thread: &Arc<Thread>, head: usize) -> Result<()> {
    let [first, offset, pending] = user::read_val::<[usize; 3]>(head)?;
    let word = |entry: usize| (entry & !1).wrapping_add(offset);
    let mut entry = first;
    for _ in 0..ROBUST_LIMIT {
        if entry & !1 == head {
            break;
        }
        let next = user::read_val::<usize>(entry & !1)?;
        if entry & !1 != pending & !1 {
            abandon(thread, word(entry))?;
        }
        entry = next;
    }
    if pending != 0 {
        abandon(thread, word(pending))?;
    }
    Ok(())
}

fn abandon(thread: &Arc<Thread>, addr: usize) -> Result<()> {
    let value = user::load_u32(addr)?;
    if value & uapi::FUTEX_TID_MASK != thread.tid() as u32 {
        return Ok(());
    }
    let died = (value & uapi::FUTEX_WAITERS) | uapi::FUTEX_OWNER_DIED;
    user::compare_exchange(addr, value, died)?;
    if value & uapi::FUTEX_WAITERS != 0 {
        for private in [true, false] {
            wake(Key::of(thread, addr, private)?, 1, MATCH_ANY);
        }
    }
    Ok(())
}
