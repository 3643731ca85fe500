//! /proc/sys/net: the settings of the caller's network namespace. What they mean is the
//! core's ([`warren_netns::ip::conf`]) and the door's ([`DoorSysctls`]); here they are
//! found by path, printed and parsed.

use alloc::format;

use warren_netns::ip::conf::{ConfTarget, Devconf, Setting};
use warren_netns::{IfName, Link, Namespace};
use warren_syscall::sysctl::DoorSysctls;

use crate::fs::generated::{Directory, Node, Text};
use crate::fs::stat::Kind;
use crate::prelude::*;
use crate::process::{Capability, current};

/// The directory /proc/sys/net for the caller.
pub(super) fn directory() -> Option<Node> {
    let namespace = current().ns().ok()?.net.namespace().clone();
    Some(Node::Directory(Arc::new(Net { namespace })))
}

fn names(names: &[&str], kind: Kind) -> Vec<(Vec<u8>, Kind)> {
    names.iter().map(|name| (name.as_bytes().to_vec(), kind)).collect()
}

struct Net {
    namespace: Arc<Namespace>,
}

impl Directory for Net {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        names(&["ipv4"], Kind::Directory)
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let namespace = self.namespace.clone();
        (name == b"ipv4").then(|| Node::Directory(Arc::new(Ipv4 { namespace })))
    }
}

struct Ipv4 {
    namespace: Arc<Namespace>,
}

const FORWARD: &str = "ip_forward";
const PORT_START: &str = "ip_unprivileged_port_start";
const PING_GROUPS: &str = "ping_group_range";

impl Directory for Ipv4 {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let mut all = names(&["conf"], Kind::Directory);
        let settings: Vec<&str> = Setting::ALL.iter().map(|setting| setting.name()).collect();
        all.extend(names(&settings, Kind::Regular));
        all.extend(names(&[FORWARD, PORT_START, PING_GROUPS], Kind::Regular));
        all
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let name = core::str::from_utf8(name).ok()?;
        let namespace = self.namespace.clone();
        if name == "conf" {
            return Some(Node::Directory(Arc::new(Conf { namespace })));
        }
        let which = match name {
            FORWARD => Which::Forward,
            PORT_START => Which::PortStart,
            PING_GROUPS => Which::PingGroups,
            _ => Which::Setting(*Setting::ALL.iter().find(|setting| setting.name() == name)?),
        };
        Some(Node::Text(Arc::new(Value { namespace, which })))
    }
}

/// A setting of the namespace.
enum Which {
    Forward,
    PortStart,
    PingGroups,
    Setting(Setting),
}

struct Value {
    namespace: Arc<Namespace>,
    which: Which,
}

/// The numbers in what was written, of which there must be `N`.
fn parse<const N: usize>(text: &[u8]) -> Result<[i32; N]> {
    let text = core::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
    let mut words = text.split_ascii_whitespace();
    let mut numbers = [0; N];
    for number in &mut numbers {
        let word = words.next().ok_or(Errno::EINVAL)?;
        *number = word.parse().map_err(|_| Errno::EINVAL)?;
    }
    if words.next().is_some() { Err(Errno::EINVAL) } else { Ok(numbers) }
}

/// Which values a setting takes (net/ipv4/sysctl_net_ipv4.c).
fn check_range(setting: Setting, value: i32) -> Result<()> {
    let range = match setting {
        Setting::DefaultTtl => 1..=255,
        Setting::EchoIgnoreAll
        | Setting::EchoIgnoreBroadcasts
        | Setting::IgnoreBogusErrors
        | Setting::ErrorsUseInboundAddress
        | Setting::NonlocalBind => 0..=255,
        _ => 0..=i32::MAX,
    };
    if range.contains(&value) { Ok(()) } else { Err(Errno::EINVAL) }
}

