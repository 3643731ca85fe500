//! The first contents of a program's stack: strings, environment, arguments and the
//! auxiliary vector (System V ABI, AMD64 supplement, figure 3.9).

use core::arch::x86_64::__cpuid;

use linux_raw_sys::auxvec as at;

use super::Arguments;
use super::load::Loaded;
use crate::mm::{AddressSpace, Mapping, PAGE_SIZE, Placement, Protection, page_floor, user};
use crate::prelude::*;
use crate::process::Credentials;
use crate::process::times::TICKS_PER_SECOND;
use crate::random;

/// The size of a program header (`AT_PHENT`).
const HEADER_SIZE: usize = 56;
/// How much of the stack exists from the start, beyond what is written.
const INITIAL_EXTRA: usize = 32 * PAGE_SIZE;

/// Writes downwards into the new stack.
struct Pusher {
    at: usize,
}

impl Pusher {
    fn push(&mut self, bytes: &[u8]) -> Result<usize> {
        self.at -= bytes.len();
        user::write_bytes(self.at, bytes)?;
        Ok(self.at)
    }
}

/// Builds the stack and gives the stack pointer. The address space is active.
pub(super) fn build(
    space: &AddressSpace,
    loaded: &Loaded,
    arguments: &Arguments,
    credentials: &Credentials,
) -> Result<usize> {
    let strings = arguments.args.bytes().len() + arguments.env.bytes().len();
    let words = arguments.args.count() + arguments.env.count() + 64;
    let size = page_floor(strings + words * size_of::<usize>() + loaded.name.len()) + INITIAL_EXTRA;
    let mut protection = Protection::READ | Protection::WRITE;
    protection.set(Protection::EXEC, loaded.executable_stack);
    let mapping = Mapping { grows_down: true, ..Mapping::zeros() };
    let place = Placement::Fixed(loaded.stack_top - size);
    space.map(place, size, protection, mapping, u64::MAX)?;

    let mut stack = Pusher { at: loaded.stack_top - size_of::<usize>() };
    let mut name = loaded.name.clone();
    name.push(0);
    let name_at = stack.push(&name)?;
    let env_at = stack.push(arguments.env.bytes())?;
    let args_at = stack.push(arguments.args.bytes())?;
    let platform_at = stack.push(b"x86_64\0")?;
    let mut random_bytes = [0; 16];
    random::fill(&mut random_bytes);
    let random_at = stack.push(&random_bytes)?;
    space.set_layout(|layout| {
        layout.environment = env_at..env_at + arguments.env.bytes().len();
        layout.arguments = args_at..args_at + arguments.args.bytes().len();
    });

    let mut words = alloc::vec![arguments.args.count()];
    push_pointers(&mut words, args_at, arguments.args.bytes());
    push_pointers(&mut words, env_at, arguments.env.bytes());
    let is_secure = credentials.uid.real != credentials.uid.effective
        || credentials.gid.real != credentials.gid.effective;
    let auxiliary = [
        (at::AT_HWCAP, __cpuid(1).edx as usize),
        (at::AT_PAGESZ, PAGE_SIZE),
        (at::AT_CLKTCK, TICKS_PER_SECOND as usize),
        (at::AT_PHDR, loaded.headers.0),
        (at::AT_PHENT, HEADER_SIZE),
        (at::AT_PHNUM, loaded.headers.1),
        (at::AT_BASE, loaded.interpreter_base),
        (at::AT_FLAGS, 0),
        (at::AT_ENTRY, loaded.entry),
        (at::AT_UID, credentials.uid.real as usize),
        (at::AT_EUID, credentials.uid.effective as usize),
        (at::AT_GID, credentials.gid.real as usize),
        (at::AT_EGID, credentials.gid.effective as usize),
        (at::AT_SECURE, usize::from(is_secure)),
        (at::AT_RANDOM, random_at),
        (at::AT_HWCAP2, 0),
        (at::AT_EXECFN, name_at),
        (at::AT_PLATFORM, platform_at),
        (at::AT_NULL, 0),
    ];
    for (kind, value) in auxiliary {
        words.extend([kind as usize, value]);
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let pointer = (stack.at - bytes.len()) & !15;
    user::write_bytes(pointer, &bytes)?;
    Ok(pointer)
}

/// A pointer to each string, and a final zero.
fn push_pointers(words: &mut Vec<usize>, start: usize, strings: &[u8]) {
    let mut at = start;
    for text in strings.split_inclusive(|&byte| byte == 0) {
        words.push(at);
        at += text.len();
    }
    words.push(0);
}
