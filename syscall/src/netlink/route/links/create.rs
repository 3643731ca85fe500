//! `RTM_NEWLINK`: a new link, or a change of one that is there (Linux: `rtnl_newlink`).

use alloc::sync::Arc;

use warren_netns::namespace::change::{LinkChange, MasterChange};
use warren_netns::namespace::links::{LinkSpec, NameRequest};
use warren_netns::{IfName, Link, MacAddr, Mtu, Namespace};

use super::abi::*;
use super::{IfInfo, Named, group_members, named, place, set};
use crate::errno::Errno;
use crate::netlink::abi::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Policy, Strictness, Table};
use crate::netlink::kinds::{self, KindCodec};
use crate::netlink::route::{Answer, Request};

/// Queues each way a link may have.
const QUEUES_MAX: u32 = 4_096;

/// A link to be made, as the request describes it.
pub struct NewLink<'a> {
    /// The request.
    pub request: &'a Request<'a>,
    /// Where the link is to be made.
    pub ns: Arc<Namespace>,
    /// `IFLA_INFO_DATA`, held to the kind's policy.
    pub data: Option<Table<'a>>,
    info: IfInfo,
    table: Table<'a>,
    /// Whether this is the link the request is about, or another it describes.
    is_nested: bool,
}

/// What a link is to be, and where.
pub struct PlacedSpec {
    /// Its namespace.
    pub ns: Arc<Namespace>,
    /// Its attributes.
    pub spec: LinkSpec,
}

impl<'a> NewLink<'a> {
    /// The attributes common to all kinds; a nameless link is called `KIND%d`.
    ///
    /// # Errors
    /// EINVAL or EADDRNOTAVAIL for values no link may have.
    pub fn spec(&self, kind: &str) -> Result<LinkSpec, Refusal> {
        let name = match self.table.get(IFLA_IFNAME) {
            Some(attr) => NameRequest::parse(attr.string())?,
            None => default_name(kind)?,
        };
        let number = |kind| self.table.get(kind).map(Attr::u32);
        Ok(LinkSpec {
            name,
            ifindex: self.info.ifindex(),
            mac: self.table.get(IFLA_ADDRESS).map(new_mac).transpose()?,
            mtu: number(IFLA_MTU).map(Mtu),
            tx_queue_len: number(IFLA_TXQLEN),
            group: number(IFLA_GROUP).unwrap_or(0),
            tx_queues: self.queues(IFLA_NUM_TX_QUEUES, "Invalid number of transmit queues")?,
            rx_queues: self.queues(IFLA_NUM_RX_QUEUES, "Invalid number of receive queues")?,
        })
    }

    /// The link that `attr` describes: `struct ifinfomsg` and attributes of its own.
    ///
    /// # Errors
    /// What the policy of links refuses.
    pub fn nested(&self, attr: &Attr<'a>) -> Result<Self, Refusal> {
        let fixed = attr.payload.first_chunk::<FIXED>().ok_or(Errno::EINVAL)?;
        let table = Table::parse(attr.attrs(FIXED), &LINK, Strictness::Liberal)?;
        let ns = place::destination(self.request, &table)?;
        Ok(Self {
            request: self.request,
            // Where nothing is said, the socket's namespace is meant, not this link's.
            ns: ns.unwrap_or_else(|| self.request.ns.clone()),
            data: None,
            info: IfInfo::parse(fixed),
            table,
            is_nested: true,
        })
    }

    /// [`Self::spec`], with the namespace. Its ifindex counts only if the link the request
    /// is about asks for one too, as on Linux.
    ///
    /// # Errors
    /// See [`Self::spec`].
    pub fn spec_in_its_place(&self, kind: &str) -> Result<PlacedSpec, Refusal> {
        let own = IfInfo::of(self.request, "Invalid header length")?;
        let ifindex = self.info.ifindex().filter(|_| !self.is_nested || own.index != 0);
        Ok(PlacedSpec { ns: self.ns.clone(), spec: LinkSpec { ifindex, ..self.spec(kind)? } })
    }

