//! Getting what is missing: each file knows one thing a fresh machine lacks.

mod apt;
mod elf;
mod kernel_image;
mod linux_peer;
mod packages;
mod qemu;
mod toolchain;
mod userland;

pub(crate) use kernel_image::KernelImage;
pub(crate) use qemu::{QEMU, ensure_qemu};
pub(crate) use toolchain::{Component, KernelToolchain};
pub(crate) use userland::userland;

use std::fs::File;

use crate::failure::{Attempt, Outcome};
use crate::guest::Guest;
use crate::layout::Layout;

/// Fetches and builds everything a run or a test needs.
pub(crate) fn everything(layout: &Layout) -> Outcome {
    ensure_qemu()?;
    userland(layout)?;
    kernel(layout, Guest::Linux)?;
    kernel(layout, Guest::Warren)?;
    Ok(())
}

/// The kernel of a guest, fetched or built.
pub(crate) fn kernel(layout: &Layout, guest: Guest) -> Outcome<KernelImage> {
    match guest {
        Guest::Warren => kernel_image::build(layout),
        Guest::Linux => linux_peer::fetch(layout),
    }
}

/// Keeps two xtasks from filling the same cache at once; released when dropped.
fn lock_cache(layout: &Layout) -> Outcome<File> {
    let path = layout.cache("")?.join("lock");
    let file = File::create(&path).attempting(format_args!("open {}", path.display()))?;
    file.lock().attempting(format_args!("lock {}", path.display()))?;
    Ok(file)
}
