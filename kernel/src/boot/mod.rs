//! From the boot loader to process 1.

mod debugcon;
mod panic;

use ostd::boot::{EarlyCmdline, boot_info};
use ostd::log::LevelFilter;
use warren_kernel_core::cmdline::Cmdline;

use crate::{dev, mm, net, process, sched, time};

/// Until our logger is in place OSTD would log to the serial console, which is user space's.
#[ostd::early_cmdline_parser]
const fn early_cmdline(_text: &str) -> EarlyCmdline {
    EarlyCmdline { log_level: LevelFilter::Off, has_early_console: true }
}

#[ostd::main]
fn kernel_main() {
    let cmdline = Cmdline::parse(&boot_info().kernel_cmdline);
    debugcon::init();
    ostd::log::set_max_level(log_level(cmdline.log_level.unwrap_or(6)));
    time::init();
    sched::init();
    ostd::task::inject_pre_schedule_handler(process::before_switch);
    ostd::task::inject_post_schedule_handler(process::after_switch);
    ostd::boot::smp::register_ap_entry(sched::init_on_cpu);
    ostd::mm::fault::inject_user_page_fault_handler(mm::on_kernel_access);
    sched::init_on_cpu();
    // The last act here: the processor leaves this context for its first task.
    sched::spawn_kernel("main", None, move || run(&cmdline));
}

/// syslog(2)'s numbers: a message is logged if its level is below the given one.
fn log_level(number: u8) -> LevelFilter {
    const LEVELS: [LevelFilter; 9] = [
        LevelFilter::Off,
        LevelFilter::Emerg,
        LevelFilter::Alert,
        LevelFilter::Crit,
        LevelFilter::Error,
        LevelFilter::Warning,
        LevelFilter::Notice,
        LevelFilter::Info,
        LevelFilter::Debug,
    ];
    LEVELS[usize::from(number).min(LEVELS.len() - 1)]
}

/// The first task: starts what the kernel runs in the background, then process 1.
fn run(cmdline: &Cmdline) {
    time::start_timer_task();
    net::init();
    dev::init();
    log::info!("{} processors, command line {cmdline:?}", ostd::cpu::num_cpus());
    if let Err(error) = process::start_init(cmdline) {
        panic!("process 1 cannot start: {error}");
    }
}
