//! Mapping a program and its interpreter into a new address space.

use warren_kernel_core::elf::Segment;

use super::program::{Image, Program};
use crate::mm::{
    AddressSpace, Mapping, PAGE_SIZE, PageSource, Placement, Protection, USER_END, frames,
    page_ceil, page_floor,
};
use crate::prelude::*;
use crate::random;

/// Where position-independent programs are placed, before randomisation: two thirds
/// into user memory, as on Linux (`ELF_ET_DYN_BASE`).
const PROGRAM_BASE: usize = 0x5555_5555_4000;
/// Pages of randomness: 28 bits for mappings and programs, 22 for the stack.
const MAP_RANDOM_PAGES: usize = 1 << 28;
const STACK_RANDOM_PAGES: usize = 1 << 22;
/// Room for the stack to grow into above the mappings.
const STACK_ROOM: usize = 128 << 20;

/// What the new program starts from.
pub(super) struct Loaded {
    /// The first instruction, the interpreter's if there is one.
    pub(super) start: usize,
    /// The program's own first instruction (`AT_ENTRY`).
    pub(super) entry: usize,
    /// Where the interpreter was placed (`AT_BASE`).
    pub(super) interpreter_base: usize,
    /// Where the program headers are (`AT_PHDR`), and how many.
    pub(super) headers: (usize, usize),
    pub(super) stack_top: usize,
    /// As execve was asked for it (`AT_EXECFN`).
    pub(super) name: Vec<u8>,
    pub(super) executable_stack: bool,
}

fn random_pages(bound: usize) -> usize {
    let mut word = [0; 8];
    random::fill(&mut word);
    usize::from_le_bytes(word) % bound * PAGE_SIZE
}

/// Maps everything but the stack.
pub(super) fn load(space: &AddressSpace, program: &Program) -> Result<Loaded> {
    let stack_top = USER_END - PAGE_SIZE - random_pages(STACK_RANDOM_PAGES);
    let mmap_top = page_floor(stack_top - STACK_ROOM - random_pages(MAP_RANDOM_PAGES));
    space.set_layout(|layout| {
        layout.mmap_top = mmap_top;
        layout.stack_top = stack_top;
    });
    let image = &program.image;
    let hint = PROGRAM_BASE + random_pages(MAP_RANDOM_PAGES);
    let bias = map_image(space, image, Some(hint))?;
    let end = bias.wrapping_add(image.program.span().end);
    let heap = page_ceil(end).ok_or(Errno::ENOMEM)?;
    space.set_layout(|layout| layout.heap = heap..heap);
    let entry = bias.wrapping_add(image.header.entry);
    let (start, interpreter_base) = match &program.interpreter {
        None => (entry, 0),
        Some(interpreter) => {
            let base = map_image(space, interpreter, None)?;
            (base.wrapping_add(interpreter.header.entry), base)
        }
    };
    // The processor refuses to go to an address beyond user memory, in the kernel.
    if start >= USER_END {
        return Err(Errno::ENOEXEC);
    }
    let headers = image.program.headers_addr.map_or(0, |addr| bias.wrapping_add(addr));
    Ok(Loaded {
        start,
        entry,
        interpreter_base,
        headers: (headers, image.header.headers_count),
        stack_top,
        name: program.name.clone(),
        executable_stack: image.program.executable_stack,
    })
}

/// Maps the segments of an image and gives the distance from where they were linked.
fn map_image(space: &AddressSpace, image: &Image, hint: Option<usize>) -> Result<usize> {
    let span = image.program.span();
    let (low, high) = (page_floor(span.start), page_ceil(span.end).ok_or(Errno::ENOEXEC)?);
    let bias = if image.header.is_relocatable {
        // A place for all of it, found by mapping it and then mapping over it.
        let placement = Placement::Hint(hint.unwrap_or(0));
        let none = Protection::empty();
        let place = space.map(placement, high - low, none, Mapping::zeros(), u64::MAX)?;
        space.unmap(place, high - low)?;
        place.wrapping_sub(low)
    } else {
        0
    };
    for segment in &image.program.segments {
        map_segment(space, image, segment, bias)?;
    }
    Ok(bias)
}

fn map_segment(space: &AddressSpace, image: &Image, segment: &Segment, bias: usize) -> Result<()> {
    let addr = bias.wrapping_add(segment.addr);
    let start = page_floor(addr);
    let file_end = addr + segment.file_len;
    let zeros_from = page_ceil(file_end).ok_or(Errno::ENOEXEC)?;
    let end = page_ceil(addr + segment.memory_len).ok_or(Errno::ENOEXEC)?;
    if segment.file_len > 0 {
        let offset = page_floor(segment.offset);
        let source: Arc<dyn PageSource> = if segment.memory_len > segment.file_len
            && !file_end.is_multiple_of(PAGE_SIZE)
        {
            let tail = (page_floor(segment.offset + segment.file_len)) / PAGE_SIZE;
            Arc::new(ZeroTail { file: image.pages.clone(), page: tail, kept: file_end % PAGE_SIZE })
        } else {
            image.pages.clone()
        };
        let mapping = Mapping::private(source, offset);
        let place = Placement::Fixed(start);
        space.map(place, zeros_from - start, segment.protection, mapping, u64::MAX)?;
    }
    let zeros = if segment.file_len > 0 { zeros_from } else { start };
    if end > zeros {
        let place = Placement::Fixed(zeros);
        space.map(place, end - zeros, segment.protection, Mapping::zeros(), u64::MAX)?;
    }
    Ok(())
}

/// A file's pages, but what follows the data in the last of them reads as zeros: that is
/// where a program's uninitialised variables begin.
struct ZeroTail {
    file: Arc<dyn PageSource>,
    page: usize,
    kept: usize,
}

impl PageSource for ZeroTail {
    fn page(&self, index: usize) -> Result<ostd::mm::UFrame> {
        use ostd::mm::VmIoFill;
        let frame = self.file.page(index)?;
        if index != self.page {
            return Ok(frame);
        }
        let copy = frames::copy_of(&frame)?;
        copy.fill_zeros(self.kept, PAGE_SIZE - self.kept).map_err(|_| Errno::EIO)?;
        Ok(copy)
    }

    fn name(&self) -> String {
        self.file.name()
    }

    fn identity(&self) -> (u64, u64) {
        self.file.identity()
    }
}
