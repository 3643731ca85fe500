//! User memory: address spaces, page faults, and the kernel's access to both.

mod source;
mod space;
pub mod user;

pub use ostd::mm::PAGE_SIZE;
pub use source::PageSource;
pub use space::AddressSpace;
