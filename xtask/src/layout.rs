//! Where things are: the repository, and the cache under its `target/`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Attempt, Failure, Outcome};

/// The folders xtask reads and writes.
pub(crate) struct Layout {
    root: PathBuf,
    target: PathBuf,
}

impl Layout {
    /// Finds the repository this xtask belongs to.
    pub(crate) fn find() -> Outcome<Self> {
        // cargo sets the variable for `cargo xtask`; the compiled-in path serves a direct start.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root =
            manifest.parent().map(Path::to_path_buf).filter(|root| root.is_dir()).ok_or_else(
                || {
                    Failure::new("the repository xtask was built from is no longer there")
                        .advise("start it as `cargo xtask` inside the repository")
                },
            )?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self { root, target })
    }

    /// The repository's top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The bootable kernel's own workspace.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.root.join("kernel")
    }

    /// The files that become part of every guest.
    pub(crate) fn guest_files(&self) -> PathBuf {
        self.root.join("xtask/guest")
    }

    /// The scenario scripts.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.root.join("tests/scripts")
    }

    /// A folder of the cache, made when it is missing. Deleting the cache costs time only.
    pub(crate) fn cache(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.target.join("xtask").join(name);
        fs::create_dir_all(&path).attempting(format_args!("make the folder {}", path.display()))?;
        Ok(path)
    }

    /// A fresh, empty folder for one boot. It is removed when the value is dropped.
    pub(crate) fn scratch(&self) -> Outcome<Scratch> {
        let boots = self.cache("boots")?;
        sweep(&boots);
        for attempt in 0_u32.. {
            let path = boots.join(format!("{}-{attempt}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).attempting(format_args!("make {}", path.display()));
                }
            }
        }
        Err(Failure::new("every name for a scratch folder is taken"))
    }
}

/// Removes the scratch folders (`PROCESS-NUMBER`) of processes that were killed.
fn sweep(boots: &Path) {
    let Ok(entries) = fs::read_dir(boots) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            // Another xtask may be sweeping it too; one of us succeeds.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A folder that lives as long as this value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It only holds copies; one that stays behind is swept with target/.
        let _ = fs::remove_dir_all(&self.0);
    }
}
