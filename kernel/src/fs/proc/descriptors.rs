//! The open files of a process: /proc/PID/fd and /proc/PID/fdinfo.

use alloc::format;

use super::parse_number;
use super::process::Subject;
use crate::fs::OpenFile;
use crate::fs::generated::{Directory, Link, Node, Text};
use crate::fs::mount::Path;
use crate::fs::stat::Kind;
use crate::prelude::*;
use crate::process::current;

fn numbers(subject: &Subject) -> Vec<Vec<u8>> {
    let may = subject.check_access();
    let files = may.and_then(|()| subject.thread()?.files());
    let numbers = files.map(|files| files.numbers()).unwrap_or_default();
    numbers.into_iter().map(|fd| format!("{fd}").into_bytes()).collect()
}

fn open_file(subject: &Subject, fd: u32) -> Result<Arc<OpenFile>> {
    subject.check_access()?;
    let files = subject.thread().and_then(|thread| thread.files()).map_err(|_| Errno::ENOENT)?;
    files.get(fd).map_err(|_| Errno::ENOENT)
}

/// /proc/PID/fd.
pub(super) struct Descriptors {
    pub(super) subject: Subject,
}

impl Directory for Descriptors {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        numbers(&self.subject).into_iter().map(|name| (name, Kind::Symlink)).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let fd = parse_number(name)?;
        open_file(&self.subject, fd).ok()?;
        Some(Node::Link(Arc::new(FileLink { subject: self.subject.clone(), fd })))
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner()
    }

    fn permissions(&self) -> u32 {
        0o500
    }
}

/// A link to what a descriptor has open. Following it reaches the very file, even if
/// it has no name any more, or never had one.
struct FileLink {
    subject: Subject,
    fd: u32,
}

impl Link for FileLink {
    fn text(&self) -> Result<Vec<u8>> {
        let file = open_file(&self.subject, self.fd)?;
        Ok(file.path().display(&current().fs()?.root()))
    }

    fn target(&self) -> Result<Option<Path>> {
        Ok(Some(open_file(&self.subject, self.fd)?.path().clone()))
    }
}

/// /proc/PID/fdinfo.
pub(super) struct Infos {
    pub(super) subject: Subject,
}

impl Directory for Infos {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        numbers(&self.subject).into_iter().map(|name| (name, Kind::Regular)).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let fd = parse_number(name)?;
        open_file(&self.subject, fd).ok()?;
        Some(Node::Text(Arc::new(Info { subject: self.subject.clone(), fd })))
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner()
    }
}

struct Info {
    subject: Subject,
    fd: u32,
}

impl Text for Info {
    fn read(&self) -> Result<Vec<u8>> {
        let file = open_file(&self.subject, self.fd)?;
        let stat = file.inode().stat();
        let (offset, flags) = (file.offset(), file.flags().bits());
        let common = format!(
            "pos:\t{offset}\nflags:\t0{flags:o}\nmnt_id:\t{}\nino:\t{}\n",
            file.path().mount().number(),
            stat.ino
        );
        Ok((common + &file.file().fdinfo()).into_bytes())
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner()
    }
}
