//! `RTM_NEWROUTE`, `RTM_DELROUTE`.

use warren_netns::ip::RouteMode;

use super::parse::Parsed;
use crate::netlink::ack::Refusal;
use crate::netlink::route::{Answer, Request};

/// Adds, replaces or appends a route, as the flags of the message say.
pub(in crate::netlink::route) fn new(request: &Request<'_>) -> Result<Answer, Refusal> {
    let spec = Parsed::of(request)?.spec()?;
    let mode = RouteMode::from_bits_truncate(request.header.flags);
    let admin = request.admin_of(request.ns)?;
    request.ns.add_route(&admin, &spec, mode, request.cx)?;
    Ok(Answer::Nothing)
}

/// Deletes the first route the request fits.
pub(in crate::netlink::route) fn delete(request: &Request<'_>) -> Result<Answer, Refusal> {
    let selector = Parsed::of(request)?.selector()?;
    let admin = request.admin_of(request.ns)?;
    request.ns.delete_route(&admin, &selector, request.cx)?;
    Ok(Answer::Nothing)
}
