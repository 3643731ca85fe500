//! What nearly every file of the kernel names.

pub use alloc::boxed::Box;
pub use alloc::string::String;
pub use alloc::sync::{Arc, Weak};
pub use alloc::vec::Vec;

pub use warren_syscall::errno::Errno;

/// The result of anything that can fail with an error number of Linux's.
pub type Result<T, E = Errno> = core::result::Result<T, E>;
