//! What a process is doing and may do: stat, status, limits.

use alloc::format;

use super::process::Subject;
use crate::dev::tty::Tty;
use crate::prelude::*;
use crate::process::times::ticks;
use crate::process::{Limits, Pid, Thread, current, tree};
use crate::signal::SignalSet;
use crate::time::Instant;

/// The letter and the word for what a process is doing. Whether a thread runs or sleeps at
/// this moment is not tracked: all but the reader count as sleeping.
fn state(subject: &Subject) -> (char, &'static str) {
    if tree::exit_status(subject.process.pid()).is_some() {
        ('Z', "zombie")
    } else if subject.process.is_stopped() {
        ('T', "stopped")
    } else if Arc::ptr_eq(current().process(), &subject.process) {
        ('R', "running")
    } else {
        ('S', "sleeping")
    }
}

/// The name between the parentheses: a zombie's threads are gone, its program is known.
fn name(subject: &Subject) -> String {
    match subject.thread() {
        Ok(thread) => String::from_utf8_lossy(&thread.name()).into_owned(),
        Err(_) => {
            let path = subject.process.executable();
            let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            String::from_utf8_lossy(&base[..base.len().min(15)]).into_owned()
        }
    }
}

/// The controlling terminal's number, and its foreground group.
fn terminal(pid: Pid) -> (u64, Pid) {
    let terminal = tree::session(pid).and_then(|session| session.terminal());
    let any: Option<Arc<dyn core::any::Any + Send + Sync>> =
        terminal.map(|terminal| -> Arc<dyn core::any::Any + Send + Sync> { terminal });
    match any.and_then(|terminal| terminal.downcast::<Tty>().ok()) {
        Some(tty) => (tty.device().encode(), tty.foreground().unwrap_or(-1)),
        None => (0, -1),
    }
}

/// The signals a process ignores and those it handles.
fn actions(subject: &Subject) -> [u64; 2] {
    let signals = subject.process.signals.lock();
    signals.actions.ignored_and_caught()
}

pub(super) fn stat(subject: &Subject) -> Result<Vec<u8>> {
    let process = &subject.process;
    let pid = process.pid();
    let (terminal, foreground) = terminal(pid);
    let [user, system] = match &subject.thread {
        Some(thread) => thread.times().to_ticks(),
        None => process.times().to_ticks(),
    };
    let [child_user, child_system] = process.children_times().to_ticks();
    let nice = subject.thread().map_or(0, |thread| thread.nice());
    let usage = process.space().map_or((0, 0, 0), |space| space.usage());
    let blocked = subject.thread().map_or(0, |thread| thread.signals.lock().mask.bits());
    let [ignored, caught] = actions(subject);
    let head = format!(
        "{} ({}) {} {} {} {} {terminal} {foreground} 0 0 0 0 0",
        subject.id(),
        name(subject),
        state(subject).0,
        tree::parent_of(pid).unwrap_or(0),
        tree::group_of(pid).unwrap_or(0),
        tree::session_of(pid).unwrap_or(0),
    );
    let numbers = format!(
        "{user} {system} {child_user} {child_system} {} {nice} {} 0 {} {} {} {}",
        20 + nice,
        process.thread_count(),
        ticks(process.started().since(Instant::ZERO)),
        usage.0,
        usage.1 / crate::mm::PAGE_SIZE,
        u64::MAX,
    );
    // Addresses in the program, signals, and what is not counted, as proc(5) lists them.
    let signals = format!("0 0 0 0 0 0 {blocked} {ignored} {caught}");
    let rest = "0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
    Ok(format!("{head} {numbers} {signals} {rest}\n").into_bytes())
}

pub(super) fn status(subject: &Subject) -> Result<Vec<u8>> {
    let process = &subject.process;
    let (letter, word) = state(subject);
    let mut text = format!("Name:\t{}\n", name(subject));
    if let Ok(thread) = subject.thread() {
        text += &format!("Umask:\t{:04o}\n", thread.fs().map_or(0, |context| context.umask()));
    }
    text += &format!(
        "State:\t{letter} ({word})\nTgid:\t{pid}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n",
        subject.id(),
        tree::parent_of(process.pid()).unwrap_or(0),
        pid = process.pid(),
    );
    let Ok(thread) = subject.thread() else { return Ok(text.into_bytes()) };
    text += &identity(&thread);
    if let Some(space) = process.space() {
        let (mapped, resident, peak) = space.usage();
        text += &format!(
            "VmPeak:\t{:8} kB\nVmSize:\t{:8} kB\nVmHWM:\t{:8} kB\nVmRSS:\t{:8} kB\n",
            mapped / 1024,
            mapped / 1024,
            peak / 1024,
            resident / 1024,
        );
    }
    text += &format!("Threads:\t{}\n", process.thread_count());
    text += &signals(subject, &thread);
    text += &capabilities(&thread);
    Ok(text.into_bytes())
}

fn identity(thread: &Thread) -> String {
    let who = thread.credentials();
    let row = |name, ids: crate::process::Ids| {
        format!("{name}:\t{}\t{}\t{}\t{}\n", ids.real, ids.effective, ids.saved, ids.fs)
    };
    let groups: String = who.groups.iter().map(|group| format!("{group} ")).collect();
    let size = thread.files().map_or(0, |files| files.size());
    let ids = row("Uid", who.uid) + &row("Gid", who.gid);
    format!("{ids}FDSize:\t{size}\nGroups:\t{groups}\n")
}

fn signals(subject: &Subject, thread: &Thread) -> String {
    let (own, mask) = {
        let signals = thread.signals.lock();
        (signals.pending.set(), signals.mask)
    };
    let shared = subject.process.signals.lock().pending.set();
    let [ignored, caught] = actions(subject);
    let row = |name, set: SignalSet| format!("{name}:\t{:016x}\n", set.bits());
    let sets = row("SigPnd", own) + &row("ShdPnd", shared) + &row("SigBlk", mask);
    format!("{sets}SigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n")
}

fn capabilities(thread: &Thread) -> String {
    let who = thread.credentials();
    let rows = [
        ("CapInh", who.inheritable),
        ("CapPrm", who.permitted),
        ("CapEff", who.effective),
        ("CapBnd", who.bounding),
        ("CapAmb", who.ambient),
    ];
    let rows: String = rows.map(|(name, set)| format!("{name}:\t{:016x}\n", set.bits())).concat();
    format!("{rows}NoNewPrivs:\t{}\nSeccomp:\t0\n", u8::from(who.no_new_privs))
}

/// Name and unit of each limit, by number.
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

pub(super) fn limits(subject: &Subject) -> Result<Vec<u8>> {
    let mut limits: Limits = *subject.process.limits.lock();
    let value = |value: u64| match value {
        u64::MAX => String::from("unlimited"),
        value => format!("{value}"),
    };
    let mut text =
        format!("{:<26}{:<21}{:<21}{:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (number, (name, unit)) in LIMITS.iter().enumerate() {
        let Some(limit) = limits.by_number(number) else { continue };
        let (soft, hard) = (value(limit.soft), value(limit.hard));
        text += &format!("{name:<26}{soft:<21}{hard:<21}{unit:<10}\n");
    }
    Ok(text.into_bytes())
}
