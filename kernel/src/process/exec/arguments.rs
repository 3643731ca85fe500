//! The arguments and the environment of a program, copied out of the old one.

use crate::mm::{PAGE_SIZE, user};
use crate::prelude::*;
use crate::process::{Resource, Thread};

/// The longest single string, `MAX_ARG_STRLEN`.
const MAX_STRING: usize = 32 * PAGE_SIZE;
/// The least and the most that all strings may take, whatever the stack's limit.
const MIN_TOTAL: u64 = 128 << 10;
const MAX_TOTAL: u64 = 6 << 20;

/// Strings of a program: each ends in a zero byte, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    count: usize,
}

impl Strings {
    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// All of them, with their zeros.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds one.
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.count += 1;
    }

    /// Takes the first away.
    fn remove_first(&mut self) {
        let end = self.bytes.iter().position(|&byte| byte == 0);
        if let Some(end) = end {
            self.bytes.drain(..=end);
            self.count -= 1;
        }
    }

    fn prepend(&mut self, texts: &[&[u8]]) {
        let mut all = Self::default();
        texts.iter().for_each(|text| all.push(text));
        all.bytes.extend_from_slice(&self.bytes);
        all.count += self.count;
        *self = all;
    }
}

/// What a program is given to start with.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// `argv`
    pub args: Strings,
    /// `envp`
    pub env: Strings,
    limit: usize,
}

impl Arguments {
    /// Those of process 1.
    #[must_use]
    pub fn new(args: Strings, env: Strings) -> Self {
        Self { args, env, limit: MAX_TOTAL as usize }
    }

    /// Copies both arrays out of user memory.
    ///
    /// # Errors
    /// `E2BIG` if they are too long, `EFAULT`.
    pub fn read(thread: &Thread, argv: usize, envp: usize) -> Result<Self> {
        let stack = thread.process().limits.lock().get(Resource::Stack).soft;
        let limit = (stack / 4).clamp(MIN_TOTAL, MAX_TOTAL) as usize;
        let mut arguments = Self { limit, ..Self::default() };
        arguments.args = read_strings(argv, limit)?;
        arguments.env = read_strings(envp, limit)?;
        if arguments.args.count() == 0 {
            // Programs rely on argv[0]; Linux gives them an empty one (since 5.18).
            arguments.args.push(b"");
        }
        arguments.check()?;
        Ok(arguments)
    }

    /// Puts an interpreter in front: its name and argument, and the script's path instead
    /// of `argv[0]`.
    pub(super) fn interpret(&mut self, before: &[&[u8]]) -> Result<()> {
        self.args.remove_first();
        self.args.prepend(before);
        self.check()
    }

    fn check(&self) -> Result<()> {
        let pointers = (self.args.count() + self.env.count()) * size_of::<usize>();
        let total = self.args.bytes().len() + self.env.bytes().len() + pointers;
        if total > self.limit { Err(Errno::E2BIG) } else { Ok(()) }
    }
}

fn read_strings(array: usize, limit: usize) -> Result<Strings> {
    let mut strings = Strings::default();
    if array == 0 {
        return Ok(strings);
    }
    let mut at = array;
    loop {
        let addr = user::read_val::<usize>(at)?;
        if addr == 0 {
            return Ok(strings);
        }
        let text = user::read_cstr(addr, MAX_STRING).map_err(|error| match error {
            Errno::ENAMETOOLONG => Errno::E2BIG,
            error => error,
        })?;
        strings.push(&text);
        let total = strings.bytes().len() + strings.count() * size_of::<usize>();
        if total > limit {
            return Err(Errno::E2BIG);
        }
        at = at.checked_add(size_of::<usize>()).ok_or(Errno::EFAULT)?;
    }
}
