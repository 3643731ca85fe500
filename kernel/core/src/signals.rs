//! Signals: their numbers, sets of them, what they do by default, and queues of those
//! that wait (signal(7)).

use alloc::collections::VecDeque;

/// The number of signals, `_NSIG`.
pub const COUNT: u32 = 64;

/// The first real-time signal: from here on every sending is delivered.
const FIRST_REALTIME: u32 = 32;

/// A signal, by its number from 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident = $number:literal;)*) => {
        #[expect(missing_docs, reason = "the names are those of signal(7)")]
        impl Signal {
            $(pub const $name: Self = Self($number);)*
        }
    };
}

// Numbers: arch/x86/include/uapi/asm/signal.h.
signals! {
    HUP = 1; INT = 2; QUIT = 3; ILL = 4; TRAP = 5; ABRT = 6; BUS = 7; FPE = 8; KILL = 9;
    USR1 = 10; SEGV = 11; USR2 = 12; PIPE = 13; ALRM = 14; TERM = 15; STKFLT = 16; CHLD = 17;
    CONT = 18; STOP = 19; TSTP = 20; TTIN = 21; TTOU = 22; URG = 23; XCPU = 24; XFSZ = 25;
    VTALRM = 26; PROF = 27; WINCH = 28; IO = 29; PWR = 30; SYS = 31;
}

/// What a signal does to a process that has not said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends, and would leave a core dump.
    Core,
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// Nothing more: continuing happened when the signal was sent.
    Continue,
}

impl Signal {
    /// The signal with this number; `None` if there is none.
    #[must_use]
    pub fn from_number(number: usize) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (1..=COUNT as u8).contains(&number).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// Its place in tables that start with signal 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }

    /// Whether each sending counts.
    #[must_use]
    pub const fn is_realtime(self) -> bool {
        self.number() >= FIRST_REALTIME
    }

    /// What it does by default.
    #[must_use]
    pub fn default_action(self) -> DefaultAction {
        match self {
            Self::CHLD | Self::URG | Self::WINCH => DefaultAction::Ignore,
            Self::CONT => DefaultAction::Continue,
            Self::STOP | Self::TSTP | Self::TTIN | Self::TTOU => DefaultAction::Stop,
            Self::QUIT
            | Self::ILL
            | Self::TRAP
            | Self::ABRT
            | Self::BUS
            | Self::FPE
            | Self::SEGV
            | Self::XCPU
            | Self::XFSZ
            | Self::SYS => DefaultAction::Core,
            _ => DefaultAction::Terminate,
        }
    }
}

/// A set of signals; bit 0 is signal 1, as in the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// The signals that cannot be blocked, caught or ignored.
    pub const UNSTOPPABLE: Self = Self::of(&[Signal::KILL, Signal::STOP]);
    /// The signals whose default is to stop.
    pub const STOPPING: Self = Self::of(&[Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU]);
    /// The signals that the processor raises: delivered before others.
    const SYNCHRONOUS: Self =
        Self::of(&[Signal::SEGV, Signal::BUS, Signal::ILL, Signal::TRAP, Signal::FPE, Signal::SYS]);

    /// The set of these signals.
    #[must_use]
    pub const fn of(signals: &[Signal]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < signals.len() {
            bits |= 1 << signals[index].index();
            index += 1;
        }
        Self(bits)
    }

    /// The set as the ABI writes it.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// As the ABI writes it.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `signal` is one of them.
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & (1 << signal.index()) != 0
    }

    /// Those of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that `other` has too.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that `other` has not.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The one to deliver first: what the processor raised, then by number.
    #[must_use]
    pub fn first(self) -> Option<Signal> {
        let urgent = self.intersection(Self::SYNCHRONOUS);
        let set = if urgent.is_empty() { self } else { urgent };
        Signal::from_number(set.0.trailing_zeros() as usize + 1)
    }
}

/// Signals that wait, each with what is to be told about it.
#[derive(Debug)]
pub struct Pending<I> {
    set: SignalSet,
    queue: VecDeque<(Signal, I)>,
}

impl<I> Default for Pending<I> {
    fn default() -> Self {
        Self { set: SignalSet::EMPTY, queue: VecDeque::new() }
    }
}

