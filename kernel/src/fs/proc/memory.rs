//! What lies in a process's memory: maps, statm, cmdline, environ.

use alloc::format;
use core::ops::Range;

use super::process::Subject;
use crate::mm::{Layout, PAGE_SIZE, Protection};
use crate::prelude::*;

/// The longest command line or environment that is shown.
const MAX_STRINGS: usize = 128 << 10;

pub(super) fn maps(subject: &Subject) -> Result<Vec<u8>> {
    subject.check_access()?;
    let Some(space) = subject.process.space() else { return Ok(Vec::new()) };
    let mut text = String::new();
    for area in space.areas() {
        let flag = |bit, letter| if area.protection.contains(bit) { letter } else { '-' };
        let source = area.mapping.source.as_ref();
        let (device, ino) = source.map_or((0, 0), |source| source.identity());
        let device = crate::fs::stat::Device::decode(device);
        let line = format!(
            "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {ino} ",
            area.range.start,
            area.range.end,
            flag(Protection::READ, 'r'),
            flag(Protection::WRITE, 'w'),
            flag(Protection::EXEC, 'x'),
            if area.mapping.shared { 's' } else { 'p' },
            area.mapping.offset,
            device.major,
            device.minor,
        );
        // The name starts at column 73, as on Linux.
        if area.name.is_empty() {
            text += &format!("{line}\n");
        } else {
            text += &format!("{line:<73}{}\n", area.name);
        }
    }
    Ok(text.into_bytes())
}

pub(super) fn statm(subject: &Subject) -> Result<Vec<u8>> {
    let Some(space) = subject.process.space() else { return Ok(b"0 0 0 0 0 0 0\n".to_vec()) };
    let (mapped, resident, _) = space.usage();
    Ok(format!("{} {} 0 0 0 0 0\n", mapped / PAGE_SIZE, resident / PAGE_SIZE).into_bytes())
}

/// Strings that execve put on the stack.
fn strings(subject: &Subject, which: fn(Layout) -> Range<usize>) -> Result<Vec<u8>> {
    let Some(space) = subject.process.space() else { return Ok(Vec::new()) };
    let range = which(space.layout());
    let mut text = alloc::vec![0; range.len().min(MAX_STRINGS)];
    let count = space.peek(range.start, &mut text);
    text.truncate(count);
    Ok(text)
}

pub(super) fn cmdline(subject: &Subject) -> Result<Vec<u8>> {
    strings(subject, |layout| layout.arguments)
}

pub(super) fn environ(subject: &Subject) -> Result<Vec<u8>> {
    subject.check_access()?;
    strings(subject, |layout| layout.environment)
}
