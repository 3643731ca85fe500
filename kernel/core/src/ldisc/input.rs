//! The receiving half: editing, echo, signals, and what a reader gets.

use alloc::vec::Vec;

use super::{CAPACITY, Cell, End, Input, Line, Local, Signal, cc};

impl Line {
    /// Takes one byte from the wire. What to echo is appended to `echo`.
    pub fn receive(&mut self, byte: u8, echo: &mut Vec<u8>) -> Option<Signal> {
        let mut byte = byte;
        let input = self.termios.input;
        if input.contains(Input::ISTRIP) {
            byte &= 0x7f;
        }
        if core::mem::take(&mut self.literal) {
            self.store(byte, End::No, echo);
            return None;
        }
        if input.contains(Input::IXON) {
            if self.termios.is(cc::VSTOP, byte) {
                self.stopped = true;
                return None;
            }
            let start = self.termios.is(cc::VSTART, byte);
            if start || input.contains(Input::IXANY) {
                self.stopped = false;
            }
            if start {
                return None;
            }
        }
        if self.termios.local.contains(Local::ISIG)
            && let Some(signal) = self.signal_for(byte)
        {
            if !self.termios.local.contains(Local::NOFLSH) {
                self.flush_input();
            }
            self.echo(byte, echo);
            return Some(signal);
        }
        match byte {
            b'\r' if input.contains(Input::IGNCR) => return None,
            b'\r' if input.contains(Input::ICRNL) => byte = b'\n',
            b'\n' if input.contains(Input::INLCR) => byte = b'\r',
            _ => {}
        }
        if self.termios.local.contains(Local::ICANON) {
            self.edit(byte, echo);
        } else {
            self.store(byte, End::No, echo);
        }
        None
    }

    fn signal_for(&self, byte: u8) -> Option<Signal> {
        let pairs =
            [(cc::VINTR, Signal::Interrupt), (cc::VQUIT, Signal::Quit), (cc::VSUSP, Signal::Stop)];
        pairs.into_iter().find(|(index, _)| self.termios.is(*index, byte)).map(|(_, signal)| signal)
    }

    /// Canonical mode: the characters that edit, and those that end the line.
    fn edit(&mut self, byte: u8, echo: &mut Vec<u8>) {
        let termios = self.termios;
        let local = termios.local;
        let extended = local.contains(Local::IEXTEN);
        if termios.is(cc::VERASE, byte) {
            self.erase_character(echo);
        } else if extended && termios.is(cc::VWERASE, byte) {
            self.erase_word(echo);
        } else if termios.is(cc::VKILL, byte) {
            self.kill(byte, echo);
        } else if extended && termios.is(cc::VLNEXT, byte) {
            self.literal = true;
            if local.contains(Local::ECHO) && local.contains(Local::ECHOCTL) {
                self.emit(b"^\x08", echo);
            }
        } else if extended && local.contains(Local::ECHO) && termios.is(cc::VREPRINT, byte) {
            self.reprint(byte, echo);
        } else if byte == b'\n' {
            if local.intersects(Local::ECHO | Local::ECHONL) {
                self.emit(b"\n", echo);
            }
            self.end_line(byte, End::Line, echo);
        } else if termios.is(cc::VEOF, byte) {
            self.end_line(byte, End::File, echo);
        } else if termios.is(cc::VEOL, byte) || extended && termios.is(cc::VEOL2, byte) {
            self.echo(byte, echo);
            self.end_line(byte, End::Line, echo);
        } else {
            self.store(byte, End::No, echo);
        }
    }

    /// Keeps a byte and echoes it. A full buffer drops it; in canonical mode the last
    /// slot is kept for the end of the line, or the reader would wait for ever.
    fn store(&mut self, byte: u8, end: End, echo: &mut Vec<u8>) {
        let canonical = self.termios.local.contains(Local::ICANON);
        if self.cells.len() >= CAPACITY - usize::from(canonical) {
            if self.termios.input.contains(Input::IMAXBEL) {
                echo.push(7);
            }
            return;
        }
        if self.edited().next().is_none() {
            self.start_column = self.column;
        }
        self.cells.push_back(Cell { byte, end });
        self.echo(byte, echo);
    }

    fn end_line(&mut self, byte: u8, end: End, echo: &mut Vec<u8>) {
        if self.cells.len() >= CAPACITY {
            if self.termios.input.contains(Input::IMAXBEL) {
                echo.push(7);
            }
            return;
        }
        self.cells.push_back(Cell { byte, end });
        self.lines += 1;
    }

    /// The bytes of the line being edited, last first.
    fn edited(&self) -> impl Iterator<Item = u8> {
        self.cells.iter().rev().take_while(|cell| cell.end == End::No).map(|cell| cell.byte)
    }

    fn erase_character(&mut self, echo: &mut Vec<u8>) {
        let utf8 = self.termios.input.contains(Input::IUTF8);
        // A UTF-8 character goes with all its continuation bytes.
        let continuation = self.edited().take_while(|byte| utf8 && byte & 0xc0 == 0x80).count();
        if self.edited().nth(continuation).is_some() {
            self.erase_bytes(continuation + 1, echo);
        }
    }

