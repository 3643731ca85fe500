//! Waiting and waking.

mod wait;

pub use wait::{Notify, Sleeper, WaitQueue};
