//! The system as a whole: meminfo, uptime, cpuinfo and their like.

use alloc::format;
use core::arch::x86_64::__cpuid;

use ostd::boot::boot_info;
use ostd::cpu::num_cpus;

use crate::fs::generated::Node;
use crate::fs::types::TYPES;
use crate::mm::frames;
use crate::prelude::*;
use crate::process::times::ticks;
use crate::process::{Times, tree};
use crate::system::{RELEASE, VERSION};
use crate::time::{Duration, Instant, now, realtime};

type Show = fn() -> String;

/// Name and text of each file.
pub(super) const TEXTS: &[(&str, Show)] = &[
    ("cmdline", || format!("{}\n", boot_info().kernel_cmdline.trim())),
    ("cpuinfo", cpuinfo),
    ("devices", || String::from(DEVICES)),
    ("filesystems", filesystems),
    ("loadavg", loadavg),
    ("meminfo", meminfo),
    ("stat", stat),
    ("uptime", uptime),
    ("version", || format!("Linux version {RELEASE} (warren) ({VERSION})\n")),
];

const DEVICES: &str = "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n\
                       \u{20} 5 /dev/ptmx\n136 pts\n\nBlock devices:\n";

/// The text called `name`.
pub(super) fn text(name: &[u8]) -> Option<Node> {
    let (_, show) = TEXTS.iter().find(|(known, _)| known.as_bytes() == name)?;
    Some(Node::text(move || Ok(show().into_bytes())))
}

/// Time since boot.
fn uptime_now() -> Duration {
    now().since(Instant::ZERO)
}

/// Processor time spent in user code, in the kernel, and by nobody, since boot. Children
/// that were waited for count with their parents.
fn processor_times() -> [Duration; 3] {
    let mut sum = Times::default();
    for process in tree::all_processes() {
        sum = sum + process.times() + process.children_times();
    }
    let all = uptime_now() * num_cpus() as u32;
    [sum.user, sum.system, all.saturating_sub(sum.user + sum.system)]
}

fn uptime() -> String {
    let seconds = |span: Duration| format!("{}.{:02}", span.as_secs(), span.subsec_millis() / 10);
    let [_, _, idle] = processor_times();
    format!("{} {}\n", seconds(uptime_now()), seconds(idle))
}

fn loadavg() -> String {
    // Averages are not kept: each shows the load of this moment.
    let running = crate::sched::runnable();
    let newest = tree::pids().into_iter().max().unwrap_or(0);
    let load = format!("{running}.00 ").repeat(3);
    format!("{load}{running}/{} {newest}\n", tree::thread_count())
}

fn meminfo() -> String {
    let (total, free) = (frames::total_bytes() / 1024, frames::free_bytes() / 1024);
    let row = |name: &str, value: usize| format!("{:<16}{value:8} kB\n", format!("{name}:"));
    let known = [("MemTotal", total), ("MemFree", free), ("MemAvailable", free)];
    let none = ["Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree"];
    let known = known.into_iter().chain(none.into_iter().map(|name| (name, 0)));
    known.map(|(name, value)| row(name, value)).collect()
}

fn stat() -> String {
    let boot = (realtime().saturating_sub(uptime_now())).as_secs();
    let row = |name: &str, [user, system, idle]: [Duration; 3]| {
        let (user, system, idle) = (ticks(user), ticks(system), ticks(idle));
        format!("{name} {user} 0 {system} {idle} 0 0 0 0 0 0\n")
    };
    let times = processor_times();
    let mut text = row("cpu ", times);
    // Which processor the time was spent on is not accounted: they share it equally.
    let share = times.map(|span| span / num_cpus() as u32);
    for cpu in 0..num_cpus() {
        text += &row(&format!("cpu{cpu}"), share);
    }
    let running = crate::sched::runnable();
    text + &format!("btime {boot}\nprocesses {}\nprocs_running {running}\n", tree::thread_count())
}

fn cpuinfo() -> String {
    let megahertz = ostd::arch::tsc_freq() / 1_000_000;
    let (vendor, model) = (cpu_vendor(), cpu_model());
    let cpu = |number| {
        format!(
            "processor\t: {number}\nvendor_id\t: {vendor}\nmodel name\t: {model}\n\
             cpu MHz\t\t: {megahertz}.000\nsiblings\t: {count}\ncpu cores\t: {count}\n\n",
            count = num_cpus()
        )
    };
    (0..num_cpus()).map(cpu).collect()
}

/// The text in registers of CPUID, up to its zeros.
fn cpu_text(registers: &[u32]) -> String {
    let bytes: Vec<u8> = registers.iter().flat_map(|word| word.to_le_bytes()).collect();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from(String::from_utf8_lossy(&bytes[..end]).trim())
}

fn cpu_vendor() -> String {
    let leaf = __cpuid(0);
    cpu_text(&[leaf.ebx, leaf.edx, leaf.ecx])
}

/// The brand string (Intel SDM volume 2A, CPUID.80000002H to 80000004H).
fn cpu_model() -> String {
    const FIRST: u32 = 0x8000_0002;
    const LAST: u32 = 0x8000_0004;
    if __cpuid(0x8000_0000).eax < LAST {
        return String::from("unknown");
    }
    let leaves = (FIRST..=LAST).map(__cpuid);
    let words: Vec<u32> =
        leaves.flat_map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]).collect();
    cpu_text(&words)
}

fn filesystems() -> String {
    TYPES.iter().map(|name| format!("nodev\t{name}\n")).collect()
}
