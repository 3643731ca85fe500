//! `RTM_DELLINK`: one link, or all of a group.

use super::abi::{FIXED, IFLA_GROUP, LINK};
use super::{IfInfo, Named, group_members, named, place};
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::Strictness;
use crate::netlink::route::{Answer, Request};

/// Deletes what the request names.
pub(in crate::netlink::route) fn delete(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &LINK, Strictness::Liberal)?;
    let info = IfInfo::of(request, "Invalid header length")?;
    let (ns, _) = place::target(request, &table)?;
    let admin = request.admin_of(&ns)?;
    match named(&ns, &info, &table) {
        Named::Link(link) => ns.delete_link(&admin, &link, request.cx)?,
        Named::Absent => return Err(Errno::ENODEV.into()),
        Named::Nothing => {
            let group = table.get(IFLA_GROUP).ok_or(Errno::EINVAL)?.u32();
            // Group 0 is everybody's.
            if group == 0 {
                return Err(Errno::EPERM.into());
            }
            let members = group_members(&ns, group);
            if members.is_empty() {
                return Err(Errno::ENODEV.into());
            }
            if members.iter().any(|link| !link.kind().deletable()) {
                return Err(Errno::EOPNOTSUPP.into());
            }
            for link in members {
                // A peer in the same group went with its other end.
                if ns.contains(&link) {
                    ns.delete_link(&admin, &link, request.cx)?;
                }
            }
        }
    }
    Ok(Answer::Nothing)
}
