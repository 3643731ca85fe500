//! An initramfs: a tree of files in memory, written as a cpio archive in the `newc` format
//! (Linux Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! The tree is ordered by path, so equal trees are equal bytes, and a folder comes before what is
//! in it. Every file belongs to root.

use std::collections::BTreeMap;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// The files a guest boots with.
#[derive(Clone, Default)]
pub(crate) struct Tree(BTreeMap<String, Node>);

#[derive(Clone)]
struct Node {
    mode: u32,
    content: Vec<u8>,
    device: (u32, u32),
}

impl Tree {
    /// Adds a folder, and the folders above it.
    pub(crate) fn directory(&mut self, path: &str, permissions: u32) {
        self.insert(path, DIRECTORY | permissions, Vec::new(), (0, 0));
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, permissions: u32, content: impl Into<Vec<u8>>) {
        self.insert(path, REGULAR | permissions, content.into(), (0, 0));
    }

    /// Adds a symbolic link.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) {
        self.insert(path, SYMLINK | 0o777, target.into(), (0, 0));
    }

    /// Adds a character device.
    pub(crate) fn character_device(&mut self, path: &str, permissions: u32, device: (u32, u32)) {
        self.insert(path, CHARACTER_DEVICE | permissions, Vec::new(), device);
    }

    /// Whether something has this path.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The tree as a cpio archive.
    pub(crate) fn to_cpio(&self) -> Vec<u8> {
        let mut archive = Vec::new();
        for (inode, (path, node)) in (1..).zip(&self.0) {
            entry(&mut archive, inode, path, node);
        }
        let end = Node { mode: 0, content: Vec::new(), device: (0, 0) };
        entry(&mut archive, 0, "TRAILER!!!", &end);
        archive
    }

    fn insert(&mut self, path: &str, mode: u32, content: Vec<u8>, device: (u32, u32)) {
        let mut above = path;
        while let Some((folder, _)) = above.rsplit_once('/') {
            let missing = Node { mode: DIRECTORY | 0o755, content: Vec::new(), device: (0, 0) };
            let folder_node = self.0.entry(folder.to_owned()).or_insert(missing);
            // Files are unpacked in order of their paths, before a link has its target.
            debug_assert!(folder_node.mode & SYMLINK != SYMLINK, "{path} is below a link");
            above = folder;
        }
        self.0.insert(path.to_owned(), Node { mode, content, device });
    }
}

fn entry(archive: &mut Vec<u8>, inode: u32, path: &str, node: &Node) {
    let size = u32::try_from(node.content.len()).expect("no file of an initramfs reaches 4 GiB");
    let name_size = u32::try_from(path.len() + 1).expect("a path is short");
    let links = if node.mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
    archive.extend(b"070701");
    // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    let (major, minor) = node.device;
    for field in [inode, node.mode, 0, 0, links, 0, size, 0, 0, major, minor, name_size, 0] {
        archive.extend(format!("{field:08x}").into_bytes());
    }
    archive.extend(path.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend(&node.content);
    pad(archive);
}

/// Headers and contents start at multiples of four.
fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_brings_the_folders_above_it_and_they_come_first() {
        let mut tree = Tree::default();
        tree.file("usr/bin/ip", 0o755, "x");
        assert_eq!(tree.0.keys().collect::<Vec<_>>(), ["usr", "usr/bin", "usr/bin/ip"]);
    }

    #[test]
    fn an_entry_is_laid_out_as_the_format_says() {
        let mut tree = Tree::default();
        tree.file("init", 0o755, "hello");
        let archive = tree.to_cpio();
        let header = "070701\
                      00000001000081ed0000000000000000000000010000000000000005\
                      00000000000000000000000000000000\
                      0000000500000000";
        assert_eq!(&archive[..110], header.as_bytes());
        assert_eq!(&archive[110..116], b"init\0\0"[..6].as_ref());
        assert_eq!(&archive[116..124], b"hello\0\0\0");
        assert!(archive[124..].starts_with(b"070701"));
        assert_eq!(archive.len() % 4, 0);
    }

    #[test]
    fn a_device_carries_its_numbers_and_a_link_its_target() {
        let mut tree = Tree::default();
        tree.character_device("dev/console", 0o600, (5, 1));
        tree.symlink("bin", "usr/bin");
        let text = String::from_utf8_lossy(&tree.to_cpio()).into_owned();
        assert!(text.contains("0000000500000001"), "rdev 5:1");
        assert!(text.contains("usr/bin"));
    }

    #[test]
    fn the_host_s_own_cpio_reads_the_archive() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut tree = Tree::default();
        tree.file("a/b", 0o644, "content");
        tree.symlink("link", "a/b");
        let Ok(mut cpio) = Command::new("cpio")
            .args(["--list", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
        else {
            return; // This machine has no cpio; the layout is tested above.
        };
        cpio.stdin.take().expect("piped").write_all(&tree.to_cpio()).expect("cpio reads");
        let listed = cpio.wait_with_output().expect("cpio ends");
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "a\na/b\nlink\n");
    }
}
