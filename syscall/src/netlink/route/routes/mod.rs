//! `RTM_*ROUTE` of IPv4.
//!
//! | module | what it is |
//! |---|---|
//! | [`parse`] | a request as a route to add or to delete |
//! | [`change`] | `RTM_NEWROUTE`, `RTM_DELROUTE` |
//! | [`message`] | a route as a message |
//! | [`get`] | `ip route show` and `ip route get` |

mod abi;
mod change;
mod get;
pub(super) mod message;
mod parse;

pub(super) use change::{delete, new};
pub(super) use get::{dump, get};
