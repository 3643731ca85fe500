//! From a path to an ELF program, through scripts.

use linux_raw_sys::general::AT_FDCWD;
use warren_kernel_core::elf::{self, HEADER_LEN, Header, PROGRAM_HEADER_LEN, parse_script};

use super::Arguments;
use crate::fs::OpenFile;
use crate::fs::open::open_exec;
use crate::mm::{PageSource, USER_END};
use crate::prelude::*;
use crate::process::Thread;

/// How much of a file decides what it is, `BINPRM_BUF_SIZE`.
const START_LEN: usize = 256;
/// How many scripts may interpret each other.
const MAX_SCRIPTS: usize = 5;

/// An ELF file, read and understood.
pub(super) struct Image {
    pub(super) file: Arc<OpenFile>,
    pub(super) pages: Arc<dyn PageSource>,
    pub(super) header: Header,
    pub(super) program: elf::Program,
}

/// A program to run.
pub(super) struct Program {
    pub(super) image: Image,
    /// What the program asks to be loaded beside it, to link it.
    pub(super) interpreter: Option<Image>,
    /// As execve was asked for it (`AT_EXECFN`, and the thread's name).
    pub(super) name: Vec<u8>,
    /// The file's path from the root, for /proc/PID/exe.
    pub(super) path: Vec<u8>,
}

impl Image {
    fn read(file: Arc<OpenFile>, start: &[u8]) -> Result<Self> {
        let header = Header::parse(start).map_err(|elf::NotExecutable| Errno::ENOEXEC)?;
        let mut table = alloc::vec![0; header.headers_count * PROGRAM_HEADER_LEN];
        if file.read_exec(header.headers_offset as u64, &mut table)? < table.len() {
            return Err(Errno::ENOEXEC);
        }
        let program = elf::Program::parse(&header, &table, USER_END)
            .map_err(|elf::NotExecutable| Errno::ENOEXEC)?;
        let pages = file.pages().map_err(|_| Errno::EACCES)?;
        Ok(Self { file, pages, header, program })
    }

    /// The interpreter this program names.
    fn interpreter(&self, thread: &Arc<Thread>) -> Result<Option<Self>> {
        let Some((offset, len)) = self.program.interpreter else { return Ok(None) };
        if !(2..=4096).contains(&len) {
            return Err(Errno::ENOEXEC);
        }
        let mut path = alloc::vec![0; len];
        if self.file.read_exec(offset as u64, &mut path)? < len || path.pop() != Some(0) {
            return Err(Errno::ENOEXEC);
        }
        let file = open_exec(thread, AT_FDCWD, &path, true)?;
        let mut start = [0; HEADER_LEN];
        let got = file.read_exec(0, &mut start)?;
        Self::read(file, &start[..got]).map(Some).map_err(|error| match error {
            // Linux's word for an interpreter that is not one.
            Errno::ENOEXEC => Errno::ELIBBAD,
            error => error,
        })
    }
}

impl Program {
    /// Finds the program `file` leads to, through the interpreters of scripts.
    pub(super) fn find(
        thread: &Arc<Thread>,
        file: Arc<OpenFile>,
        name: &[u8],
        arguments: &mut Arguments,
    ) -> Result<Self> {
        let mut file = file;
        let mut current = name.to_vec();
        for _ in 0..=MAX_SCRIPTS {
            let mut start = [0; START_LEN];
            let got = file.read_exec(0, &mut start)?;
            let start = &start[..got];
            if !start.starts_with(b"#!") {
                let path = file.path().display(&thread.fs()?.root());
                let image = Image::read(file, start)?;
                let interpreter = image.interpreter(thread)?;
                return Ok(Self { image, interpreter, name: name.to_vec(), path });
            }
            let (interpreter, argument) =
                parse_script(start).map_err(|elf::NotExecutable| Errno::ENOEXEC)?;
            let mut before = alloc::vec![interpreter];
            before.extend(argument);
            before.push(&current);
            arguments.interpret(&before)?;
            file = open_exec(thread, AT_FDCWD, interpreter, true)?;
            current = interpreter.to_vec();
        }
        Err(Errno::ELOOP)
    }
}