impl Text for Value {
    fn read(&self) -> Result<Vec<u8>> {
        let door = self.namespace.extensions.get::<DoorSysctls>();
        let text = match self.which {
            Which::Forward => format!("{}\n", u8::from(self.namespace.ip_forward())),
            Which::PortStart => format!("{}\n", door.unprivileged_port_start()),
            Which::PingGroups => {
                let (first, last) = door.ping_groups();
                format!("{first}\t{last}\n")
            }
            Which::Setting(setting) => format!("{}\n", self.namespace.ip.conf.get(setting)),
        };
        Ok(text.into_bytes())
    }

    fn write(&self, text: &[u8]) -> Result<()> {
        current().credentials().require(Capability::NetAdmin)?;
        let door = self.namespace.extensions.get::<DoorSysctls>();
        match self.which {
            Which::Forward => {
                let [on] = parse(text)?;
                self.namespace.set_ip_forward(on != 0);
            }
            Which::PortStart => {
                let [port] = parse(text)?;
                door.set_unprivileged_port_start(u16::try_from(port).map_err(|_| Errno::EINVAL)?);
            }
            Which::PingGroups => {
                let [first, last] = parse(text)?;
                let group = |number: i32| u32::try_from(number).map_err(|_| Errno::EINVAL);
                door.set_ping_groups(group(first)?, group(last)?);
            }
            Which::Setting(setting) => {
                let [value] = parse(text)?;
                check_range(setting, value)?;
                self.namespace.ip.conf.set(setting, value);
            }
        }
        Ok(())
    }

    fn permissions(&self) -> u32 {
        0o644
    }
}

/// conf/: the settings of links, of `all` and of `default`.
struct Conf {
    namespace: Arc<Namespace>,
}

impl Directory for Conf {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let mut all = names(&["all", "default"], Kind::Directory);
        let mut from = 0;
        while let Some(link) = self.namespace.link_at_or_after(from) {
            from = link.ifindex().get().saturating_add(1);
            all.push((link.name().as_bytes().to_vec(), Kind::Directory));
        }
        all
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let of = match name {
            b"all" => Of::All,
            b"default" => Of::Default,
            name => Of::Link(self.namespace.link_by_name(&IfName::new(name)?)?),
        };
        let namespace = self.namespace.clone();
        Some(Node::Directory(Arc::new(Device { namespace, of })))
    }
}

/// Whose settings.
#[derive(Clone)]
enum Of {
    All,
    Default,
    Link(Arc<Link>),
}

struct Device {
    namespace: Arc<Namespace>,
    of: Of,
}

impl Directory for Device {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let settings: Vec<&str> = Devconf::ALL.iter().map(|setting| setting.name()).collect();
        names(&settings, Kind::Regular)
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let setting = *Devconf::ALL.iter().find(|known| known.name().as_bytes() == name)?;
        let (namespace, of) = (self.namespace.clone(), self.of.clone());
        Some(Node::Text(Arc::new(DeviceValue { namespace, of, setting })))
    }

    fn is_current(&self) -> bool {
        let Of::Link(link) = &self.of else { return true };
        self.namespace.link(link.ifindex()).is_some_and(|now| Arc::ptr_eq(&now, link))
    }
}

struct DeviceValue {
    namespace: Arc<Namespace>,
    of: Of,
    setting: Devconf,
}

impl DeviceValue {
    fn target(&self) -> ConfTarget<'_> {
        match &self.of {
            Of::All => ConfTarget::All,
            Of::Default => ConfTarget::Default,
            Of::Link(link) => ConfTarget::Link(link),
        }
    }
}

impl Text for DeviceValue {
    fn read(&self) -> Result<Vec<u8>> {
        let value = self.namespace.conf(self.target(), self.setting);
        Ok(format!("{value}\n").into_bytes())
    }

    fn write(&self, text: &[u8]) -> Result<()> {
        current().credentials().require(Capability::NetAdmin)?;
        let [value] = parse(text)?;
        let set = self.namespace.set_conf(self.target(), self.setting, value);
        if set { Ok(()) } else { Err(Errno::EPERM) }
    }

    fn permissions(&self) -> u32 {
        // mc_forwarding is set by multicast routers, through their socket.
        if self.setting == Devconf::McForwarding { 0o444 } else { 0o644 }
    }
}
