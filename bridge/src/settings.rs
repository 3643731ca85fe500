//! What the user sets on a bridge (`IFLA_BR_*`) and on its ports (`IFLA_BRPORT_*`).
//!
//! The spanning tree's times and priorities are kept and shown as on a Linux bridge whose
//! spanning tree is off, where they act on nothing but the identifiers. What would have to
//! act and cannot yet is refused.

use alloc::sync::Arc;

use warren_netns::{Cx, Link, NetAdmin};
use warren_platform::Duration;

use crate::control::Bridge;
use crate::port::{Port, PortFlags, PortState};
use crate::switch::BridgeId;

/// Groups no bridge forwards whatever the user says: BPDUs, pause frames, LACP
/// (BR_GROUPFWD_RESTRICTED).
const RESTRICTED_GROUPS: u16 = 0x0007;
/// The same for a single port: pause frames (BR_GROUPFWD_MACPAUSE).
const RESTRICTED_PORT_GROUPS: u16 = 0x0002;

/// A setting was refused; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum BridgeError {
    /// The value is outside IEEE 802.1D's bounds (ERANGE).
    OutOfRange,
    /// The value makes no sense (EINVAL).
    Invalid,
    /// What is asked for is not done here yet (EOPNOTSUPP).
    NotSupported,
    /// The port's link is down or has no carrier (ENETDOWN).
    PortDown,
    /// The link is not a port of this bridge (EINVAL).
    NotAPort,
}

/// One attribute of a bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// `IFLA_BR_FORWARD_DELAY`.
    ForwardDelay(Duration),
    /// `IFLA_BR_HELLO_TIME`, 1 to 10 s.
    HelloTime(Duration),
    /// `IFLA_BR_MAX_AGE`, 6 to 40 s.
    MaxAge(Duration),
    /// `IFLA_BR_AGEING_TIME`; zero: nothing is learned.
    AgeingTime(Duration),
    /// `IFLA_BR_PRIORITY`.
    Priority(u16),
    /// `IFLA_BR_STP_STATE`: only off.
    SpanningTree(bool),
    /// `IFLA_BR_VLAN_FILTERING`: only off.
    VlanFiltering(bool),
    /// `IFLA_BR_GROUP_FWD_MASK`.
    GroupForwardMask(u16),
}

/// One attribute of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortSetting {
    /// `IFLA_BRPORT_STATE`.
    State(PortState),
    /// `IFLA_BRPORT_COST`, 1 to 65535.
    PathCost(u32),
    /// `IFLA_BRPORT_PRIORITY`, 0 to 63.
    Priority(u8),
    /// One of the boolean attributes.
    Flag(PortFlags, bool),
    /// `IFLA_BRPORT_GROUP_FWD_MASK`.
    GroupForwardMask(u16),
}

/// A bridge's attributes at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// `IFLA_BR_BRIDGE_ID`; also the root's, while no spanning tree elects another.
    pub id: BridgeId,
    /// `IFLA_BR_FORWARD_DELAY`.
    pub forward_delay: Duration,
    /// `IFLA_BR_HELLO_TIME`.
    pub hello_time: Duration,
    /// `IFLA_BR_MAX_AGE`.
    pub max_age: Duration,
    /// `IFLA_BR_AGEING_TIME`.
    pub ageing_time: Duration,
    /// `IFLA_BR_GROUP_FWD_MASK`.
    pub group_fwd_mask: u16,
}

impl Bridge {
    /// What is set now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let control = self.switch.control.lock();
        Settings {
            id: control.id,
            forward_delay: control.forward_delay,
            hello_time: control.hello_time,
            max_age: control.max_age,
            ageing_time: self.switch.ageing_time(),
            group_fwd_mask: self.switch.group_fwd_mask(),
        }
    }

    /// Sets one attribute. Call `Namespace::kind_changed` after the last of a request.
    ///
    /// # Errors
    /// See [`BridgeError`].
    pub fn set(&self, _admin: &NetAdmin, setting: Setting, cx: &Cx<'_>) -> Result<(), BridgeError> {
        let switch = &self.switch;
        match setting {
            // Linux checks this one only while the spanning tree runs.
            Setting::ForwardDelay(time) => switch.control.lock().forward_delay = time,
            Setting::HelloTime(time) => {
                switch.control.lock().hello_time = in_range(time, 1, 10)?;
            }
            Setting::MaxAge(time) => switch.control.lock().max_age = in_range(time, 6, 40)?,
            Setting::AgeingTime(time) => {
                switch.set_ageing_time(time);
                switch.sweep(cx);
            }
            Setting::Priority(priority) => {
                switch.control.lock().id.priority = priority;
                switch.select_carrier();
            }
            Setting::SpanningTree(false) | Setting::VlanFiltering(false) => {}
            Setting::SpanningTree(true) | Setting::VlanFiltering(true) => {
                return Err(BridgeError::NotSupported);
            }
            Setting::GroupForwardMask(mask) if mask & RESTRICTED_GROUPS != 0 => {
                return Err(BridgeError::Invalid);
            }
            Setting::GroupForwardMask(mask) => switch.set_group_fwd_mask(mask),
        }
        Ok(())
    }

    /// Sets one attribute of the port that `link` is. Call `Namespace::kind_changed` for the
    /// bridge after the last of a request.
    ///
    /// # Errors
    /// See [`BridgeError`].
    pub fn set_port(
        &self,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        setting: PortSetting,
    ) -> Result<(), BridgeError> {
        let _control = self.switch.control.lock();
        let port = self.switch.port_of(link).ok_or(BridgeError::NotAPort)?;
        match setting {
            PortSetting::State(state) => self.set_port_state(&port, link, state)?,
            PortSetting::PathCost(cost) if (1..=65_535).contains(&cost) => {
                port.set_path_cost(cost);
                self.switch.select_carrier();
            }
            PortSetting::Priority(priority) if priority < 64 => {
                port.set_priority(priority);
                self.switch.select_carrier();
            }
            PortSetting::PathCost(_) | PortSetting::Priority(_) => {
                return Err(BridgeError::OutOfRange);
            }
            PortSetting::Flag(flag, on) => {
                let mut flags = port.flags();
                flags.set(flag, on);
                port.set_flags(flags);
            }
            PortSetting::GroupForwardMask(mask) if mask & RESTRICTED_PORT_GROUPS != 0 => {
                return Err(BridgeError::Invalid);
            }
            PortSetting::GroupForwardMask(mask) => port.set_group_fwd_mask(mask),
        }
        Ok(())
    }

    /// The user plays spanning tree (Linux: `br_set_port_state`). A port that forwards
    /// nothing yet is woken to forward when the others are looked at.
    fn set_port_state(
        &self,
        port: &Arc<Port>,
        link: &Arc<Link>,
        state: PortState,
    ) -> Result<(), BridgeError> {
        if port.state() == state {
            return Ok(());
        }
        if !link.is_running() && state != PortState::Disabled {
            return Err(BridgeError::PortDown);
        }
        // With the spanning tree off, a blocked port is made to forward at once.
        port.set_state(if state == PortState::Blocking { PortState::Forwarding } else { state });
        self.switch.select_carrier();
        Ok(())
    }
}

fn in_range(time: Duration, low: u64, high: u64) -> Result<Duration, BridgeError> {
    let bounds = Duration::from_secs(low)..=Duration::from_secs(high);
    if bounds.contains(&time) { Ok(time) } else { Err(BridgeError::OutOfRange) }
}
