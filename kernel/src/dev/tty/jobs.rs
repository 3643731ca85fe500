//! Job control: which session a terminal controls, and who may use it now. Until processes
//! have sessions, every terminal is everyone's.

use super::Tty;
use crate::prelude::*;
use crate::process::Pid;

/// A terminal's part in job control.
pub(super) struct Jobs;

impl Jobs {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn hang_up(&self) {}

    pub(super) fn check_read(&self, _tty: &Tty) -> Result<()> {
        Ok(())
    }

    pub(super) fn check_change(&self, _tty: &Tty) -> Result<()> {
        Ok(())
    }

    pub(super) fn check_controls_caller(&self, _tty: &Tty) -> Result<Pid> {
        Err(Errno::ENOTTY)
    }

    pub(super) fn foreground(&self) -> Option<Pid> {
        None
    }

    pub(super) fn set_foreground(&self, _tty: &Tty, _group: Pid) -> Result<()> {
        Err(Errno::ENOTTY)
    }
}

pub(super) fn acquire(_tty: &Arc<Tty>) {}

pub(super) fn take(_tty: &Arc<Tty>, _steal: bool) -> Result<()> {
    Err(Errno::EPERM)
}

pub(super) fn give_up(_tty: &Tty) -> Result<()> {
    Err(Errno::ENOTTY)
}

/// The caller's controlling terminal, which /dev/tty opens.
///
/// # Errors
/// `ENXIO` if it has none.
pub fn controlling() -> Result<Arc<Tty>> {
    Err(Errno::ENXIO)
}
