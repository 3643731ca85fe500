//! The sending half: what a written byte looks like on the wire.

use alloc::vec::Vec;

use super::{Line, Output};

impl Line {
    /// Appends to `wire` what the written `byte` becomes: at most eight bytes.
    pub fn output(&mut self, byte: u8, wire: &mut Vec<u8>) {
        let flags = self.termios.output;
        if !flags.contains(Output::OPOST) {
            wire.push(byte);
            return;
        }
        match byte {
            b'\n' => {
                if flags.contains(Output::ONLCR) {
                    wire.push(b'\r');
                }
                if flags.intersects(Output::ONLCR | Output::ONLRET) {
                    self.column = 0;
                }
                wire.push(b'\n');
            }
            b'\r' => {
                if flags.contains(Output::ONOCR) && self.column == 0 {
                    return;
                }
                if flags.contains(Output::OCRNL) {
                    wire.push(b'\n');
                    if flags.contains(Output::ONLRET) {
                        self.column = 0;
                    }
                    return;
                }
                self.column = 0;
                wire.push(b'\r');
            }
            b'\t' => {
                let stop = (self.column | 7) + 1;
                if flags.contains(Output::XTABS) {
                    wire.extend(core::iter::repeat_n(b' ', stop - self.column));
                } else {
                    wire.push(b'\t');
                }
                self.column = stop;
            }
            0x08 => {
                self.column = self.column.saturating_sub(1);
                wire.push(byte);
            }
            byte => {
                // Continuation bytes of UTF-8 take no room of their own.
                if !byte.is_ascii_control() && byte & 0xc0 != 0x80 {
                    self.column += 1;
                }
                wire.push(byte);
            }
        }
    }
}