/// What became of a signal that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Queued {
    /// It waits.
    Yes,
    /// It was waiting already, and one of it is enough.
    Already,
    /// Too many wait.
    Full,
}

impl<I> Pending<I> {
    /// Which signals wait.
    #[must_use]
    pub fn set(&self) -> SignalSet {
        self.set
    }

    /// Adds a signal, unless `limit` real-time ones wait.
    pub fn add(&mut self, signal: Signal, info: I, limit: usize) -> Queued {
        if !signal.is_realtime() && self.set.contains(signal) {
            return Queued::Already;
        }
        if signal.is_realtime() && self.queue.len() >= limit {
            return Queued::Full;
        }
        self.set = self.set.union(SignalSet::of(&[signal]));
        self.queue.push_back((signal, info));
        Queued::Yes
    }

    /// Takes the first of the signals in `among`.
    pub fn take(&mut self, among: SignalSet) -> Option<(Signal, I)> {
        let signal = self.set.intersection(among).first()?;
        let index = self.queue.iter().position(|(queued, _)| *queued == signal)?;
        let taken = self.queue.remove(index);
        self.recount();
        taken
    }

    /// Forgets the signals in `set`.
    pub fn discard(&mut self, set: SignalSet) {
        if !self.set.intersection(set).is_empty() {
            self.queue.retain(|(signal, _)| !set.contains(*signal));
            self.recount();
        }
    }

    fn recount(&mut self) {
        let bits = self.queue.iter().fold(0, |bits, (signal, _)| bits | 1 << signal.index());
        self.set = SignalSet(bits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: SignalSet = SignalSet::from_bits(u64::MAX);

    fn realtime(number: usize) -> Signal {
        Signal::from_number(number).expect("a signal")
    }

    #[test]
    fn a_standard_signal_waits_once_and_a_realtime_one_every_time() {
        let mut pending = Pending::default();
        assert_eq!(pending.add(Signal::USR1, 1, 10), Queued::Yes);
        assert_eq!(pending.add(Signal::USR1, 2, 10), Queued::Already);
        assert_eq!(pending.add(realtime(34), 3, 10), Queued::Yes);
        assert_eq!(pending.add(realtime(34), 4, 10), Queued::Yes);
        assert_eq!(pending.take(ALL), Some((Signal::USR1, 1)));
        assert_eq!(pending.take(ALL), Some((realtime(34), 3)));
        assert!(pending.set().contains(realtime(34)), "one more waits");
        assert_eq!(pending.take(ALL), Some((realtime(34), 4)));
        assert_eq!(pending.take(ALL), None);
        assert!(pending.set().is_empty());
    }

    #[test]
    fn realtime_signals_are_bounded_and_standard_ones_always_fit() {
        let mut pending = Pending::default();
        assert_eq!(pending.add(realtime(40), (), 1), Queued::Yes);
        assert_eq!(pending.add(realtime(40), (), 1), Queued::Full);
        assert_eq!(pending.add(Signal::TERM, (), 1), Queued::Yes);
    }

    #[test]
    fn blocked_signals_stay_and_faults_come_first() {
        let mut pending = Pending::default();
        for signal in [Signal::INT, Signal::SEGV, Signal::HUP] {
            assert_eq!(pending.add(signal, (), 10), Queued::Yes);
        }
        let open = ALL.difference(SignalSet::of(&[Signal::HUP]));
        assert_eq!(pending.take(open).map(|taken| taken.0), Some(Signal::SEGV));
        assert_eq!(pending.take(open).map(|taken| taken.0), Some(Signal::INT));
        assert_eq!(pending.take(open), None);
        pending.discard(SignalSet::of(&[Signal::HUP]));
        assert!(pending.set().is_empty());
    }

    #[test]
    fn numbers_have_the_bounds_of_the_abi() {
        assert_eq!(Signal::from_number(0), None);
        assert_eq!(Signal::from_number(64).map(Signal::index), Some(63));
        assert_eq!(Signal::from_number(65), None);
        assert_eq!(Signal::STOP.default_action(), DefaultAction::Stop);
        assert_eq!(realtime(50).default_action(), DefaultAction::Terminate);
    }
}
