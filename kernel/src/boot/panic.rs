//! What happens when the kernel finds itself broken: say so on the serial console and
//! in the log, and leave QEMU with the failure status (65).

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use ostd::power::{ExitCode, poweroff};

/// The processor that panicked first, plus one.
static PANICKING: AtomicUsize = AtomicUsize::new(0);

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _no_interrupts = ostd::irq::disable_local();
    let own = crate::sched::current_cpu() + 1;
    match PANICKING.compare_exchange(0, own, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => {
            let free = crate::mm::frames::free_bytes() / 1024;
            super::debugcon::write_now(format_args!("kernel panic: {info}"));
            ostd::early_println!("Kernel panic: {}", info);
            ostd::early_println!("{} KiB of memory were free", free);
            ostd::panic::print_stack_trace();
        }
        // Another processor is telling what went wrong first: it turns the machine off.
        Err(other) if other != own => loop {
            core::hint::spin_loop();
        },
        // Telling it went wrong, too.
        Err(_) => {}
    }
    poweroff(ExitCode::Failure)
}
