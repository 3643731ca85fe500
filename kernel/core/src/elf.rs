//! ELF programs: what to map where, and where to start (elf(5), System V gABI).

use alloc::vec::Vec;

use crate::vma::Protection;

/// How much of a file must be at hand to read its ELF header.
pub const HEADER_LEN: usize = 64;

/// The size of one program header.
pub const PROGRAM_HEADER_LEN: usize = 56;

/// No program needs more program headers; Linux stops at 64 KiB of them.
const MAX_PROGRAM_HEADERS: usize = 128;

const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED: u16 = 3;
const MACHINE_X86_64: u16 = 62;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_INTERPRETER: u32 = 3;
const SEGMENT_HEADERS: u32 = 6;
const SEGMENT_STACK: u32 = 0x6474_e551;

/// The file is not a program this machine can run (`ENOEXEC`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct NotExecutable;

/// What the ELF header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether the program can be placed anywhere (PIE and shared libraries).
    pub is_relocatable: bool,
    /// The first instruction, as linked.
    pub entry: usize,
    /// Where in the file the program headers are.
    pub headers_offset: usize,
    /// How many.
    pub headers_count: usize,
}

/// A part of the file to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where, as linked.
    pub addr: usize,
    /// From where in the file.
    pub offset: usize,
    /// How many bytes of the file.
    pub file_len: usize,
    /// How many bytes of memory; those past the file's are zero.
    pub memory_len: usize,
    /// How it may be used.
    pub protection: Protection,
}

/// What the program headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// What to map, in ascending order of address.
    pub segments: Vec<Segment>,
    /// Where in the file the interpreter's name is, and how long with its final zero.
    pub interpreter: Option<(usize, usize)>,
    /// Where the program headers will be in memory, as linked.
    pub headers_addr: Option<usize>,
    /// Whether the stack is to be executable.
    pub executable_stack: bool,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn word_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?)).ok()
}

impl Header {
    /// Reads the header at the start of a file.
    ///
    /// # Errors
    /// [`NotExecutable`] for anything but a 64-bit x86 program.
    pub fn parse(file: &[u8]) -> Result<Self, NotExecutable> {
        Self::read(file).ok_or(NotExecutable)
    }

    fn read(file: &[u8]) -> Option<Self> {
        // Magic, 64-bit, little-endian, version 1.
        let is_elf = file.get(..7)? == b"\x7fELF\x02\x01\x01";
        let kind = u16_at(file, 16)?;
        let header_size = usize::from(u16_at(file, 54)?);
        let count = usize::from(u16_at(file, 56)?);
        let is_program = matches!(kind, TYPE_EXECUTABLE | TYPE_SHARED)
            && u16_at(file, 18)? == MACHINE_X86_64
            && header_size == PROGRAM_HEADER_LEN
            && (1..=MAX_PROGRAM_HEADERS).contains(&count);
        (is_elf && is_program).then_some(Self {
            is_relocatable: kind == TYPE_SHARED,
            entry: word_at(file, 24)?,
            headers_offset: word_at(file, 32)?,
            headers_count: count,
        })
    }
}

impl Program {
    /// Reads the program headers. `limit` is the end of user memory.
    ///
    /// # Errors
    /// [`NotExecutable`] if they make no sense or reach beyond `limit`.
    pub fn parse(header: &Header, table: &[u8], limit: usize) -> Result<Self, NotExecutable> {
        let mut program = Self::default();
        for entry in table.chunks_exact(PROGRAM_HEADER_LEN).take(header.headers_count) {
            program.add(header, entry, limit).ok_or(NotExecutable)?;
        }
        if program.segments.is_empty() {
            return Err(NotExecutable);
        }
        Ok(program)
    }

    fn add(&mut self, header: &Header, entry: &[u8], limit: usize) -> Option<()> {
        let flags = u32_at(entry, 4)?;
        let offset = word_at(entry, 8)?;
        let addr = word_at(entry, 16)?;
        let file_len = word_at(entry, 32)?;
        let memory_len = word_at(entry, 40)?;
        match u32_at(entry, 0)? {
            SEGMENT_LOAD if memory_len > 0 => {
                let fits = addr.checked_add(memory_len)? <= limit
                    && offset.checked_add(file_len)? <= isize::MAX as usize;
                let aligned = addr % 4096 == offset % 4096 || file_len == 0;
                let ordered = self.segments.last().is_none_or(|last| last.addr <= addr);
                if !fits || !aligned || !ordered || file_len > memory_len {
                    return None;
                }
                let headers_end = header.headers_offset + header.headers_count * PROGRAM_HEADER_LEN;
                if self.headers_addr.is_none()
                    && offset <= header.headers_offset
                    && headers_end <= offset + file_len
                {
                    self.headers_addr = Some(addr + (header.headers_offset - offset));
                }
                let protection = protection(flags);
                self.segments.push(Segment { addr, offset, file_len, memory_len, protection });
            }
            SEGMENT_INTERPRETER if self.interpreter.is_none() => {
                self.interpreter = Some((offset, file_len));
            }
            SEGMENT_HEADERS => self.headers_addr = Some(addr),
            SEGMENT_STACK => self.executable_stack = flags & 1 != 0,
            _ => {}
        }
        Some(())
    }

