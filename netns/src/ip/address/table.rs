//! A namespace's addresses: per link in Linux's order, and an index of what is ours.
//!
//! Invariants: within a link the primaries come first (by scope, widest reach last among
//! equals in order of arrival, as `__inet_insert_ifa` keeps them), then the secondaries;
//! `owners` counts, per (address, ifindex), the entries of `by_link` with that local address.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{Address, AddressFlags, AddressSelector};
use crate::error::AddrError;
use crate::ids::Ifindex;
use crate::ip::prefix;
use crate::ip::scope::Scope;

/// Addresses one namespace may have.
const MAX_ADDRESSES: usize = 16_384;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct AddressTable {
    by_link: BTreeMap<u32, Vec<Address>>,
    owners: BTreeMap<(Ipv4Addr, u32), u32>,
    count: usize,
}

/// What deleting one address means for its link.
#[derive(Debug, Default)]
pub(crate) struct Deletion {
    /// The addresses that go, in the order they are announced: secondaries, then the primary.
    pub(crate) gone: Vec<Address>,
    /// The secondary that became the primary.
    pub(crate) promoted: Option<Address>,
}

impl AddressTable {
    /// The addresses of a link, in Linux's order.
    pub(crate) fn of_link(&self, ifindex: Ifindex) -> &[Address] {
        self.by_link.get(&ifindex.get()).map_or(&[], Vec::as_slice)
    }

    /// All addresses, link by link.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Address> {
        self.by_link.values().flatten()
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Whether `addr` is the local address of some entry.
    pub(crate) fn is_local(&self, addr: Ipv4Addr) -> bool {
        self.owner(addr).is_some()
    }

    /// The link with the smallest index that has `addr`.
    pub(crate) fn owner(&self, addr: Ipv4Addr) -> Option<Ifindex> {
        let (&(_, ifindex), _) = self.owners.range((addr, 0)..=(addr, u32::MAX)).next()?;
        Ifindex::new(ifindex)
    }

    /// Adds `new`, deciding its SECONDARY flag and its place; returns it as it is now.
    pub(crate) fn insert(&mut self, mut new: Address) -> Result<Address, AddrError> {
        new.flags.remove(AddressFlags::SECONDARY);
        new.flags.remove(AddressFlags::from_bits_retain(super::IPV6_ONLY));
        let list = self.by_link.entry(new.ifindex.get()).or_default();
        let (mut after_primaries, mut refused) = (0, None);
        for (at, known) in list.iter().enumerate() {
            if !known.is_secondary() && new.scope <= known.scope {
                after_primaries = at + 1;
            }
            if known.shares_network(&new) {
                if known.local == new.local {
                    refused = Some(AddrError::Exists);
                    break;
                }
                if known.scope != new.scope {
                    refused = Some(AddrError::ScopeDiffers);
                    break;
                }
                new.flags.insert(AddressFlags::SECONDARY);
            }
        }
        if refused.is_none() && (self.count >= MAX_ADDRESSES || list.try_reserve(1).is_err()) {
            refused = Some(AddrError::NoMemory);
        }
        if let Some(error) = refused {
            if list.is_empty() {
                self.by_link.remove(&new.ifindex.get());
            }
            return Err(error);
        }
        let at = if new.is_secondary() { list.len() } else { after_primaries };
        list.insert(at, new);
        self.count += 1;
        *self.owners.entry((new.local, new.ifindex.get())).or_default() += 1;
        Ok(new)
    }

    /// The first address of the link the selector names.
    pub(crate) fn find(&self, ifindex: Ifindex, selector: &AddressSelector) -> Option<usize> {
        self.of_link(ifindex).iter().position(|known| known.matches(selector))
    }

    /// Removes the address at `at`. Deleting a primary takes its secondaries along, or
    /// promotes the first of them if `promote` (`conf/*/promote_secondaries`).
    pub(crate) fn remove(&mut self, ifindex: Ifindex, at: usize, promote: bool) -> Deletion {
        let Some(list) = self.by_link.get_mut(&ifindex.get()) else { return Deletion::default() };
        if at >= list.len() {
            return Deletion::default();
        }
        let victim = list.remove(at);
        let mut deletion = Deletion::default();
        if !victim.is_secondary() {
            let is_heir = |other: &Address| other.is_secondary() && other.shares_network(&victim);
            if !promote {
                deletion.gone.extend(list.extract_if(.., |other| is_heir(other)));
            } else if let Some(heir) = list.iter().position(is_heir) {
                let mut heir = list.remove(heir);
                heir.flags.remove(AddressFlags::SECONDARY);
                let last = list.iter().rposition(|p| !p.is_secondary() && victim.scope <= p.scope);
                list.insert(last.map_or(0, |last| last + 1), heir);
                deletion.promoted = Some(heir);
            }
        }
        if list.is_empty() {
            self.by_link.remove(&ifindex.get());
        }
        deletion.gone.push(victim);
        for gone in &deletion.gone {
            self.count -= 1;
            let key = (gone.local, gone.ifindex.get());
            if let Some(owners) = self.owners.get_mut(&key) {
                *owners -= 1;
                if *owners == 0 {
                    self.owners.remove(&key);
                }
            }
        }
        deletion
    }

    /// Changes an address in place (lifetimes, flags, label: nothing its order depends on).
    pub(crate) fn update(
        &mut self,
        ifindex: Ifindex,
        at: usize,
        change: impl FnOnce(&mut Address),
    ) {
        if let Some(address) = self.by_link.get_mut(&ifindex.get()).and_then(|l| l.get_mut(at)) {
            change(address);
        }
    }