    fn erase_word(&mut self, echo: &mut Vec<u8>) {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let gap = self.edited().take_while(|byte| !is_word(*byte)).count();
        let word = self.edited().skip(gap).take_while(|byte| is_word(*byte)).count();
        self.erase_bytes(gap + word, echo);
    }

    fn kill(&mut self, byte: u8, echo: &mut Vec<u8>) {
        let local = self.termios.local;
        let count = self.edited().count();
        if local.contains(Local::ECHO | Local::ECHOK | Local::ECHOKE | Local::ECHOE) {
            self.erase_bytes(count, echo);
            return;
        }
        self.cells.truncate(self.cells.len() - count);
        self.echo(byte, echo);
        if local.contains(Local::ECHO | Local::ECHOK) {
            self.emit(b"\n", echo);
        }
    }

    /// Takes the last `count` bytes off the line, and off the screen.
    fn erase_bytes(&mut self, count: usize, echo: &mut Vec<u8>) {
        let local = self.termios.local;
        let before = self.line_column();
        self.cells.truncate(self.cells.len() - count);
        if !local.contains(Local::ECHO) || count == 0 {
            return;
        }
        if !local.contains(Local::ECHOE) {
            self.echo(self.termios.chars[cc::VERASE], echo);
            return;
        }
        for _ in self.line_column()..before {
            self.emit(b"\x08 \x08", echo);
        }
    }

    /// The column behind the line being edited, as echoing it from its start gives.
    fn line_column(&self) -> usize {
        let first = self.cells.len() - self.edited().count();
        let controls = self.termios.local.contains(Local::ECHOCTL);
        self.cells.iter().skip(first).fold(self.start_column, |column, cell| match cell.byte {
            b'\t' => (column | 7) + 1,
            byte if byte.is_ascii_control() => column + if controls { 2 } else { 0 },
            byte if self.termios.input.contains(Input::IUTF8) && byte & 0xc0 == 0x80 => column,
            _ => column + 1,
        })
    }

    fn reprint(&mut self, byte: u8, echo: &mut Vec<u8>) {
        self.echo(byte, echo);
        self.emit(b"\n", echo);
        self.start_column = self.column;
        let first = self.cells.len() - self.edited().count();
        for index in first..self.cells.len() {
            let byte = self.cells[index].byte;
            self.echo(byte, echo);
        }
    }

    /// Shows a received byte: control characters as ^X, except tab and newline.
    fn echo(&mut self, byte: u8, echo: &mut Vec<u8>) {
        let local = self.termios.local;
        if !local.contains(Local::ECHO) {
            return;
        }
        let plain = !byte.is_ascii_control() || byte == b'\t' || byte == b'\n';
        if plain || !local.contains(Local::ECHOCTL) {
            self.emit(&[byte], echo);
        } else {
            self.emit(&[b'^', byte ^ 0x40], echo);
        }
    }

    fn emit(&mut self, bytes: &[u8], echo: &mut Vec<u8>) {
        for byte in bytes {
            self.output(*byte, echo);
        }
    }

    /// How many bytes a reader could have, for FIONREAD.
    #[must_use]
    pub fn readable_bytes(&self) -> usize {
        if !self.termios.local.contains(Local::ICANON) {
            return self.cells.len();
        }
        let ends = self.cells.iter().rposition(|cell| cell.end != End::No);
        self.cells.iter().take(ends.map_or(0, |end| end + 1)).filter(|c| c.end != End::File).count()
    }

    /// Whether a read would find something: a line in canonical mode; else as many
    /// bytes as VMIN asks for, or one where VTIME runs.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        if self.termios.local.contains(Local::ICANON) {
            return self.lines > 0;
        }
        let wanted = match self.termios.chars[cc::VTIME] {
            0 => usize::from(self.termios.chars[cc::VMIN]).max(1),
            _ => 1,
        };
        self.cells.len() >= wanted
    }

    /// Moves received bytes to a reader: at most one line in canonical mode, where
    /// `None` says that no line is complete and `Some(0)` is the end of file.
    pub fn read(&mut self, to: &mut [u8]) -> Option<usize> {
        let canonical = self.termios.local.contains(Local::ICANON);
        if canonical && self.lines == 0 || self.cells.is_empty() {
            return None;
        }
        let mut count = 0;
        while let Some(cell) = self.cells.front().copied() {
            if canonical && cell.end == End::File {
                // Taken even if the buffer is full: it closes the line just read.
                self.cells.pop_front();
                self.lines -= 1;
                break;
            }
            let Some(slot) = to.get_mut(count) else { break };
            *slot = cell.byte;
            count += 1;
            self.cells.pop_front();
            if cell.end != End::No {
                self.lines -= 1;
                if canonical {
                    break;
                }
            }
        }
        Some(count)
    }
}
