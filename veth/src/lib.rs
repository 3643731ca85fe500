//! veth: two links that hand each other their frames, usually across two namespaces.
//!
//! What one end sends, the other receives: the buffer is moved, never copied. Each end has
//! a bounded queue ([`queue`]) and a NAPI instance that the sender schedules on its own
//! CPU, so a ping-pong stays on one CPU. An end has carrier while both are up. The ends
//! are made together and die together, wherever they have been moved to.
//!
//! [`control`] makes pairs and answers the control path; [`datapath`] moves frames.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod control;
mod datapath;
mod queue;

pub use control::{PairSpec, Veth, create_pair, default_name};