    /// A second link like this one, with a name, a number and an address of its own.
    ///
    /// # Errors
    /// See [`Self::spec`].
    pub fn twin(&self, kind: &str) -> Result<PlacedSpec, Refusal> {
        let spec = self.spec(kind)?;
        let name = default_name(kind)?;
        Ok(PlacedSpec {
            ns: self.ns.clone(),
            spec: LinkSpec { name, ifindex: None, mac: None, ..spec },
        })
    }

    /// The flags the link is to begin with, if the request says so.
    #[must_use]
    pub fn flags_change(&self) -> Option<LinkChange> {
        let flags = set::flags_change(&self.info)?;
        Some(LinkChange { flags: Some(flags), ..LinkChange::default() })
    }

    /// Applies `change` to the link just made; if that is refused the link goes again.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn change_or_delete(
        &self,
        ns: &Arc<Namespace>,
        link: &Arc<Link>,
        change: &LinkChange,
    ) -> Result<(), Refusal> {
        let admin = self.request.admin_of(ns)?;
        ns.change_link(&admin, link, change, self.request.cx).map_err(|error| {
            // It may be gone already; then all the better.
            let _gone = ns.delete_link(&admin, link, self.request.cx);
            error.into()
        })
    }

    fn queues(&self, kind: u16, text: &'static str) -> Result<Option<u32>, Refusal> {
        match self.table.get(kind).map(Attr::u32) {
            Some(queues) if !(1..=QUEUES_MAX).contains(&queues) => Err(Refusal::invalid(text)),
            queues => Ok(queues),
        }
    }

    /// What is set after the link is made: the rest of its attributes.
    fn rest(&self) -> Result<LinkChange, Refusal> {
        let broadcast = self.table.get(IFLA_BROADCAST).map(set::mac).transpose()?;
        let master = match self.table.get(IFLA_MASTER).map(Attr::u32) {
            None | Some(0) => None,
            Some(index) => Some(MasterChange::Join(set::master(&self.ns, index)?)),
        };
        Ok(LinkChange {
            broadcast,
            master,
            alias: None,
            flags: set::flags_change(&self.info),
            link_mode: self.table.get(IFLA_LINKMODE).map(Attr::u8),
            ..LinkChange::default()
        })
    }
}

fn default_name(kind: &str) -> Result<NameRequest, Refusal> {
    let mut name = alloc::vec::Vec::with_capacity(16);
    name.extend_from_slice(kind.as_bytes());
    name.extend_from_slice(b"%d");
    let name = IfName::new(&name).ok_or(Errno::EINVAL)?;
    Ok(NameRequest::Template(name))
}

/// The address of a new link: an Ethernet station's.
fn new_mac(attr: &Attr<'_>) -> Result<MacAddr, Refusal> {
    if attr.payload.len() != 6 {
        return Err(Errno::EINVAL.into());
    }
    let mac = MacAddr(attr.array());
    if mac.is_valid_unicast() { Ok(mac) } else { Err(Errno::EADDRNOTAVAIL.into()) }
}

/// Makes or changes a link.
pub(in crate::netlink::route) fn new(request: &Request<'_>) -> Result<Answer, Refusal> {
    let table = request.attributes(FIXED, &LINK, Strictness::Liberal)?;
    let info = IfInfo::of(request, "Invalid header length")?;
    place::check_unique(&table)?;
    if info.index < 0 {
        return Err(Refusal::invalid("ifindex can't be negative"));
    }
    let kind_info = match table.get(IFLA_LINKINFO) {
        None => None,
        // Linux gives no text for what is wrong within.
        Some(attr) => Some(
            Table::parse(attr.attrs(0), &INFO, Strictness::Liberal)
                .map_err(|refusal| Refusal::new(refusal.errno))?,
        ),
    };
    let kind = LinkKindInfo::of(kind_info.as_ref())?;
    match named(request.ns, &info, &table) {
        Named::Link(link) => change(request, &link, info, &table, &kind),
        _ if !request.header.has(NLM_F_CREATE) => change_group(request, info, &table),
        _ => create(request, info, table, kind),
    }
}

/// `IFLA_LINKINFO`, read as far as that is possible without a link.
struct LinkKindInfo<'a> {
    kind: Option<&'static dyn KindCodec>,
    /// `IFLA_INFO_DATA`, where there is one.
    has_data: bool,
    data: Option<Table<'a>>,
    port_data: Option<Attr<'a>>,
}

