//! The line discipline of a terminal (termios(3)): what each received byte does to
//! the line being edited, to the echo and to the foreground processes, and what each
//! written byte looks like on the wire.
//!
//! Bytes go in one at a time and come out as values, so that the tests type what a
//! person would. Waiting, VTIME and delivering signals are the caller's.

mod input;
mod output;
mod termios;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;

pub use termios::{ABI_LEN, Control, Input, Local, Output, Termios, cc};

/// What the kernel must do to the foreground process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, ctrl-C.
    Interrupt,
    /// SIGQUIT, ctrl-\.
    Quit,
    /// SIGTSTP, ctrl-Z.
    Stop,
}

/// How many received bytes wait for a reader at most (Linux's N_TTY_BUF_SIZE).
pub const CAPACITY: usize = 4096;

/// A received byte, and whether a canonical read ends with it.
#[derive(Clone, Copy, Debug)]
struct Cell {
    byte: u8,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The line goes on.
    No,
    /// The byte is the line's last.
    Line,
    /// The line ends before this byte, which no reader sees (VEOF).
    File,
}

/// One terminal's line: settings, received bytes and the cursor column.
#[derive(Debug)]
pub struct Line {
    termios: Termios,
    cells: VecDeque<Cell>,
    /// How many cells end a line: what a canonical reader waits for.
    lines: usize,
    /// The next byte is taken literally (VLNEXT came before).
    literal: bool,
    /// Output is held by ctrl-S.
    stopped: bool,
    column: usize,
    /// Where the line being edited started, to erase tabs.
    start_column: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self::new(Termios::default())
    }
}

impl Line {
    /// A line with nothing received.
    #[must_use]
    pub fn new(termios: Termios) -> Self {
        Self {
            termios,
            cells: VecDeque::new(),
            lines: 0,
            literal: false,
            stopped: false,
            column: 0,
            start_column: 0,
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Changes the settings. Switching to canonical mode makes what was received
    /// before one line; switching away makes all of it readable.
    pub fn set_termios(&mut self, termios: Termios) {
        let was = self.termios.local.contains(Local::ICANON);
        self.termios = termios;
        let is = termios.local.contains(Local::ICANON);
        if is && !was {
            for cell in &mut self.cells {
                cell.end = End::No;
            }
            if let Some(last) = self.cells.back_mut() {
                last.end = End::Line;
            }
            self.lines = usize::from(!self.cells.is_empty());
        }
        if !termios.input.contains(Input::IXON) {
            self.stopped = false;
        }
    }

    /// Whether ctrl-S holds the output back.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Stops or resumes output, as tcflow(3) does.
    pub fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// Forgets everything received and not read.
    pub fn flush_input(&mut self) {
        self.cells.clear();
        self.lines = 0;
        self.literal = false;
    }
}
