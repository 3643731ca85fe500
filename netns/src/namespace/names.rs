//! What a link may be called in a namespace: names, templates, alternative names.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::Namespace;
use super::links::NameRequest;
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::LinkError;
use crate::event::Event;
use crate::ids::IfName;
use crate::link::Link;

/// Alternative names a link may have.
const MAX_ALT_NAMES: usize = 64;
/// Bytes of an alternative name, the terminator not counted (`ALTIFNAMSIZ` - 1).
const ALT_NAME_LEN: usize = 127;
/// Numbers a template counts through, as Linux does (one page of bits).
const TEMPLATE_NUMBERS: u32 = 8 * 4_096;

impl NameRequest {
    /// Reads a name as user space gives it: with a `%` in it, it is a template.
    ///
    /// # Errors
    /// [`LinkError::BadName`] for what Linux refuses with EINVAL.
    pub fn parse(name: &[u8]) -> Result<Self, LinkError> {
        let valid = IfName::new(name).ok_or(LinkError::BadName)?;
        match name.iter().position(|byte| *byte == b'%') {
            None => Ok(Self::Exact(valid)),
            // Linux takes exactly one, and only as %d (net/core/dev.c, __dev_alloc_name).
            Some(at) if name.get(at + 1) == Some(&b'd') && !name[at + 2..].contains(&b'%') => {
                Ok(Self::Template(valid))
            }
            Some(_) => Err(LinkError::BadName),
        }
    }
}

impl Namespace {
    /// The link that answers to `name`, be it its name or an alternative one.
    #[must_use]
    pub fn find_link(&self, name: &[u8]) -> Option<Arc<Link>> {
        if let Some(link) = IfName::new(name).and_then(|name| self.link_by_name(&name)) {
            return Some(link);
        }
        self.links.read().by_alt_name(name).cloned()
    }

    /// Resolves a request to a name that is free here. `Config` is held.
    pub(super) fn choose_name(&self, request: NameRequest) -> Result<IfName, LinkError> {
        match request {
            NameRequest::Exact(name) if self.name_in_use(&name) => Err(LinkError::Exists),
            NameRequest::Exact(name) => Ok(name),
            NameRequest::Template(template) => self.first_free_name(&template),
        }
    }

    pub(super) fn name_in_use(&self, name: &IfName) -> bool {
        let links = self.links.read();
        links.by_name(name).is_some() || links.by_alt_name(name.as_bytes()).is_some()
    }

    fn first_free_name(&self, template: &IfName) -> Result<IfName, LinkError> {
        let bytes = template.as_bytes();
        let at = bytes.iter().position(|byte| *byte == b'%').ok_or(LinkError::BadName)?;
        let (before, after) = (&bytes[..at], &bytes[at + 2..]);
        for number in 0..TEMPLATE_NUMBERS {
            let mut digits = Digits::default();
            write!(digits, "{number}").map_err(|_| LinkError::BadName)?;
            let mut name = Vec::with_capacity(16);
            for part in [before, digits.as_bytes(), after] {
                name.extend_from_slice(part);
            }
            let name = IfName::new(&name).ok_or(LinkError::BadName)?;
            if !self.name_in_use(&name) {
                return Ok(name);
            }
        }
        Err(LinkError::NoFreeName)
    }

    /// Gives `link` one more name to answer to.
    ///
    /// # Errors
    /// [`LinkError::Exists`] if a link here has it, [`LinkError::BadName`] if it is empty
    /// or longer than 127 bytes, [`LinkError::NoMemory`] at the bound of 64.
    pub fn add_alt_name(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        name: &[u8],
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        if name.is_empty() || name.len() > ALT_NAME_LEN {
            return Err(LinkError::BadName);
        }
        let _config = self.config.lock();
        if self.find_link(name).is_some() {
            return Err(LinkError::Exists);
        }
        {
            let mut links = self.links.write();
            let mut state = link.state().write();
            if state.alt_names.len() >= MAX_ALT_NAMES {
                return Err(LinkError::NoMemory);
            }
            state.alt_names.push(name.to_vec());
            links.add_alt_name(name.to_vec(), link.ifindex());
        }
        self.events.emit(self, cx, || Event::LinkNew { info: link.info(), changed: 0 });
        Ok(())
    }

    /// Takes an alternative name away again.
    ///
    /// # Errors
    /// [`LinkError::NotFound`] if `link` does not have it.
    pub fn remove_alt_name(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        link: &Arc<Link>,
        name: &[u8],
        cx: &Cx<'_>,
    ) -> Result<(), LinkError> {
        let _config = self.config.lock();
        {
            let mut links = self.links.write();
            let mut state = link.state().write();
            let at = state.alt_names.iter().position(|known| known == name);
            state.alt_names.remove(at.ok_or(LinkError::NotFound)?);
            links.remove_alt_name(name);
        }
        self.events.emit(self, cx, || Event::LinkNew { info: link.info(), changed: 0 });
        Ok(())
    }
}

/// Up to ten decimal digits.
#[derive(Default)]
struct Digits {
    bytes: [u8; 10],
    len: usize,
}

impl Digits {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl core::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
