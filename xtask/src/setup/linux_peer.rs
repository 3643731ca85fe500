//! The peer: Debian's Linux kernel and the modules the scenarios need, to compare with.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::elf;
use super::kernel_image::KernelImage;
use super::packages::{Unpack, unpacked};
use crate::failure::{Attempt, Failure, Outcome};
use crate::layout::Layout;

const PACKAGE: &str = "linux-image-amd64";

/// Link kinds Debian builds as modules. Their dependencies are found in the modules themselves.
const MODULES: &[&str] = &["veth", "bridge", "dummy"];

/// Everything the modules above may need, out of a package with thousands.
const CONTENTS: &[&str] = &[
    "./boot/vmlinuz-*",
    "./lib/modules/*/kernel/drivers/net/veth.ko*",
    "./lib/modules/*/kernel/drivers/net/dummy.ko*",
    "./lib/modules/*/kernel/net/bridge/bridge.ko*",
    "./lib/modules/*/kernel/net/802/*.ko*",
    "./lib/modules/*/kernel/net/llc/*.ko*",
];

/// Fetches Debian's kernel.
pub(crate) fn fetch(layout: &Layout) -> Outcome<KernelImage> {
    // The package itself is empty and depends on the current kernel's, whose name has a version.
    let follow = |name: &str| name.starts_with("linux-image-");
    let unpack = |name: &str| match name {
        PACKAGE => Unpack::Whole,
        _ => Unpack::Only(CONTENTS),
    };
    let packages = unpacked(layout, "linux", &[PACKAGE], unpack, follow)?;
    let folder = packages
        .iter()
        .find_map(|(name, folder)| (name != PACKAGE).then_some(folder))
        .ok_or_else(|| Failure::new(format!("{PACKAGE} depends on no kernel")))?;
    let path = files_below(&folder.join("boot"))?
        .into_iter()
        .next()
        .ok_or_else(|| Failure::new(format!("{} has no kernel", folder.display())))?;
    Ok(KernelImage { path, modules: modules(&folder.join("lib/modules"))? })
}

/// The modules in an order in which each follows those it depends on.
fn modules(folder: &Path) -> Outcome<Vec<(String, Vec<u8>)>> {
    let mut files = HashMap::new();
    for path in files_below(folder)? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(name) = file.strip_suffix(".ko") {
            let bytes = fs::read(&path).attempting(format_args!("read {}", path.display()))?;
            files.insert(name.replace('-', "_"), bytes);
        }
    }
    let mut ordered = Vec::new();
    for name in MODULES {
        place(name, &mut files, &mut ordered)?;
    }
    Ok(ordered)
}

fn place(
    name: &str,
    files: &mut HashMap<String, Vec<u8>>,
    ordered: &mut Vec<(String, Vec<u8>)>,
) -> Outcome {
    if ordered.iter().any(|(placed, _)| placed == name) {
        return Ok(());
    }
    let bytes = files.remove(name).ok_or_else(|| {
        Failure::new(format!("Debian's kernel has no module `{name}` where it was expected"))
    })?;
    let depends = elf::module_depends(&bytes)
        .ok_or_else(|| Failure::new(format!("module `{name}` does not say what it depends on")))?;
    for needed in depends {
        place(&needed, files, ordered)?;
    }
    ordered.push((name.to_owned(), bytes));
    Ok(())
}

fn files_below(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let doing = format!("list {}", folder.display());
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).attempting(&doing)? {
            let path = entry.attempting(&doing)?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
