//! What a process's paths start from: root, working directory, umask, mount namespace.

use ostd::sync::SpinLock;

use super::mount::{MountNamespace, Path};
use crate::prelude::*;

#[derive(Clone)]
struct State {
    root: Path,
    cwd: Path,
    umask: u32,
    namespace: Arc<MountNamespace>,
}

/// Root, working directory, umask and mount namespace; threads share one (CLONE_FS).
pub struct FsContext {
    state: SpinLock<State>,
}

impl FsContext {
    /// At the root of a mount namespace.
    ///
    /// # Errors
    /// `EINVAL` if the namespace has ended.
    pub fn at_root(namespace: Arc<MountNamespace>) -> Result<Arc<Self>> {
        let root = namespace.root().ok_or(Errno::EINVAL)?;
        let state = State { cwd: root.clone(), root, umask: 0o022, namespace };
        Ok(Arc::new(Self { state: SpinLock::new(state) }))
    }

    /// A copy, for fork.
    #[must_use]
    pub fn fork(&self) -> Arc<Self> {
        let state = self.state.lock().clone();
        Arc::new(Self { state: SpinLock::new(state) })
    }

    /// A copy in a copy of the mount namespace, for CLONE_NEWNS. A `lesser` namespace
    /// belongs to another user namespace.
    ///
    /// # Errors
    /// `EINVAL` if the namespace has ended.
    pub fn fork_namespace(&self, lesser: bool) -> Result<Arc<Self>> {
        let mut state = self.state.lock().clone();
        let paths = &mut [&mut state.root, &mut state.cwd];
        state.namespace = state.namespace.fork(lesser, paths)?;
        Ok(Arc::new(Self { state: SpinLock::new(state) }))
    }

    /// A copy at the root of another mount namespace, for setns.
    ///
    /// # Errors
    /// `EINVAL` if the namespace has ended.
    pub fn enter(&self, namespace: Arc<MountNamespace>) -> Result<Arc<Self>> {
        let root = namespace.root().ok_or(Errno::EINVAL)?;
        let state = State { cwd: root.clone(), root, umask: self.umask(), namespace };
        Ok(Arc::new(Self { state: SpinLock::new(state) }))
    }

    /// Where `/` is.
    #[must_use]
    pub fn root(&self) -> Path {
        self.state.lock().root.clone()
    }

    /// Where paths without a leading slash start.
    #[must_use]
    pub fn cwd(&self) -> Path {
        self.state.lock().cwd.clone()
    }

    /// The mount namespace.
    #[must_use]
    pub fn namespace(&self) -> Arc<MountNamespace> {
        self.state.lock().namespace.clone()
    }

    /// The permissions new files do not get.
    #[must_use]
    pub fn umask(&self) -> u32 {
        self.state.lock().umask
    }

    /// Sets the umask and hands out the old one.
    pub fn set_umask(&self, umask: u32) -> u32 {
        core::mem::replace(&mut self.state.lock().umask, umask & 0o777)
    }

    /// Changes the working directory.
    pub fn set_cwd(&self, cwd: Path) {
        let previous = core::mem::replace(&mut self.state.lock().cwd, cwd);
        drop(previous);
    }

    /// Changes the root directory.
    pub fn set_root(&self, root: Path) {
        let previous = core::mem::replace(&mut self.state.lock().root, root);
        drop(previous);
    }

    /// Moves root and working directory along if they are `old`, as pivot_root(2) does
    /// for every process.
    pub fn follow_pivot(&self, old: &Path, new: &Path) {
        let mut state = self.state.lock();
        let mut previous = [None, None];
        if state.root == *old {
            previous[0] = Some(core::mem::replace(&mut state.root, new.clone()));
        }
        if state.cwd == *old {
            previous[1] = Some(core::mem::replace(&mut state.cwd, new.clone()));
        }
        drop(state);
        drop(previous);
    }
}
