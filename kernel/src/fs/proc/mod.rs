//! /proc (proc(5)): processes and the system as text.
//!
//! | module | what it shows |
//! |---|---|
//! | [`process`] | the directory of a process or thread |
//! | [`status`], [`memory`] | its texts: stat, status, maps, cmdline and their like |
//! | [`descriptors`], [`links`] | its open files, its directories, its namespaces |
//! | [`system`] | meminfo, uptime, cpuinfo and their like |
//! | [`sysctl`], [`sysctl_net`], [`network`] | /proc/sys and /proc/PID/net |

mod descriptors;
mod links;
mod memory;
mod network;
mod process;
mod status;
mod sysctl;
mod sysctl_net;
mod system;

use alloc::format;

use warren_kernel_core::options::split_options;

use super::generated::{Directory, GeneratedFs, Link, Node, PROC_SUPER_MAGIC};
use super::inode::FileSystem;
use super::stat::Kind;
use crate::prelude::*;
use crate::process::{Pid, current, tree};

use process::ProcessDirectory;

/// Makes an instance of /proc.
///
/// # Errors
/// `EINVAL` for options there are none of.
pub fn new_proc(options: &[u8]) -> Result<Arc<dyn FileSystem>> {
    for (key, value) in split_options(options) {
        // Everyone sees all processes: that is hidepid=0, the default.
        if !(key == b"hidepid" && matches!(value, b"0" | b"off")) {
            return Err(Errno::EINVAL);
        }
    }
    Ok(GeneratedFs::new("proc", PROC_SUPER_MAGIC, Arc::new(Root)))
}

/// Parses a decimal number without sign or leading zeros, as names in /proc are.
fn parse_number(name: &[u8]) -> Option<u32> {
    let number = core::str::from_utf8(name).ok()?.parse::<u32>().ok()?;
    (format!("{number}").as_bytes() == name).then_some(number)
}

struct Root;

impl Directory for Root {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let fixed = [
            (&b"self"[..], Kind::Symlink),
            (b"thread-self", Kind::Symlink),
            (b"mounts", Kind::Symlink),
            (b"net", Kind::Symlink),
            (b"sys", Kind::Directory),
        ];
        let texts = system::TEXTS.iter().map(|(name, _)| (name.as_bytes(), Kind::Regular));
        let fixed = fixed.into_iter().chain(texts).map(|(name, kind)| (name.to_vec(), kind));
        let processes = tree::pids().into_iter();
        fixed.chain(processes.map(|pid| (format!("{pid}").into_bytes(), Kind::Directory))).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        match name {
            b"self" => return Some(Node::Link(Arc::new(Own { thread: false }))),
            b"thread-self" => return Some(Node::Link(Arc::new(Own { thread: true }))),
            b"mounts" => return Some(Node::link(b"self/mounts")),
            b"net" => return Some(Node::link(b"self/net")),
            b"sys" => return Some(sysctl::root()),
            _ => {}
        }
        if let Some(text) = system::text(name) {
            return Some(text);
        }
        let pid = Pid::try_from(parse_number(name)?).ok()?;
        // Threads are found under their own number too, but not listed.
        let process = tree::process_of_thread(pid)?;
        Some(Node::Directory(Arc::new(ProcessDirectory::new(process, None))))
    }
}

/// The link to whoever looks.
struct Own {
    thread: bool,
}

impl Link for Own {
    fn text(&self) -> Result<Vec<u8>> {
        let thread = current();
        let pid = thread.process().pid();
        let text =
            if self.thread { format!("{pid}/task/{}", thread.tid()) } else { format!("{pid}") };
        Ok(text.into_bytes())
    }
}
