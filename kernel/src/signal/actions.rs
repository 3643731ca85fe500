//! What a process does about each signal: sigaction(2).

use linux_raw_sys::general as uapi;
use warren_kernel_core::signals::{COUNT, DefaultAction};

use super::{Signal, SignalSet};

/// How a signal is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// `SIG_DFL`.
    Default,
    /// `SIG_IGN`.
    Ignore,
    /// By the user's function at this address.
    Handler(usize),
}

/// `struct sigaction` of the kernel's ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub disposition: Disposition,
    /// `SA_*`.
    pub flags: u64,
    /// Where the handler returns to.
    pub restorer: usize,
    /// What is blocked while it runs.
    pub mask: SignalSet,
}

impl Action {
    /// What every signal has at first.
    pub const DEFAULT: Self =
        Self { disposition: Disposition::Default, flags: 0, restorer: 0, mask: SignalSet::EMPTY };

    /// The four words of the ABI.
    #[must_use]
    pub fn to_words(self) -> [u64; 4] {
        let handler = match self.disposition {
            Disposition::Default => 0,
            Disposition::Ignore => 1,
            Disposition::Handler(addr) => addr as u64,
        };
        [handler, self.flags, self.restorer as u64, self.mask.bits()]
    }

    /// Reads the four words of the ABI.
    #[must_use]
    pub fn from_words([handler, flags, restorer, mask]: [u64; 4]) -> Self {
        let disposition = match handler {
            0 => Disposition::Default,
            1 => Disposition::Ignore,
            addr => Disposition::Handler(addr as usize),
        };
        let mask = SignalSet::from_bits(mask).difference(SignalSet::UNSTOPPABLE);
        Self { disposition, flags, restorer: restorer as usize, mask }
    }

    /// Whether `flag` (`SA_*`) is set.
    #[must_use]
    pub fn has(&self, flag: u32) -> bool {
        self.flags & u64::from(flag) != 0
    }

    /// Whether sending `signal` has no effect at all.
    #[must_use]
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.disposition {
            Disposition::Ignore => true,
            Disposition::Default => signal.default_action() == DefaultAction::Ignore,
            Disposition::Handler(_) => false,
        }
    }
}

/// The actions of a process, by signal.
#[derive(Clone, Debug)]
pub struct ActionTable([Action; COUNT as usize]);

impl Default for ActionTable {
    fn default() -> Self {
        Self([Action::DEFAULT; COUNT as usize])
    }
}

impl ActionTable {
    /// The action for `signal`.
    #[must_use]
    pub fn get(&self, signal: Signal) -> &Action {
        &self.0[signal.index()]
    }

    /// Sets the action for `signal`.
    pub fn set(&mut self, signal: Signal, action: Action) {
        self.0[signal.index()] = action;
    }

    /// The signals that are ignored on purpose and those that have handlers, as bits.
    #[must_use]
    pub fn ignored_and_caught(&self) -> [u64; 2] {
        let bits = |wanted: fn(&Disposition) -> bool| {
            let actions = self.0.iter().enumerate();
            let chosen = actions.filter(|(_, action)| wanted(&action.disposition));
            chosen.fold(0, |bits, (index, _)| bits | 1 << index)
        };
        [
            bits(|disposition| *disposition == Disposition::Ignore),
            bits(|disposition| matches!(disposition, Disposition::Handler(_))),
        ]
    }

    /// What execve(2) keeps: ignored signals stay ignored, handlers are gone.
    pub fn reset_handlers(&mut self) {
        for action in &mut self.0 {
            *action = match action.disposition {
                Disposition::Ignore => {
                    Action { disposition: Disposition::Ignore, ..Action::DEFAULT }
                }
                Disposition::Default | Disposition::Handler(_) => Action::DEFAULT,
            };
        }
    }

    /// Whether children leave no zombies: their signal is ignored or they are said not
    /// to be waited for (wait(2), notes).
    #[must_use]
    pub fn reaps_children(&self) -> bool {
        let action = self.get(Signal::CHLD);
        action.disposition == Disposition::Ignore || action.has(uapi::SA_NOCLDWAIT)
    }
}
