//! The reader's terminal: its size, and giving it back as it was.
//!
//! In an interactive run QEMU switches the terminal to raw mode, so that ctrl-C is a key the
//! guest gets. A QEMU that is killed cannot switch it back; this guard does.

use std::io::IsTerminal;

use rustix::termios::{self, OptionalActions, Termios};

/// Remembers the terminal's settings and restores them when dropped.
pub(crate) struct TerminalGuard(Option<Termios>);

impl TerminalGuard {
    /// Remembers the settings of standard input, if that is a terminal.
    pub(crate) fn remember() -> Self {
        let stdin = std::io::stdin();
        Self(if stdin.is_terminal() { termios::tcgetattr(&stdin).ok() } else { None })
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            // The terminal may be gone by now; then there is nothing to restore.
            let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Drain, settings);
        }
    }
}

/// Rows and columns of the reader's terminal, if there is one.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(std::io::stdin()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
