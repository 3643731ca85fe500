//! Reader of "newc" cpio archives, the format of an initramfs.
//!
//! As Linux's, an image is any number of archives after each other, each ended by
//! an entry named `TRAILER!!!` and padded with zeros
//! (Documentation/driver-api/early-userspace/buffer-format.rst). Every length comes
//! from the image and is checked before it is used; a malformed image yields an
//! error, never a panic, and the entries before the damage stay valid.

use core::fmt;

/// Length of the header: the magic and thirteen numbers of eight hex digits.
const HEADER_LEN: usize = 6 + 13 * 8;

/// Linux's PATH_MAX: a longer name in the image is a malformed image.
const NAME_MAX: usize = 4096;

/// One file of an archive; `name` and `data` borrow from the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Path without the closing NUL, as the archive spells it (often without a leading slash).
    pub name: &'a [u8],
    /// `st_mode`: file type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names this file has; above one the entries with equal
    /// `(dev, ino)` are hard links, and the last carries the data.
    pub nlink: u32,
    /// Modification time, in seconds of the Unix epoch.
    pub mtime: u32,
    /// Device the file was archived from, major and minor.
    pub dev: (u32, u32),
    /// Inode number it had there.
    pub ino: u32,
    /// Device the node stands for, major and minor, if it is a device node.
    pub rdev: (u32, u32),
    /// Contents, or the target of a symbolic link.
    pub data: &'a [u8],
}

/// Why an image can't be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum CpioError {
    /// Neither a header nor padding where one was expected.
    BadMagic,
    /// A number that is not eight hex digits.
    BadNumber,
    /// A name that is empty, too long or not ended by a NUL.
    BadName,
    /// The image ends inside an entry.
    Truncated,
}

impl fmt::Display for CpioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadMagic => "no cpio header where one was expected",
            Self::BadNumber => "a number that is not eight hex digits",
            Self::BadName => "an entry without a valid name",
            Self::Truncated => "the image ends inside an entry",
        })
    }
}

/// Iterates over the entries of all archives in an image, without the trailers.
/// After an error it is exhausted.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    image: &'a [u8],
    at: usize,
}

impl<'a> Entries<'a> {
    /// Starts at the beginning of `image`.
    #[must_use]
    pub fn new(image: &'a [u8]) -> Self {
        Self { image, at: 0 }
    }

    /// Skips the padding between archives.
    fn skip_zeros(&mut self) {
        let rest = self.image.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| **byte == 0).count();
    }

    fn entry(&mut self) -> Result<Entry<'a>, CpioError> {
        let rest = self.image.get(self.at..).unwrap_or_default();
        let header = rest.get(..HEADER_LEN).ok_or(if rest.starts_with(b"0707") {
            CpioError::Truncated
        } else {
            CpioError::BadMagic
        })?;
        // "070702" differs by a checksum of the data, which Linux ignores too.
        if !header.starts_with(b"070701") && !header.starts_with(b"070702") {
            return Err(CpioError::BadMagic);
        }
        let number = |index: usize| hex(&header[6 + 8 * index..6 + 8 * (index + 1)]);
        let file_len = number(6)? as usize;
        let name_len = number(11)? as usize;
        if name_len == 0 || name_len > NAME_MAX {
            return Err(CpioError::BadName);
        }
        let name_at = self.at + HEADER_LEN;
        let name = self.image.get(name_at..name_at + name_len).ok_or(CpioError::Truncated)?;
        let Some((0, name)) = name.split_last() else { return Err(CpioError::BadName) };
        if name.is_empty() || name.contains(&0) {
            return Err(CpioError::BadName);
        }
        let data_at = align4(name_at + name_len);
        let data_end = data_at.checked_add(file_len).ok_or(CpioError::Truncated)?;
        let data = self.image.get(data_at..data_end).ok_or(CpioError::Truncated)?;
        self.at = align4(data_end).min(self.image.len());
        Ok(Entry {
            name,
            mode: number(1)?,
            uid: number(2)?,
            gid: number(3)?,
            nlink: number(4)?,
            mtime: number(5)?,
            dev: (number(7)?, number(8)?),
            ino: number(0)?,
            rdev: (number(9)?, number(10)?),
            data,
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, CpioError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.skip_zeros();
            if self.at >= self.image.len() {
                return None;
            }
            match self.entry() {
                Ok(entry) if entry.name == b"TRAILER!!!" => {}
                Ok(entry) => return Some(Ok(entry)),
                Err(error) => {
                    self.at = self.image.len();
                    return Some(Err(error));
                }
            }
        }
    }
}