impl<'a> LinkKindInfo<'a> {
    fn of(info: Option<&Table<'a>>) -> Result<Self, Refusal> {
        let get = |kind| info.and_then(|info| info.get(kind)).copied();
        let kind = get(IFLA_INFO_KIND).and_then(|attr| kinds::by_name(attr.string()));
        let data = get(IFLA_INFO_DATA);
        let parsed = match (data, kind.and_then(KindCodec::data_policy)) {
            (Some(data), Some(policy)) => Some(parse_nest(&data, policy)?),
            _ => None,
        };
        Ok(Self {
            kind,
            has_data: data.is_some(),
            data: parsed,
            port_data: get(IFLA_INFO_SLAVE_DATA),
        })
    }
}

fn parse_nest<'a>(attr: &Attr<'a>, policy: &Policy) -> Result<Table<'a>, Refusal> {
    Table::parse(attr.attrs(0), policy, Strictness::Liberal)
}

/// The link is there: its kind's part first, then the common one.
fn change(
    request: &Request<'_>,
    link: &Arc<Link>,
    info: IfInfo,
    table: &Table<'_>,
    kind: &LinkKindInfo<'_>,
) -> Result<Answer, Refusal> {
    if request.header.has(NLM_F_EXCL) {
        return Err(Errno::EEXIST.into());
    }
    if request.header.has(NLM_F_REPLACE) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let master = link.master();
    let master_kind = master.as_ref().and_then(|master| kinds::of(master));
    let port_data = match (kind.port_data, master_kind.and_then(KindCodec::port_policy)) {
        (Some(data), Some(policy)) => Some(parse_nest(&data, policy)?),
        _ => None,
    };
    set::validate(table)?;
    if kind.has_data {
        let own_kind = kinds::of(link);
        let codec = kind.kind.filter(|kind| own_kind.is_some_and(|own| own.name() == kind.name()));
        let (Some(codec), Some(data)) = (codec, &kind.data) else {
            return Err(Errno::EOPNOTSUPP.into());
        };
        codec.change(request, link, data)?;
    }
    if kind.port_data.is_some() {
        let (Some(master), Some(codec), Some(data)) = (&master, master_kind, &port_data) else {
            return Err(Errno::EOPNOTSUPP.into());
        };
        codec.change_port(request, master, link, data)?;
    }
    set::apply(request, link, info, table)?;
    Ok(Answer::Nothing)
}

/// No link is named, or it is not there, and none shall be made: the request may be about
/// all links of a group.
fn change_group(request: &Request<'_>, info: IfInfo, table: &Table<'_>) -> Result<Answer, Refusal> {
    let names_link =
        [IFLA_IFNAME, IFLA_ALT_IFNAME].into_iter().any(|kind| table.get(kind).is_some());
    let group = match table.get(IFLA_GROUP) {
        Some(group) if info.index == 0 && !names_link => group.u32(),
        _ => return Err(Errno::ENODEV.into()),
    };
    set::validate(table)?;
    for link in group_members(request.ns, group) {
        set::apply(request, &link, info, table)?;
    }
    Ok(Answer::Nothing)
}

fn create<'a>(
    request: &'a Request<'a>,
    info: IfInfo,
    table: Table<'a>,
    kind: LinkKindInfo<'a>,
) -> Result<Answer, Refusal> {
    if table.get(IFLA_MAP).is_some() || table.get(IFLA_PROTINFO).is_some() {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let Some(codec) = kind.kind else {
        return Err(Refusal::new(Errno::EOPNOTSUPP).text("Unknown device type"));
    };
    set::validate(&table)?;
    set::refuse_unsupported(&table)?;
    let ns = place::destination(request, &table)?.unwrap_or_else(|| request.ns.clone());
    // A link below in another namespace: no kind here has one.
    if table.get(IFLA_LINK_NETNSID).is_some() {
        return Err(Refusal::invalid("Unknown network namespace id"));
    }
    let new = NewLink { request, ns, data: kind.data, info, table, is_nested: false };
    let rest = new.rest()?;
    let link = codec.create(&new)?;
    if set::is_some(&rest) {
        new.change_or_delete(&new.ns, &link, &rest)?;
    }
    Ok(Answer::Nothing)
}