    /// The addresses from the first segment's to the end of the last, as linked.
    #[must_use]
    pub fn span(&self) -> core::ops::Range<usize> {
        let start = self.segments.first().map_or(0, |segment| segment.addr);
        let ends = self.segments.iter().map(|segment| segment.addr + segment.memory_len);
        start..ends.max().unwrap_or(start)
    }
}

/// `PF_X`, `PF_W`, `PF_R` are in the opposite order of `PROT_*`.
fn protection(flags: u32) -> Protection {
    let mut protection = Protection::empty();
    protection.set(Protection::EXEC, flags & 1 != 0);
    protection.set(Protection::WRITE, flags & 2 != 0);
    protection.set(Protection::READ, flags & 4 != 0);
    protection
}

/// The interpreter and its optional argument that a script's first line names, as
/// execve(2) cuts it: one argument, inner spaces and all.
///
/// # Errors
/// [`NotExecutable`] if the line names none, or its name does not fit in `start`.
pub fn parse_script(start: &[u8]) -> Result<(&[u8], Option<&[u8]>), NotExecutable> {
    let line = start.strip_prefix(b"#!").ok_or(NotExecutable)?;
    let end = line.iter().position(|&byte| byte == b'\n');
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let text = trim(&line[..end.unwrap_or(line.len())]);
    let name_len = text.iter().position(is_space);
    // A name cut off by the end of what was read would be another program's.
    if text.is_empty() || (end.is_none() && name_len.is_none()) {
        return Err(NotExecutable);
    }
    let (name, rest) = text.split_at(name_len.unwrap_or(text.len()));
    let argument = trim(rest);
    Ok((name, (!argument.is_empty()).then_some(argument)))
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: u16, count: u16) -> Vec<u8> {
        let mut file = alloc::vec![0; HEADER_LEN];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16..18].copy_from_slice(&kind.to_le_bytes());
        file[18..20].copy_from_slice(&MACHINE_X86_64.to_le_bytes());
        file[24..32].copy_from_slice(&0x1040_u64.to_le_bytes());
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[54..56].copy_from_slice(&56_u16.to_le_bytes());
        file[56..58].copy_from_slice(&count.to_le_bytes());
        file
    }

    fn entry(kind: u32, flags: u32, [offset, addr, file_len, memory_len]: [u64; 4]) -> Vec<u8> {
        let mut bytes = alloc::vec![0; PROGRAM_HEADER_LEN];
        bytes[..4].copy_from_slice(&kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&flags.to_le_bytes());
        for (at, value) in [(8, offset), (16, addr), (32, file_len), (40, memory_len)] {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_position_independent_program_is_understood() {
        let header = Header::parse(&header(TYPE_SHARED, 3)).expect("it is a program");
        assert!(header.is_relocatable);
        let mut table = entry(SEGMENT_INTERPRETER, 4, [0x200, 0x200, 28, 28]);
        table.extend(entry(SEGMENT_LOAD, 5, [0, 0, 0x1800, 0x1800]));
        table.extend(entry(SEGMENT_LOAD, 6, [0x1800, 0x2800, 0x100, 0x900]));
        let program = Program::parse(&header, &table, 1 << 47).expect("its headers make sense");
        assert_eq!(program.interpreter, Some((0x200, 28)));
        assert_eq!(program.headers_addr, Some(64));
        assert_eq!(program.segments[0].protection, Protection::READ | Protection::EXEC);
        assert_eq!(program.segments[1].protection, Protection::READ | Protection::WRITE);
        assert_eq!(program.span(), 0..0x3100);
    }

    #[test]
    fn nonsense_is_not_executable() {
        assert_eq!(Header::parse(b"\x7fELF"), Err(NotExecutable));
        assert_eq!(Header::parse(&header(1, 1)), Err(NotExecutable));
        assert_eq!(Header::parse(&header(TYPE_EXECUTABLE, 0)), Err(NotExecutable));
        let header = Header::parse(&header(TYPE_EXECUTABLE, 1)).expect("it is a program");
        for bad in [
            [0, u64::MAX - 4, 8, 8],
            [0, 1 << 47, 8, 8],
            [0x10, 0x1000, 8, 8],
            [0, 0x1000, 9, 8],
            [u64::MAX, 0xfff, 8, 8],
        ] {
            let table = entry(SEGMENT_LOAD, 5, bad);
            assert_eq!(Program::parse(&header, &table, 1 << 47), Err(NotExecutable), "{bad:x?}");
        }
        assert_eq!(Program::parse(&header, &[], 1 << 47), Err(NotExecutable));
    }

    #[test]
    fn a_script_names_its_interpreter_and_one_argument() {
        assert_eq!(parse_script(b"#!/bin/sh\necho"), Ok((&b"/bin/sh"[..], None)));
        assert_eq!(
            parse_script(b"#! /usr/bin/env  -S a b \n"),
            Ok((&b"/usr/bin/env"[..], Some(&b"-S a b"[..])))
        );
        assert_eq!(parse_script(b"#!\n"), Err(NotExecutable));
        assert_eq!(parse_script(b"#!/a/very/long/na"), Err(NotExecutable));
        assert_eq!(parse_script(b"#!/bin/sh -e"), Ok((&b"/bin/sh"[..], Some(&b"-e"[..]))));
    }
}
