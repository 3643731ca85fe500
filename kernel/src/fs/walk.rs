//! From a path name to a file (path_resolution(7)).

use warren_kernel_core::names::{Component, MAX_SYMLINKS, NAME_MAX, PATH_MAX, step};

use super::access::{Access, check_inode};
use super::context::FsContext;
use super::mount::Path;
use super::stat::Kind;
use crate::prelude::*;
use crate::process::{Credentials, Thread};

/// `AT_FDCWD`: start at the working directory.
pub const AT_FDCWD: i32 = -100;

/// Where a walk ended: the last component, looked up or not.
pub enum Last {
    /// The path ended in a name.
    Name(Vec<u8>),
    /// The path ended in `.`, in `..`, or was only slashes.
    Dot,
    /// As `Dot`, and it was `..`.
    DotDot,
    /// As `Dot`, and there was no component at all.
    Root,
    /// The path ended in a magic link that was followed.
    Magic,
}

/// The outcome of a walk.
pub struct Walked {
    /// The directory the last component was looked up in.
    pub parent: Path,
    /// The last component.
    pub last: Last,
    /// Whether slashes followed it.
    pub slash: bool,
    /// What is there, seen through mounts; `None` if the name is free.
    pub target: Option<Path>,
}

impl Walked {
    /// What is there.
    ///
    /// # Errors
    /// `ENOENT` if the name is free; `ENOTDIR` if slashes follow something that is no
    /// directory.
    pub fn found(self) -> Result<Path> {
        let target = self.target.ok_or(Errno::ENOENT)?;
        if self.slash && !target.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        Ok(target)
    }

    /// The parent and the name in it.
    ///
    /// # Errors
    /// `otherwise` if the path did not end in a name.
    pub fn entry(&self, otherwise: Errno) -> Result<(&Path, &[u8])> {
        match &self.last {
            Last::Name(name) => Ok((&self.parent, name)),
            Last::Dot | Last::DotDot | Last::Root | Last::Magic => Err(otherwise),
        }
    }
}

/// Whoever walks: where the paths start and with whose rights.
pub struct Walker {
    root: Path,
    /// The process's root, cwd and umask.
    pub context: Arc<FsContext>,
    /// With whose rights.
    pub credentials: Arc<Credentials>,
}

impl Walker {
    /// For `thread`.
    ///
    /// # Errors
    /// `ESRCH` once the thread has exited.
    pub fn new(thread: &Thread) -> Result<Self> {
        let context = thread.fs()?;
        Ok(Self { root: context.root(), context, credentials: thread.credentials() })
    }

    /// The process's root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `text` names, starting at `start` if it is relative. A symbolic link at the
    /// end is followed if `follow`.
    ///
    /// # Errors
    /// As path_resolution(7); a free name at the end is none.
    pub fn walk(&self, start: &Path, text: &[u8], follow: bool) -> Result<Walked> {
        if text.is_empty() {
            return Err(Errno::ENOENT);
        }
        if text.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut at = if text.starts_with(b"/") { self.root.clone() } else { start.clone() };
        let mut pending = text.to_vec();
        let mut links = 0;
        let mut last = Last::Root;
        loop {
            let Some(step) = step(&pending) else {
                let slash = matches!(last, Last::Magic);
                return Ok(Walked { parent: at.clone(), last, slash, target: Some(at) });
            };
            if !at.is_directory() {
                return Err(Errno::ENOTDIR);
            }
            check_inode(&self.credentials, &**at.inode(), Access::EXEC)?;
            let is_last = step.rest.is_empty();
            let name = match step.component {
                Component::Here | Component::Parent => {
                    let parent = at.clone();
                    last = Last::Dot;
                    if step.component == Component::Parent {
                        last = Last::DotDot;
                        at = at.parent(&self.root);
                    }
                    if is_last {
                        let slash = step.slash;
                        return Ok(Walked { parent, last, slash, target: Some(at) });
                    }
                    pending = step.rest.to_vec();
                    continue;
                }
                Component::Name(name) => name,
            };
            if name.len() > NAME_MAX {
                return Err(Errno::ENAMETOOLONG);
            }
            let Some(dentry) = at.dentry().lookup(name)? else {
                if !is_last {
                    return Err(Errno::ENOENT);
                }
                let last = Last::Name(name.to_vec());
                return Ok(Walked { parent: at, last, slash: step.slash, target: None });
            };
            let next = Path::new(at.mount().clone(), dentry).topmost();
            let is_link = next.inode().kind() == Kind::Symlink;
            if is_link && (!is_last || step.slash || follow) {
                links += 1;
                if links > MAX_SYMLINKS {
                    return Err(Errno::ELOOP);
                }
                if let Some(target) = next.inode().follow()? {
                    if is_last && !step.slash {
                        let (last, target) = (Last::Magic, Some(target));
                        return Ok(Walked { parent: at, last, slash: false, target });
                    }
                    (at, last) = (target, Last::Magic);
                    pending = step.rest.to_vec();
                    continue;
                }
                let mut target = next.inode().read_link()?;
                if target.is_empty() {
                    return Err(Errno::ENOENT);
                }
                if target.starts_with(b"/") {
                    at = self.root.clone();
                }
                if step.slash {
                    target.push(b'/');
                }
                target.extend_from_slice(step.rest);
                if target.len() >= 2 * PATH_MAX {
                    return Err(Errno::ENAMETOOLONG);
                }
                (pending, last) = (target, Last::Root);
                continue;
            }
            if is_last {
                let last = Last::Name(name.to_vec());
                return Ok(Walked { parent: at, last, slash: step.slash, target: Some(next) });
            }
            pending = step.rest.to_vec();
            at = next;
        }
    }

    /// Where a walk from descriptor `fd` starts: AT_FDCWD is the working directory.
    /// An absolute path needs no descriptor.
    ///
    /// # Errors
    /// `EBADF` if `fd` is not open.
    pub fn start(&self, thread: &Thread, fd: i32, text: &[u8]) -> Result<Path> {
        if fd == AT_FDCWD || text.starts_with(b"/") {
            return Ok(self.context.cwd());
        }
        let fd = u32::try_from(fd).map_err(|_| Errno::EBADF)?;
        let path = thread.files()?.get(fd)?.path().clone();
        // An empty path is judged where AT_EMPTY_PATH is known.
        if !text.is_empty() && !path.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        Ok(path)
    }

    /// What `text` names; nothing may be missing.
    ///
    /// # Errors
    /// As [`walk`](Self::walk), and `ENOENT`.
    pub fn find(&self, start: &Path, text: &[u8], follow: bool) -> Result<Path> {
        self.walk(start, text, follow)?.found()
    }
}
