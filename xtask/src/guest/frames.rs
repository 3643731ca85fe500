//! Telling what the guest's programs print from what its /init reports.
//!
//! Both arrive on one serial line. /init starts each report with a marker: 128 random bits in
//! hexadecimal, new for every boot, which it reads and deletes before any program runs. A program
//! cannot forge a report without guessing them. A report is `MARKER WORDS` and a newline; all
//! other bytes are output, unchanged.

use std::fs::File;
use std::io::Read;

use crate::failure::{Attempt, Outcome};

/// A random word that no program can know.
#[derive(Clone)]
pub(crate) struct Marker(String);

impl Marker {
    /// A new one.
    pub(crate) fn random() -> Outcome<Self> {
        let mut bits = [0_u8; 16];
        let mut source = File::open("/dev/urandom").attempting("open /dev/urandom")?;
        source.read_exact(&mut bits).attempting("read /dev/urandom")?;
        Ok(Self(bits.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The word.
    pub(crate) fn word(&self) -> &str {
        &self.0
    }
}

/// A piece of what the guest said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Bytes a program printed.
    Output(Vec<u8>),
    /// A report of /init: its words.
    Report(String),
}

/// Splits the byte stream into frames. Bytes that may be the start of a marker are held back.
pub(crate) struct Frames {
    marker: Vec<u8>,
    held: Vec<u8>,
}

impl Frames {
    /// Splits at `marker`.
    pub(crate) fn new(marker: &Marker) -> Self {
        Self { marker: marker.0.clone().into_bytes(), held: Vec::new() }
    }

    /// Takes in bytes and returns the frames they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.held.extend(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = self.take() {
            frames.push(frame);
        }
        frames
    }

    /// What is left when the stream has ended.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn take(&mut self) -> Option<Frame> {
        let found = self.held.windows(self.marker.len()).position(|window| window == self.marker);
        match found {
            Some(0) => {
                let end = self.held.iter().position(|byte| *byte == b'\n')?;
                let line: Vec<u8> = self.held.drain(..=end).collect();
                let words = String::from_utf8_lossy(&line[self.marker.len()..]).trim().to_owned();
                Some(Frame::Report(words))
            }
            Some(start) => Some(Frame::Output(self.held.drain(..start).collect())),
            None => {
                let safe = self.held.len() - self.partial_marker();
                (safe > 0).then(|| Frame::Output(self.held.drain(..safe).collect()))
            }
        }
    }

    /// The length of the longest end of what is held that a marker could start with.
    fn partial_marker(&self) -> usize {
        let longest = self.held.len().min(self.marker.len() - 1);
        (1..=longest).rev().find(|length| self.held.ends_with(&self.marker[..*length])).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Frames {
        Frames::new(&Marker("aab".to_owned()))
    }

    /// Joins neighbouring outputs: where a stream is cut is not part of its meaning.
    fn all(frames: &mut Frames, pieces: &[&[u8]]) -> Vec<Frame> {
        let mut joined: Vec<Frame> = Vec::new();
        for frame in pieces.iter().flat_map(|piece| frames.push(piece)).collect::<Vec<_>>() {
            match (joined.last_mut(), frame) {
                (Some(Frame::Output(before)), Frame::Output(more)) => before.extend(more),
                (_, frame) => joined.push(frame),
            }
        }
        joined
    }

    #[test]
    fn output_and_reports_are_told_apart_wherever_the_stream_is_cut() {
        let stream = b"before\xff\r\naab begin x\nout aa put\naab end 3\nrest";
        let whole = all(&mut frames(), &[stream]);
        assert_eq!(
            whole,
            [
                Frame::Output(b"before\xff\r\n".to_vec()),
                Frame::Report("begin x".to_owned()),
                Frame::Output(b"out aa put\n".to_vec()),
                Frame::Report("end 3".to_owned()),
                Frame::Output(b"rest".to_vec()),
            ]
        );
        for cut in 1..stream.len() {
            assert_eq!(
                all(&mut frames(), &[&stream[..cut], &stream[cut..]]),
                whole,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_report_needs_no_line_of_its_own() {
        let got = all(&mut frames(), &[b"no newlineaab end 0\n"]);
        assert_eq!(got, [Frame::Output(b"no newline".to_vec()), Frame::Report("end 0".to_owned())]);
    }

    #[test]
    fn what_only_looks_like_a_marker_comes_out_as_output() {
        let mut frames = frames();
        assert_eq!(all(&mut frames, &[b"aa", b"ac"]), [Frame::Output(b"aaac".to_vec())]);
        assert_eq!(frames.finish(), b"");
        assert_eq!(all(&mut frames, &[b"xa"]), [Frame::Output(b"x".to_vec())]);
        assert_eq!(frames.finish(), b"a");
    }

    #[test]
    fn markers_differ() {
        let words = [Marker::random(), Marker::random()].map(|m| m.expect("urandom").0);
        assert_ne!(words[0], words[1]);
        assert_eq!(words[0].len(), 32);
    }
}
