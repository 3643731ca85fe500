//! The testbed: a whole network in one process, on a virtual clock.
//!
//! A [`World`] is one machine: a stack on a simulated host ([`host`]) whose CPUs, keepers
//! and NAPI threads run when the test lets time pass, in an order that depends on nothing
//! but the test. Time jumps to the next instant somebody waits for; no test sleeps. Two
//! worlds share nothing.
//!
//! Every scenario runs inside [`scenario`], which ends with the checks of [`check`]: every
//! poller idle with nothing left to do, every keeper asleep no longer than its namespace's
//! earliest deadline, and, once the namespaces are gone, no packet alive.
#![forbid(unsafe_code)]

pub mod check;
pub mod counters;
pub mod frames;
pub mod host;
pub mod inet;
pub mod random;
pub mod world;

pub use world::{World, scenario, scenarios};
