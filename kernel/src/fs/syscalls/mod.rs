//! The system calls about files: each decodes its arguments, checks what it must, and
//! makes one call into the modules above.

mod attributes;
mod descriptors;
mod directories;
mod io;
mod lock;
mod mounts;
mod names;
mod open;
mod stat;
mod sync;
mod timers;
mod xattr;

use super::mount::Path;
use super::walk::Walker;
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::Call;
use warren_kernel_core::names::PATH_MAX;

/// What each file here handles.
const PARTS: &[&[(u32, Call)]] = &[
    attributes::CALLS,
    descriptors::CALLS,
    directories::CALLS,
    io::CALLS,
    lock::CALLS,
    mounts::CALLS,
    names::CALLS,
    open::CALLS,
    stat::CALLS,
    sync::CALLS,
    timers::CALLS,
    xattr::CALLS,
];

/// This part of the table of system calls.
pub const CALLS: &[(u32, Call)] = &joined();

const COUNT: usize = {
    let (mut part, mut count) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

const fn joined() -> [(u32, Call); COUNT] {
    let mut calls = [PARTS[0][0]; COUNT];
    let (mut part, mut next) = (0, 0);
    while part < PARTS.len() {
        let mut index = 0;
        while index < PARTS[part].len() {
            calls[next] = PARTS[part][index];
            index += 1;
            next += 1;
        }
        part += 1;
    }
    calls
}

/// `AT_SYMLINK_NOFOLLOW`.
const AT_SYMLINK_NOFOLLOW: usize = 0x100;
/// `AT_SYMLINK_FOLLOW`.
const AT_SYMLINK_FOLLOW: usize = 0x400;
/// `AT_NO_AUTOMOUNT`: there are no automounts.
const AT_NO_AUTOMOUNT: usize = 0x800;
/// `AT_EMPTY_PATH`: an empty path names the descriptor itself.
const AT_EMPTY_PATH: usize = 0x1000;

/// A path argument.
fn read_path(addr: usize) -> Result<Vec<u8>> {
    user::read_cstr(addr, PATH_MAX)
}

/// A descriptor argument.
fn fd(arg: usize) -> Result<u32> {
    // Negative numbers wrap to numbers no table has; only the low half counts.
    Ok(arg as u32)
}

/// What a pair of descriptor and path names, with the flags that change that.
fn resolve(thread: &Thread, at: usize, path: usize, flags: usize) -> Result<(Walker, Path)> {
    let text = read_path(path)?;
    let walker = Walker::new(thread)?;
    let start = walker.start(thread, at as i32, &text)?;
    if text.is_empty() && flags & AT_EMPTY_PATH != 0 {
        return Ok((walker, start));
    }
    let found = walker.find(&start, &text, flags & AT_SYMLINK_NOFOLLOW == 0)?;
    Ok((walker, found))
}

/// `EINVAL` if `flags` has bits that are not in `known`.
fn check_flags(flags: usize, known: usize) -> Result<()> {
    if flags & !known == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}
