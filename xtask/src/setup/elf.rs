//! What an ELF file says about itself: the libraries it needs, the modules it depends on.

use elf::ElfBytes;
use elf::abi::{DT_NEEDED, PT_INTERP};
use elf::endian::AnyEndian;

/// What a dynamically linked program or library asks the loader for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The loader's path (`PT_INTERP`), for programs.
    pub(crate) interpreter: Option<String>,
    /// Library names (`DT_NEEDED`).
    pub(crate) libraries: Vec<String>,
}

/// The needs of an ELF file; none for a static one. `None` when `bytes` are no ELF file.
pub(crate) fn needs(bytes: &[u8]) -> Option<Needs> {
    let file = ElfBytes::<AnyEndian>::minimal_parse(bytes).ok()?;
    let mut needs = Needs::default();
    let headers = file.segments()?;
    if let Some(header) = headers.iter().find(|header| header.p_type == PT_INTERP) {
        let path = file.segment_data(&header).ok()?.strip_suffix(b"\0")?;
        needs.interpreter = Some(String::from_utf8(path.to_vec()).ok()?);
    }
    if let Some(dynamic) = file.dynamic().ok()? {
        let common = file.find_common_data().ok()?;
        let names = common.dynsyms_strs?;
        for entry in dynamic.iter().filter(|entry| entry.d_tag == DT_NEEDED) {
            let name = names.get(usize::try_from(entry.d_val()).ok()?).ok()?;
            needs.libraries.push(name.to_owned());
        }
    }
    Some(needs)
}

/// The modules a Linux kernel module names in the `depends=` line of its `.modinfo` section.
pub(crate) fn module_depends(bytes: &[u8]) -> Option<Vec<String>> {
    let file = ElfBytes::<AnyEndian>::minimal_parse(bytes).ok()?;
    let section = file.section_header_by_name(".modinfo").ok()??;
    let (data, _compression) = file.section_data(&section).ok()?;
    let depends = data.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(b"depends="))?;
    let depends = std::str::from_utf8(depends).ok()?;
    Some(depends.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::needs;

    #[test]
    fn this_test_program_needs_a_loader_and_the_c_library() {
        let own =
            std::fs::read(std::env::current_exe().expect("a test has a path")).expect("own file");
        let needs = needs(&own).expect("an ELF file");
        assert!(needs.interpreter.is_some_and(|path| path.contains("ld-linux")));
        assert!(needs.libraries.iter().any(|name| name.starts_with("libc.so")));
    }

    #[test]
    fn a_script_is_no_elf_file() {
        assert_eq!(needs(b"#!/bin/sh\necho hello\n"), None);
    }
}
