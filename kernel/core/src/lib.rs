//! The parts of Warren's kernel that need neither hardware nor OSTD, lifted out so
//! that they are tested on the host.
//!
//! | module | what it decides |
//! |---|---|
//! | [`cmdline`] | what the kernel command line says |
//! | [`cpio`] | which files an initramfs image holds |
//! | [`elf`] | what an ELF program or a script wants mapped and run |
//! | [`freemap`] | which pages of memory are free |
//! | [`ldisc`] | what a terminal does with each byte (termios) |
//! | [`mounts`] | which mount covers which place, and where a mount propagates |
//! | [`options`] | what the options of a mount say |
//! | [`names`] | how a path name splits into components |
//! | [`ranges`] | which byte ranges of a file are locked, and by whom |
//! | [`signals`] | which signals wait, and what they do by default |
//! | [`timers`] | which deadline comes next |
//! | [`vma`] | which ranges of an address space are mapped |
//!
//! Nothing here allocates without a bound given by its caller, blocks, or knows
//! what time it is.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cmdline;
pub mod cpio;
pub mod elf;
pub mod freemap;
pub mod ldisc;
pub mod mounts;
pub mod names;
pub mod options;
pub mod ranges;
pub mod signals;
pub mod timers;
pub mod vma;
