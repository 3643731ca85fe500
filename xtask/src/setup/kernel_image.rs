//! Warren's bootable kernel: built by its own cargo, prepared for QEMU's loader.

use std::fs;
use std::path::PathBuf;

use super::toolchain::{KernelToolchain, TARGET};
use crate::command;
use crate::failure::{Attempt, Failure, Outcome};
use crate::layout::Layout;
use crate::progress;

/// A kernel file QEMU can boot.
pub(crate) struct KernelImage {
    /// The file for `-kernel`.
    pub(crate) path: PathBuf,
    /// Modules to load at boot, in order: name and content. Warren has none.
    pub(crate) modules: Vec<(String, Vec<u8>)>,
}

/// The offset of `e_machine` in an ELF header, and the two values that matter here.
const E_MACHINE: usize = 18;
const EM_386: u8 = 3;
const EM_X86_64: u8 = 62;

/// Builds the kernel.
pub(crate) fn build(layout: &Layout) -> Outcome<KernelImage> {
    if !layout.kernel().join("Cargo.toml").is_file() {
        return Err(Failure::new("there is no kernel/ in this checkout")
            .advise("`--linux` boots Debian's Linux with the same programs"));
    }
    let toolchain = KernelToolchain::ensure(layout)?;
    progress::step("Building", "Warren's kernel");
    let target = layout.kernel().join("target");
    let mut cargo = toolchain.cargo(layout);
    cargo.args(["build", "--release", "--quiet", "--target", TARGET, "--target-dir"]);
    command::show(cargo.arg(&target), "build the kernel")?;
    let built = target.join(TARGET).join("release/warren-kernel");
    let mut image = fs::read(&built).attempting(format_args!("read {}", built.display()))?;
    mark_for_multiboot(&mut image)?;
    // A name of its own per content would pile up; boots copy nothing, so replace atomically.
    let folder = layout.cache("kernels")?;
    let fresh = folder.join(format!("warren.{}", std::process::id()));
    let path = folder.join("warren");
    fs::write(&fresh, image).attempting(format_args!("write {}", fresh.display()))?;
    fs::rename(&fresh, &path).attempting(format_args!("write {}", path.display()))?;
    Ok(KernelImage { path, modules: Vec::new() })
}

/// QEMU's multiboot loader refuses ELF files that call themselves 64-bit x86, though it loads
/// them; the kernel switches to long mode itself.
fn mark_for_multiboot(image: &mut [u8]) -> Outcome {
    match image.get_mut(E_MACHINE) {
        Some(machine) if *machine == EM_X86_64 => {
            *machine = EM_386;
            Ok(())
        }
        _ => Err(Failure::new("the kernel that was built is no x86-64 ELF file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_field_is_changed_and_nothing_else() {
        let mut image = vec![0_u8; 64];
        image[E_MACHINE] = EM_X86_64;
        let mut expected = image.clone();
        expected[E_MACHINE] = EM_386;
        mark_for_multiboot(&mut image).expect("an x86-64 image");
        assert_eq!(image, expected);
    }

    #[test]
    fn a_file_for_another_machine_is_refused() {
        assert!(mark_for_multiboot(&mut [0; 64]).is_err());
        assert!(mark_for_multiboot(&mut []).is_err());
    }
}
