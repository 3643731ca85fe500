//! One setting as text: numbers in decimal, a line each (Linux: `proc_dointvec` and its
//! kin).

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use warren_netns::ip::conf::{ConfTarget, Devconf, Setting as IpSetting};
use warren_netns::neighbour::conf::Setting as NeighbourSetting;
use warren_netns::socket::options;
use warren_netns::{Link, Namespace};

use super::DoorSysctls;
use crate::cred::Caller;
use crate::errno::Errno;

/// A setting of one namespace.
pub struct Setting {
    ns: Arc<Namespace>,
    value: Value,
}

/// Where a setting's value is.
pub(super) enum Value {
    /// `net.ipv4.*`.
    Ip(IpSetting),
    /// `net.ipv4.ip_forward`.
    Forward,
    /// `net.ipv4.conf.*.*`.
    Conf(Conf, Devconf),
    /// `net.ipv4.neigh.default.*`.
    Neighbour(NeighbourSetting),
    /// `net.ipv4.ping_group_range`.
    PingGroups,
    /// `net.ipv4.ip_unprivileged_port_start`.
    PortStart,
    /// `net.core.*`: what cannot be changed here.
    Fixed(Fixed),
}

/// Whose `net.ipv4.conf` it is.
pub(super) enum Conf {
    /// All links together.
    All,
    /// Links to come.
    Default,
    /// One link.
    Link(Arc<Link>),
}

impl Conf {
    fn target(&self) -> ConfTarget<'_> {
        match self {
            Self::All => ConfTarget::All,
            Self::Default => ConfTarget::Default,
            Self::Link(link) => ConfTarget::Link(link),
        }
    }
}

/// Bounds the core keeps and does not let change.
#[derive(Clone, Copy)]
pub(super) enum Fixed {
    ReceiveDefault,
    ReceiveMost,
    SendDefault,
    SendMost,
}

impl Fixed {
    pub(super) const ALL: &'static [Self] =
        &[Self::ReceiveDefault, Self::ReceiveMost, Self::SendDefault, Self::SendMost];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ReceiveDefault => "rmem_default",
            Self::ReceiveMost => "rmem_max",
            Self::SendDefault => "wmem_default",
            Self::SendMost => "wmem_max",
        }
    }

    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|fixed| fixed.name().as_bytes() == name)
    }

    const fn value(self) -> usize {
        match self {
            Self::ReceiveDefault | Self::SendDefault => options::DEFAULT_BUFFER,
            Self::ReceiveMost | Self::SendMost => options::MAX_BUFFER_REQUEST,
        }
    }
}

impl Setting {
    pub(super) fn new(ns: &Arc<Namespace>, value: Value) -> Self {
        Self { ns: ns.clone(), value }
    }

    /// Whether it can be changed.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        !matches!(self.value, Value::Fixed(_) | Value::Conf(_, Devconf::McForwarding))
    }

    /// Its text.
    #[must_use]
    pub fn read(&self) -> String {
        let ns = &self.ns;
        let door = || ns.extensions.get::<DoorSysctls>();
        match &self.value {
            Value::Ip(setting) => format!("{}\n", ns.ip.conf.get(*setting)),
            Value::Forward => format!("{}\n", i32::from(ns.ip_forward())),
            Value::Conf(conf, setting) => format!("{}\n", ns.conf(conf.target(), *setting)),
            Value::Neighbour(setting) => format!("{}\n", ns.neighbours.conf.get(*setting)),
            Value::PingGroups => {
                let (first, last) = door().ping_groups();
                format!("{first}\t{last}\n")
            }
            Value::PortStart => format!("{}\n", door().unprivileged_port_start()),
            Value::Fixed(fixed) => format!("{}\n", fixed.value()),
        }
    }

    /// Changes it to what `text` says.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN or for what cannot be changed, EINVAL for a text that is
    /// no number or out of range; nothing changed.
    pub fn write(&self, text: &[u8], caller: &dyn Caller) -> Result<(), Errno> {
        let ns = &self.ns;
        let _admin = caller.net_admin(ns)?;
        let numbers = parse(text)?;
        // Writing nothing changes nothing.
        let Some(first) = numbers.first().copied() else { return Ok(()) };
        let number = i32::try_from(first).map_err(|_| Errno::EINVAL);
        let door = ns.extensions.get::<DoorSysctls>();
        match &self.value {
            Value::Ip(setting) if !range(*setting).contains(&first) => {
                return Err(Errno::EINVAL);
            }
            Value::Ip(setting) => ns.ip.conf.set(*setting, number?),
            Value::Forward => ns.set_ip_forward(number? != 0),
            Value::Conf(conf, setting) => {
                if !ns.set_conf(conf.target(), *setting, number?) {
                    return Err(Errno::EPERM);
                }
            }
            Value::Neighbour(setting) => {
                let value = u32::try_from(number?).map_err(|_| Errno::EINVAL)?;
                ns.neighbours.conf.set(*setting, value);
            }
            Value::PingGroups => {
                let group = |at: usize| {
                    let number = numbers.get(at).copied().ok_or(Errno::EINVAL)?;
                    // -1 is no group.
                    u32::try_from(number).ok().filter(|g| *g != u32::MAX).ok_or(Errno::EINVAL)
                };
                match (group(0)?, group(1)?) {
                    (first, last) if last < first => door.set_ping_groups(1, 0),
                    (first, last) => door.set_ping_groups(first, last),
                }
            }
            Value::PortStart => {
                let port = u16::try_from(first).map_err(|_| Errno::EINVAL)?;
                door.set_unprivileged_port_start(port);
            }
            Value::Fixed(_) => return Err(Errno::EPERM),
        }
        Ok(())
    }
}

/// Which values a setting takes (net/ipv4/sysctl_net_ipv4.c).
fn range(setting: IpSetting) -> RangeInclusive<i64> {
    match setting {
        IpSetting::DefaultTtl => 1..=255,
        IpSetting::EchoIgnoreAll
        | IpSetting::EchoIgnoreBroadcasts
        | IpSetting::IgnoreBogusErrors
        | IpSetting::ErrorsUseInboundAddress
        | IpSetting::NonlocalBind => 0..=255,
        _ => 0..=i64::from(i32::MAX),
    }
}

/// Numbers separated by white space, up to the end or a zero byte.
fn parse(text: &[u8]) -> Result<Vec<i64>, Errno> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let text = core::str::from_utf8(&text[..end]).map_err(|_| Errno::EINVAL)?;
    text.split_ascii_whitespace().map(|word| word.parse().map_err(|_| Errno::EINVAL)).collect()
}
