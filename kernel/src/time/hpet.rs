//! The HPET: a free-running counter, and comparator 0 as a one-shot timer.
//!
//! Register offsets and bits: IA-PC HPET Specification 1.0a, section 2.3.

use core::time::Duration;

use ostd::arch::irq::{IRQ_CHIP, MappedIrqLine};
use ostd::io::IoMem;
use ostd::irq::IrqLine;
use ostd::mm::VmIoOnce;

const BASE: usize = 0xfed0_0000;
const CAPABILITIES: usize = 0x00;
const CONFIGURATION: usize = 0x10;
const MAIN_COUNTER: usize = 0xf0;
const TIMER0_CONFIGURATION: usize = 0x100;
const TIMER0_COMPARATOR: usize = 0x108;

const ENABLE: u64 = 1 << 0;
const LEGACY_REPLACEMENT: u64 = 1 << 1;
const TIMER_INTERRUPT_ENABLE: u64 = 1 << 2;
/// Level trigger, enable, periodic, value set, 32-bit mode, and the interrupt's route.
const TIMER_CONFIGURABLE: u64 = 0x3f4e;
const TIMER_ROUTE_SHIFT: u32 = 9;
const FEMTOS_PER_NANO: u64 = 1_000_000;

/// The HPET, found and counting.
pub(super) struct Hpet {
    registers: IoMem,
    femtos_per_tick: u64,
}

impl Hpet {
    /// Finds the HPET where every PC has it and starts its counter.
    pub(super) fn find() -> Option<Self> {
        let registers = IoMem::acquire(BASE..BASE + 0x400).ok()?;
        let mut hpet = Self { registers, femtos_per_tick: 0 };
        let femtos = hpet.read(CAPABILITIES) >> 32;
        // The period must not exceed 100 ns; all ones means that nothing answers.
        if femtos == 0 || femtos > 100 * FEMTOS_PER_NANO {
            return None;
        }
        hpet.femtos_per_tick = femtos;
        let configuration = hpet.read(CONFIGURATION) & !LEGACY_REPLACEMENT;
        hpet.write(CONFIGURATION, configuration | ENABLE);
        Some(hpet)
    }

    fn read(&self, register: usize) -> u64 {
        self.registers.read_once(register).expect("HPET registers lie inside the window")
    }

    fn write(&self, register: usize, value: u64) {
        self.registers.write_once(register, &value).expect("HPET registers lie inside the window");
    }

    /// The counter's present value.
    pub(super) fn counter(&self) -> u64 {
        self.read(MAIN_COUNTER)
    }

    /// How many ticks make up `span`, rounded up.
    pub(super) fn ticks_in(&self, span: Duration) -> u64 {
        let femtos = span.as_nanos() * u128::from(FEMTOS_PER_NANO);
        u64::try_from(femtos.div_ceil(u128::from(self.femtos_per_tick))).unwrap_or(u64::MAX)
    }

    /// Routes comparator 0's interrupt to `on_fire`. The line must be kept.
    pub(super) fn connect(&self, on_fire: fn()) -> Option<MappedIrqLine> {
        let timer = self.read(TIMER0_CONFIGURATION);
        let routes = (timer >> 32) as u32;
        if routes == 0 {
            return None;
        }
        let gsi = routes.trailing_zeros();
        let mut line = IrqLine::alloc().ok()?;
        line.on_active(move |_| on_fire());
        let mapped = IRQ_CHIP.get()?.map_gsi_pin_to(line, gsi).ok()?;
        let cleared = timer & 0xffff_ffff & !TIMER_CONFIGURABLE;
        let route = u64::from(gsi) << TIMER_ROUTE_SHIFT;
        self.write(TIMER0_CONFIGURATION, cleared | route | TIMER_INTERRUPT_ENABLE);
        Some(mapped)
    }

    /// Arms comparator 0 to fire `span` from now.
    ///
    /// False if that moment had passed before the comparator was set, in which case the
    /// interrupt may never come and the caller must act itself.
    #[must_use]
    pub(super) fn arm(&self, span: Duration) -> bool {
        // The comparator holds 64 bits and never gets near the end of them.
        let target = self.counter().saturating_add(self.ticks_in(span).min(1 << 62));
        self.write(TIMER0_COMPARATOR, target);
        self.counter() < target
    }
}