    /// The primary of the network `address` is a secondary of; itself if it is a primary.
    pub(crate) fn primary_of(&self, address: &Address) -> Option<Address> {
        if !address.is_secondary() {
            return Some(*address);
        }
        let list = self.of_link(address.ifindex);
        list.iter().find(|known| !known.is_secondary() && known.shares_network(address)).copied()
    }

    /// The source address for what leaves through `ifindex` towards `dst` (a gateway, a
    /// destination, or `None`) with a scope of at most `scope`; Linux: `inet_select_addr`.
    pub(crate) fn select_source(
        &self,
        ifindex: Ifindex,
        dst: Option<Ipv4Addr>,
        scope: Scope,
    ) -> Option<Ipv4Addr> {
        let mut first = None;
        for known in self.of_link(ifindex) {
            if known.is_secondary() || known.scope.min(Scope::HOST) > scope {
                continue;
            }
            let near = |dst| prefix::same_network(dst, known.address, known.prefix_len);
            if dst.is_none_or(near) {
                return Some(known.local);
            }
            first = first.or(Some(known.local));
        }
        first.or_else(|| {
            let fits =
                |a: &&Address| !a.is_secondary() && a.scope != Scope::LINK && a.scope <= scope;
            self.iter().find(fits).map(|known| known.local)
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use warren_platform::Instant;

    use super::*;
    use crate::ip::address::{Label, Lifetimes};

    fn address(local: [u8; 4], prefix_len: u8, scope: Scope) -> Address {
        Address {
            ifindex: Ifindex::new(2).expect("not zero"),
            local: local.into(),
            address: local.into(),
            prefix_len,
            broadcast: None,
            label: Label::new(b"v0").expect("short"),
            scope,
            flags: AddressFlags::PERMANENT,
            lifetimes: Lifetimes::FOREVER,
            route_priority: 0,
            protocol: 0,
            created: Instant::ZERO,
            updated: Instant::ZERO,
        }
    }

    fn table(addresses: &[([u8; 4], u8)]) -> AddressTable {
        let mut table = AddressTable::default();
        for (local, len) in addresses {
            let _ = table.insert(address(*local, *len, Scope::UNIVERSE)).expect("free");
        }
        table
    }

    fn locals(table: &AddressTable) -> Vec<(u8, bool)> {
        table.iter().map(|a| (a.local.octets()[3], a.is_secondary())).collect()
    }

    #[test]
    fn the_second_address_of_a_network_is_secondary_and_comes_last() {
        let table = table(&[([10, 0, 0, 1], 24), ([10, 0, 0, 2], 24), ([10, 1, 0, 3], 24)]);
        assert_eq!(locals(&table), vec![(1, false), (3, false), (2, true)]);
    }

    #[test]
    fn the_same_address_is_refused_and_so_is_another_scope_in_one_network() {
        let mut table = table(&[([10, 0, 0, 1], 24)]);
        let again = table.insert(address([10, 0, 0, 1], 24, Scope::UNIVERSE));
        assert_eq!(again, Err(AddrError::Exists));
        let scoped = table.insert(address([10, 0, 0, 9], 24, Scope::LINK));
        assert_eq!(scoped, Err(AddrError::ScopeDiffers));
        assert!(table.insert(address([10, 0, 0, 1], 25, Scope::UNIVERSE)).is_ok());
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn secondaries_go_with_their_primary_or_inherit() {
        let first = Ifindex::new(2).expect("not zero");
        let all =
            [([10, 0, 0, 1], 24), ([10, 0, 0, 2], 24), ([10, 0, 0, 3], 24), ([10, 1, 0, 4], 24)];
        let mut plain = table(&all);
        let deletion = plain.remove(first, 0, false);
        let gone: Vec<_> = deletion.gone.iter().map(|a| a.local.octets()[3]).collect();
        assert_eq!(gone, vec![2, 3, 1]);
        assert_eq!(locals(&plain), vec![(4, false)]);
        assert!(!plain.is_local([10, 0, 0, 3].into()));

        let mut promoting = table(&all);
        let deletion = promoting.remove(first, 0, true);
        assert_eq!(deletion.promoted.map(|a| a.local), Some([10, 0, 0, 2].into()));
        assert_eq!(locals(&promoting), vec![(4, false), (2, false), (3, true)]);
        assert!(promoting.is_local([10, 0, 0, 3].into()));
    }

    #[test]
    fn the_source_is_of_the_destination_s_network_or_else_the_first_in_scope() {
        let mut table = table(&[([10, 0, 0, 1], 24), ([10, 1, 0, 2], 24)]);
        let link = Ifindex::new(2).expect("not zero");
        let lo = Address { ifindex: Ifindex::LOOPBACK, ..address([127, 0, 0, 1], 8, Scope::HOST) };
        let _ = table.insert(lo).expect("free");
        let near = table.select_source(link, Some([10, 1, 0, 9].into()), Scope::UNIVERSE);
        assert_eq!(near, Some([10, 1, 0, 2].into()));
        let far = table.select_source(link, Some([192, 0, 2, 1].into()), Scope::UNIVERSE);
        assert_eq!(far, Some([10, 0, 0, 1].into()));
        let none_there = Ifindex::new(9).expect("not zero");
        assert_eq!(
            table.select_source(none_there, None, Scope::UNIVERSE),
            Some([10, 0, 0, 1].into())
        );
        assert_eq!(table.select_source(none_there, None, Scope::HOST), Some([127, 0, 0, 1].into()));
    }
}
