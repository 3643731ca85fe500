//! What is told about a signal: `siginfo_t`.

use super::Signal;
use crate::process::{Pid, Thread};

/// The size of `siginfo_t` in the ABI.
pub const SIGINFO_LEN: usize = 128;

/// Why a signal was sent: `si_code`. Numbers from include/uapi/asm-generic/siginfo.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub i32);

#[allow(missing_docs, reason = "the names are those of sigaction(2)")]
impl Code {
    pub const USER: Self = Self(0);
    pub const KERNEL: Self = Self(0x80);
    pub const TKILL: Self = Self(-6);
    pub const ILL_OPCODE: Self = Self(1);
    pub const FPE_DIVIDE: Self = Self(1);
    pub const FPE_OTHER: Self = Self(14);
    pub const SEGV_UNMAPPED: Self = Self(1);
    pub const SEGV_FORBIDDEN: Self = Self(2);
    pub const BUS_ALIGNMENT: Self = Self(1);
    pub const BUS_NO_PAGE: Self = Self(2);
    pub const TRAP_BREAKPOINT: Self = Self(1);
    pub const CHILD_EXITED: Self = Self(1);
    pub const CHILD_KILLED: Self = Self(2);
    pub const CHILD_STOPPED: Self = Self(5);
    pub const CHILD_CONTINUED: Self = Self(6);
}

/// The fields that depend on the kind of signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fields {
    /// Who sent it, and a value that came along.
    Sender { pid: Pid, uid: u32, value: u64 },
    /// What became of a child, with its times in clock ticks.
    Child { pid: Pid, uid: u32, status: i32, user: u64, system: u64 },
    /// Where the fault was.
    Fault { addr: usize },
    /// The bytes that rt_sigqueueinfo(2) was given.
    Raw([u8; SIGINFO_LEN - 12]),
}

/// What is told about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigInfo {
    /// Which.
    pub signal: Signal,
    /// Why.
    pub code: Code,
    fields: Fields,
}

impl SigInfo {
    /// Sent by the kernel.
    #[must_use]
    pub fn kernel(signal: Signal) -> Self {
        let fields = Fields::Sender { pid: 0, uid: 0, value: 0 };
        Self { signal, code: Code::KERNEL, fields }
    }

    /// Sent by `sender`'s kill(2), or tgkill(2) if the code says so.
    #[must_use]
    pub fn from_user(signal: Signal, code: Code, sender: &Thread) -> Self {
        let uid = sender.credentials().uid.real;
        let fields = Fields::Sender { pid: sender.process().pid(), uid, value: 0 };
        Self { signal, code, fields }
    }

    /// Raised by the processor.
    #[must_use]
    pub fn fault(signal: Signal, code: Code, addr: usize) -> Self {
        Self { signal, code, fields: Fields::Fault { addr } }
    }

    /// A child's news. Times are in clock ticks.
    #[must_use]
    pub fn child(
        signal: Signal,
        code: Code,
        pid: Pid,
        uid: u32,
        status: i32,
        [user, system]: [u64; 2],
    ) -> Self {
        Self { signal, code, fields: Fields::Child { pid, uid, status, user, system } }
    }

    /// What rt_sigqueueinfo(2) was given.
    #[must_use]
    pub fn from_bytes(signal: Signal, bytes: &[u8; SIGINFO_LEN]) -> Self {
        let code = i32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let mut raw = [0; SIGINFO_LEN - 12];
        raw.copy_from_slice(&bytes[12..]);
        Self { signal, code: Code(code), fields: Fields::Raw(raw) }
    }

    /// As the ABI writes it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SIGINFO_LEN] {
        let mut bytes = [0; SIGINFO_LEN];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &self.signal.number().to_le_bytes());
        put(8, &self.code.0.to_le_bytes());
        match self.fields {
            Fields::Sender { pid, uid, value } => {
                put(16, &pid.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            Fields::Child { pid, uid, status, user, system } => {
                put(16, &pid.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &status.to_le_bytes());
                put(32, &user.to_le_bytes());
                put(40, &system.to_le_bytes());
            }
            Fields::Fault { addr } => put(16, &addr.to_le_bytes()),
            Fields::Raw(raw) => put(12, &raw),
        }
        bytes
    }
}
