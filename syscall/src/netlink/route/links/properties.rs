//! `RTM_NEWLINKPROP`, `RTM_DELLINKPROP`: alternative names.

use warren_netns::error::LinkError;

use super::abi::{FIXED, IFLA_ALT_IFNAME, IFLA_PROP_LIST, LINK};
use super::{IfInfo, Named, is_link, named, place};
use crate::errno::Errno;
use crate::netlink::abi::RTM_NEWLINKPROP;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::Strictness;
use crate::netlink::route::{Answer, Request};

/// Adds or removes what the list holds, one by one; the first refusal ends it.
pub(in crate::netlink::route) fn properties(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &LINK, Strictness::Strict)?;
    let info = IfInfo::of(request, "Invalid header length")?;
    let (ns, _) = place::target(request, &table)?;
    let admin = request.admin_of(&ns)?;
    let link = match named(&ns, &info, &table) {
        Named::Link(link) => link,
        Named::Absent => return Err(Errno::ENODEV.into()),
        Named::Nothing => return Err(Errno::EINVAL.into()),
    };
    let names = table.get(IFLA_PROP_LIST).map(|list| list.attrs(0));
    for attr in names.into_iter().flatten().filter(|attr| attr.kind == IFLA_ALT_IFNAME) {
        LINK.check(&attr)?;
        let name = attr.string();
        if request.header.kind == RTM_NEWLINKPROP {
            ns.add_alt_name(&admin, &link, name, request.cx).map_err(|error| match error {
                // Linux bounds the list, not the number of names.
                LinkError::NoMemory => Refusal::invalid("effective property list too long"),
                other => other.into(),
            })?;
        } else {
            let owner = ns.find_link(name);
            if owner.is_some() && !is_link(owner.as_ref(), link.id()) {
                return Err(Errno::EINVAL.into());
            }
            ns.remove_alt_name(&admin, &link, name, request.cx).map_err(|error| match error {
                // Its own name is no alternative one.
                LinkError::NotFound if owner.is_some() => Refusal::new(Errno::EINVAL),
                LinkError::NotFound => Refusal::new(Errno::ENOENT),
                other => other.into(),
            })?;
        }
    }
    Ok(Answer::Nothing)
}
