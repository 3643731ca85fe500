//! Someone types; the tests look at the screen, at what readers get, and at signals.

use alloc::vec::Vec;

use super::*;

#[derive(Default)]
struct Desk {
    line: Line,
    screen: Vec<u8>,
    signals: Vec<Signal>,
}

impl Desk {
    fn types(&mut self, keys: &[u8]) -> &mut Self {
        for key in keys {
            self.signals.extend(self.line.receive(*key, &mut self.screen));
        }
        self
    }
    fn reads(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 64];
        self.line.read(&mut buffer).map(|count| buffer[..count].to_vec())
    }
    fn change(&mut self, change: impl FnOnce(&mut Termios)) {
        let mut termios = *self.line.termios();
        change(&mut termios);
        self.line.set_termios(termios);
    }
}

#[test]
fn a_line_is_readable_once_it_is_complete() {
    let mut desk = Desk::default();
    desk.types(b"ls");
    assert!(!desk.line.is_readable());
    assert_eq!(desk.reads(), None);
    desk.types(b"\rrest");
    assert_eq!(desk.line.readable_bytes(), 3);
    assert_eq!(desk.reads().unwrap(), b"ls\n");
    assert_eq!(desk.reads(), None);
    assert_eq!(desk.screen, b"ls\r\nrest");
}

#[test]
fn a_canonical_read_gets_one_line_at_most() {
    let mut desk = Desk::default();
    desk.types(b"a\nb\n");
    assert_eq!(desk.reads().unwrap(), b"a\n");
    assert_eq!(desk.reads().unwrap(), b"b\n");
    desk.types(b"long\n");
    let mut two = [0; 2];
    assert_eq!(desk.line.read(&mut two), Some(2));
    assert_eq!(desk.reads().unwrap(), b"ng\n");
}

#[test]
fn erase_takes_a_character_off_line_and_screen() {
    let mut desk = Desk::default();
    desk.types(b"lx\x7fs\n");
    assert_eq!(desk.reads().unwrap(), b"ls\n");
    assert_eq!(desk.screen, b"lx\x08 \x08s\r\n");
    desk.types(b"\x7f\x7f");
    assert_eq!(desk.screen.len(), b"lx\x08 \x08s\r\n".len(), "nothing left to erase");
}

#[test]
fn erasing_a_control_character_or_a_tab_takes_all_its_columns() {
    let mut desk = Desk::default();
    desk.types(b"\x01\x7f");
    assert_eq!(desk.screen, b"^A\x08 \x08\x08 \x08");
    let mut desk = Desk::default();
    desk.types(b"abc\t\x7f");
    assert_eq!(desk.screen, [&b"abc\t"[..], &b"\x08 \x08".repeat(5)].concat());
}

#[test]
fn erase_takes_a_whole_utf8_character() {
    let mut desk = Desk::default();
    desk.change(|termios| termios.input |= Input::IUTF8);
    desk.types("aé\x7f\n".as_bytes());
    assert_eq!(desk.reads().unwrap(), b"a\n");
    assert_eq!(desk.screen, "aé\x08 \x08\r\n".as_bytes());
}

#[test]
fn word_erase_and_kill_stop_at_the_start_of_the_line() {
    let mut desk = Desk::default();
    desk.types(b"done\n");
    desk.types(b"ip link \x17addr\n");
    assert_eq!(desk.reads().unwrap(), b"done\n");
    assert_eq!(desk.reads().unwrap(), b"ip addr\n");
    desk.types(b"one\nwrong\x15right\n");
    assert_eq!(desk.reads().unwrap(), b"one\n");
    assert_eq!(desk.reads().unwrap(), b"right\n");
}

#[test]
fn end_of_file_ends_a_line_without_a_byte_and_an_empty_one_reads_zero() {
    let mut desk = Desk::default();
    desk.types(b"half\x04");
    assert_eq!(desk.reads().unwrap(), b"half");
    desk.types(b"\x04");
    assert!(desk.line.is_readable());
    assert_eq!(desk.reads().unwrap(), b"");
    assert_eq!(desk.reads(), None);
    desk.types(b"ab\x04");
    let mut two = [0; 2];
    assert_eq!(desk.line.read(&mut two), Some(2));
    assert_eq!(desk.reads(), None, "the end was taken with the bytes before it");
}

