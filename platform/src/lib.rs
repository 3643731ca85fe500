//! What a host lends to Warren's core, and nothing else.
//!
//! The core has no ambient clock, randomness, thread or lock. `now` is an argument of
//! every call that needs it ([`time::Instant`]); the rest comes through one small trait,
//! [`host::Platform`], which a kernel, a test and a simulation each implement.
//! The order in which locks nest is in [`lock`], one line each.
#![cfg_attr(not(feature = "lock-check"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod host;
pub mod lock;
pub mod time;

pub use host::{CpuId, Keeper, KeeperStep, Observer, Platform, Readiness, Wake};
pub use time::{Duration, Instant};
