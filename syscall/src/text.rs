//! Text that is built in memory and may be large: it grows fallibly.

use alloc::vec::Vec;
use core::fmt;

use crate::errno::Errno;

/// A file's text in the making. Write to it with `write!`; running out of memory is
/// remembered and reported by [`Text::finish`].
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    failed: bool,
}

impl Text {
    /// Adds plain text.
    pub(crate) fn add(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Adds bytes that need not be text (names of links, paths).
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if self.bytes.try_reserve(bytes.len()).is_ok() {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.failed = true;
        }
    }

    /// Adds formatted text.
    pub(crate) fn line(&mut self, arguments: fmt::Arguments<'_>) {
        // Our write_str never fails; what fails is remembered.
        let _infallible = fmt::Write::write_fmt(self, arguments);
    }

    /// Where the next byte goes: the start of a line that [`Text::pad`] completes.
    pub(crate) fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// Fills the line that began at `mark` with spaces up to `width` and ends it (Linux:
    /// `seq_setwidth`, `seq_pad`).
    pub(crate) fn pad(&mut self, mark: usize, width: usize) {
        self.fill(mark, width);
        self.add("\n");
    }

    /// Fills what began at `mark` with spaces up to `width`.
    pub(crate) fn fill(&mut self, mark: usize, width: usize) {
        while self.bytes.len() - mark < width && !self.failed {
            self.add(" ");
        }
    }

    /// The text.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Errno> {
        if self.failed { Err(Errno::ENOMEM) } else { Ok(self.bytes) }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text);
        Ok(())
    }
}

/// Adds formatted text to a [`Text`].
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => { $text.line(format_args!($($arguments)*)) };
}
pub(crate) use put;
