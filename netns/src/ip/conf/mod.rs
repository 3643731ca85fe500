//! IPv4 settings: plain numbers behind atomics. The data path reads them, a sysctl writer
//! (or `RTM_NEWLINK`) changes them by name, with the consequences Linux gives that.

mod link;
mod namespace;

use crate::link::Link;
use crate::namespace::Namespace;

pub use link::{Devconf, LinkConf};
pub use namespace::{NamespaceConf, Setting};

/// Whose settings are meant: a directory below `/proc/sys/net/ipv4/conf/`.
#[derive(Clone, Copy, Debug)]
pub enum ConfTarget<'a> {
    /// `all`.
    All,
    /// `default`.
    Default,
    /// A link's.
    Link(&'a Link),
}

impl Namespace {
    /// A setting's value.
    #[must_use]
    pub fn conf(&self, target: ConfTarget<'_>, setting: Devconf) -> i32 {
        match target {
            ConfTarget::All => self.ip.conf.all.get(setting),
            ConfTarget::Default => self.ip.conf.default.get(setting),
            ConfTarget::Link(link) => link.conf4.get(setting),
        }
    }

    /// Changes a setting, with what Linux has follow from it: `all/forwarding` is
    /// `ip_forward`; `default` reaches the links for which nothing was chosen. `false`: the
    /// setting cannot be written (`mc_forwarding`).
    #[must_use]
    pub fn set_conf(&self, target: ConfTarget<'_>, setting: Devconf, value: i32) -> bool {
        if setting == Devconf::McForwarding {
            return false;
        }
        match target {
            ConfTarget::All if setting == Devconf::Forwarding => self.set_ip_forward(value != 0),
            ConfTarget::All => self.ip.conf.all.set(setting, value),
            ConfTarget::Default => {
                self.ip.conf.default.set(setting, value);
                self.for_each_link(|link| {
                    if !link.conf4.is_chosen(setting) {
                        link.conf4.set(setting, value);
                    }
                });
            }
            ConfTarget::Link(link) => {
                link.conf4.choose(setting);
                link.conf4.set(setting, value);
            }
        }
        true
    }

    /// `net.ipv4.ip_forward`: whether packets are forwarded at all.
    #[must_use]
    pub fn ip_forward(&self) -> bool {
        self.ip.conf.all.is_on(Devconf::Forwarding)
    }

    /// Switches forwarding for every link, present and to come; a router accepts no
    /// redirects (Linux: `inet_forward_change`).
    pub fn set_ip_forward(&self, on: bool) {
        let conf = &self.ip.conf;
        conf.all.set(Devconf::AcceptRedirects, i32::from(!on));
        conf.all.set(Devconf::Forwarding, i32::from(on));
        conf.default.set(Devconf::Forwarding, i32::from(on));
        self.for_each_link(|link| link.conf4.set(Devconf::Forwarding, i32::from(on)));
    }

    fn for_each_link(&self, act: impl Fn(&Link)) {
        let mut from = 0;
        while let Some(link) = self.link_at_or_after(from) {
            from = link.ifindex().get() + 1;
            act(&link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_reaches_links_for_which_nothing_was_chosen() {
        let (stack, _platform) = crate::testing::stack();
        let cx = stack.enter(warren_platform::Instant::ZERO);
        let ns = stack.create_namespace(&cx).expect("a namespace");
        let lo = ns.link(crate::Ifindex::LOOPBACK).expect("lo");
        assert!(ns.set_conf(ConfTarget::Default, Devconf::RpFilter, 2));
        assert_eq!(ns.conf(ConfTarget::Link(&lo), Devconf::RpFilter), 2);
        assert!(ns.set_conf(ConfTarget::Link(&lo), Devconf::RpFilter, 1));
        assert!(ns.set_conf(ConfTarget::Default, Devconf::RpFilter, 0));
        assert_eq!(ns.conf(ConfTarget::Link(&lo), Devconf::RpFilter), 1);
        assert!(ns.set_conf(ConfTarget::All, Devconf::Forwarding, 1));
        assert!(ns.ip_forward() && lo.conf4.is_on(Devconf::Forwarding));
        assert!(!ns.set_conf(ConfTarget::All, Devconf::McForwarding, 1));
        assert_eq!(Devconf::from_name(b"rp_filter"), Some(Devconf::RpFilter));
    }

    #[test]
    fn fresh_settings_are_linux_s_and_in_linux_s_order() {
        // IFLA_INET_CONF of a new link, recorded from Linux 6.1.
        let mut recorded = [0; 33];
        for number in [4, 5, 6, 7, 9, 33] {
            recorded[number - 1] = 1;
        }
        recorded[26] = 10_000;
        recorded[27] = 1_000;
        assert!(LinkConf::fresh().values().eq(recorded));
        assert!(Devconf::ALL.iter().enumerate().all(|(at, setting)| *setting as usize == at + 1));
    }
}