fn align4(offset: usize) -> usize {
    offset.div_ceil(4) * 4
}

fn hex(digits: &[u8]) -> Result<u32, CpioError> {
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(CpioError::BadNumber)?;
        Ok(value << 4 | digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    fn put(image: &mut Vec<u8>, name: &str, mode: u32, data: &[u8]) {
        let numbers =
            [7, mode, 1, 2, 1, 9, data.len() as u32, 0, 0, 5, 1, name.len() as u32 + 1, 0];
        image.extend(b"070701");
        for number in numbers {
            image.extend(format!("{number:08x}").as_bytes());
        }
        image.extend(name.as_bytes());
        image.push(0);
        image.resize(image.len().next_multiple_of(4), 0);
        image.extend(data);
        image.resize(image.len().next_multiple_of(4), 0);
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut image = Vec::new();
        for (name, data) in files {
            put(&mut image, name, 0o100644, data);
        }
        put(&mut image, "TRAILER!!!", 0, b"");
        image
    }

    fn names(image: &[u8]) -> Vec<Result<&[u8], CpioError>> {
        Entries::new(image).map(|entry| entry.map(|entry| entry.name)).collect()
    }

    #[test]
    fn an_entry_carries_every_field_of_its_header() {
        let image = archive(&[("etc/motd", b"hello")]);
        let entry = Entries::new(&image).next().unwrap().unwrap();
        assert_eq!(entry.name, b"etc/motd");
        assert_eq!(entry.data, b"hello");
        assert_eq!((entry.mode, entry.uid, entry.gid, entry.mtime), (0o100644, 1, 2, 9));
        assert_eq!((entry.nlink, entry.ino, entry.rdev), (1, 7, (5, 1)));
    }

    #[test]
    fn concatenated_archives_with_padding_read_as_one() {
        let mut image = archive(&[("a", b"1"), ("b", b"22")]);
        image.resize(image.len() + 512, 0);
        image.extend(archive(&[("c", b"")]));
        image.resize(image.len() + 3, 0);
        assert_eq!(names(&image), [Ok(&b"a"[..]), Ok(b"b"), Ok(b"c")]);
    }

    #[test]
    fn an_empty_image_has_no_entries() {
        assert!(names(&[]).is_empty());
        assert!(names(&[0; 64]).is_empty());
    }

    #[test]
    fn every_truncation_yields_an_error_or_fewer_entries_and_no_panic() {
        let image = archive(&[("a", b"12345"), ("bb", b"6")]);
        for end in 0..image.len() {
            let seen = names(&image[..end]);
            assert!(seen.len() <= 3, "{seen:?}");
            assert!(seen.iter().rev().skip(1).all(Result::is_ok), "{seen:?}");
        }
        assert_eq!(names(&image[..HEADER_LEN + 1]), [Err(CpioError::Truncated)]);
    }

    #[test]
    fn garbage_is_refused_and_ends_the_iteration() {
        let mut image = archive(&[("a", b"")]);
        image.extend(b"not an archive");
        assert_eq!(names(&image), [Ok(&b"a"[..]), Err(CpioError::BadMagic)]);
        let mut image = archive(&[("a", b"")]);
        image[10] = b'g';
        assert_eq!(names(&image), [Err(CpioError::BadNumber)]);
    }

    #[test]
    fn lengths_near_the_end_of_the_address_space_are_refused() {
        let mut image = archive(&[("a", b"")]);
        image[6 + 8 * 6..6 + 8 * 7].copy_from_slice(b"ffffffff");
        assert_eq!(names(&image), [Err(CpioError::Truncated)]);
        let mut image = archive(&[("a", b"")]);
        image[6 + 8 * 11..6 + 8 * 12].copy_from_slice(b"ffffffff");
        assert_eq!(names(&image), [Err(CpioError::BadName)]);
        image[6 + 8 * 11..6 + 8 * 12].copy_from_slice(b"00000000");
        assert_eq!(names(&image), [Err(CpioError::BadName)]);
    }
}