#[test]
fn control_characters_signal_echo_and_flush() {
    let mut desk = Desk::default();
    desk.types(b"line\npart\x03\x1a\x1c");
    assert_eq!(desk.signals, [Signal::Interrupt, Signal::Stop, Signal::Quit]);
    assert_eq!(desk.reads(), None);
    assert!(desk.screen.ends_with(b"part^C^Z^\\"));
    desk.change(|termios| termios.local |= Local::NOFLSH);
    desk.types(b"kept\n\x03");
    assert_eq!(desk.reads().unwrap(), b"kept\n");
    desk.change(|termios| termios.local -= Local::ISIG);
    desk.types(b"\x03\n");
    assert_eq!(desk.reads().unwrap(), b"\x03\n");
}

#[test]
fn a_literal_next_character_has_no_effect() {
    let mut desk = Desk::default();
    desk.types(b"\x16\x03\x16\x7f\n");
    assert!(desk.signals.is_empty());
    assert_eq!(desk.reads().unwrap(), b"\x03\x7f\n");
    assert_eq!(desk.screen, b"^\x08^C^\x08^?\r\n");
}

#[test]
fn raw_mode_gives_every_byte_at_once_and_minds_vmin() {
    let mut desk = Desk::default();
    desk.change(|termios| {
        termios.local -= Local::ICANON | Local::ECHO | Local::ISIG;
        termios.input -= Input::ICRNL | Input::IXON;
    });
    desk.types(b"\x03\r\x13");
    assert!(desk.screen.is_empty() && desk.signals.is_empty());
    assert_eq!(desk.reads().unwrap(), b"\x03\r\x13");
    desk.change(|termios| termios.chars[cc::VMIN] = 3);
    desk.types(b"ab");
    assert!(!desk.line.is_readable());
    desk.types(b"c");
    assert!(desk.line.is_readable());
}

#[test]
fn leaving_canonical_mode_frees_the_half_line_and_entering_completes_it() {
    let mut desk = Desk::default();
    desk.types(b"half");
    desk.change(|termios| termios.local -= Local::ICANON);
    assert_eq!(desk.line.readable_bytes(), 4);
    desk.change(|termios| termios.local |= Local::ICANON);
    assert_eq!(desk.reads().unwrap(), b"half");
}

#[test]
fn output_gets_carriage_returns_only_when_processed() {
    let mut line = Line::default();
    let mut wire = Vec::new();
    for byte in b"a\nb" {
        line.output(*byte, &mut wire);
    }
    assert_eq!(wire, b"a\r\nb");
    let mut termios = *line.termios();
    termios.output -= Output::OPOST;
    line.set_termios(termios);
    wire.clear();
    line.output(b'\n', &mut wire);
    assert_eq!(wire, b"\n");
}

#[test]
fn tabs_expand_to_the_next_stop() {
    let mut line = Line::default();
    let mut termios = *line.termios();
    termios.output |= Output::XTABS;
    line.set_termios(termios);
    let mut wire = Vec::new();
    for byte in b"abc\tx" {
        line.output(*byte, &mut wire);
    }
    assert_eq!(wire, b"abc     x");
}

#[test]
fn flow_control_holds_output_and_is_not_read() {
    let mut desk = Desk::default();
    desk.types(b"\x13");
    assert!(desk.line.is_stopped());
    desk.types(b"\x11x\n");
    assert!(!desk.line.is_stopped());
    assert_eq!(desk.reads().unwrap(), b"x\n");
}

#[test]
fn a_full_buffer_drops_bytes_but_the_line_can_still_be_ended() {
    let mut desk = Desk::default();
    desk.change(|termios| termios.input |= Input::IMAXBEL);
    desk.types(&[b'x'; CAPACITY + 10]);
    assert!(desk.screen.ends_with(&[7; 11]));
    desk.types(b"\n");
    assert_eq!(desk.line.readable_bytes(), CAPACITY);
    desk.types(b"\n\n");
    assert_eq!(desk.line.readable_bytes(), CAPACITY);
}

#[test]
fn settings_survive_the_trip_through_the_abi() {
    let mut termios = Termios::default();
    termios.input |= Input::from_bits_retain(0x8000_0000);
    termios.chars[18] = 9;
    assert_eq!(Termios::from_abi(&termios.to_abi()), termios);
    assert_eq!(Termios::default().to_abi()[..4], 0x500u32.to_ne_bytes());
}
