//! The forwarding information base: every table of a namespace, longest prefix first.
//!
//! A table is an ordered map from (network, host bits) to the routes of that prefix, and a
//! count of prefixes per length: a lookup tries the lengths in use, longest first, so it
//! costs O(lengths in use * log n), and a dump in key order is Linux's trie order. (The
//! published longest-prefix-match crates keep one value per prefix and no such order.)
//!
//! Invariants: within a leaf routes are sorted by tos descending, then priority ascending;
//! no leaf is empty; `lengths` counts leaves; the two indexes count, per link and per
//! preferred source, the routes of each leaf that name it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{Route, RouteKind, RouteMode, RouteSelector, nexthop_flags, table};
use crate::error::RouteError;
use crate::ids::Ifindex;
use crate::ip::conf::Devconf;
use crate::ip::prefix;
use crate::ip::scope::Scope;

/// Routes one namespace may have, those derived from addresses included.
const MAX_ROUTES: usize = 131_072;

/// Network and host bits: ascending order is a dump's order.
type LeafKey = (u32, u8);

#[derive(Debug)]
struct Table {
    /// Age among the tables that share a hash slot in Linux: a dump shows the newest first.
    born: u64,
    leaves: BTreeMap<LeafKey, Vec<Arc<Route>>>,
    lengths: [u32; 33],
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Fib {
    tables: BTreeMap<u32, Table>,
    tables_made: u64,
    count: usize,
    by_link: Index<Ifindex>,
    by_prefsrc: Index<Ipv4Addr>,
}

/// Where in the tables the routes are that name a `K`.
#[derive(Debug)]
struct Index<K>(BTreeMap<(K, u32, LeafKey), u32>);

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy> Index<K> {
    fn add(&mut self, key: K, table: u32, leaf: LeafKey) {
        *self.0.entry((key, table, leaf)).or_default() += 1;
    }

    fn sub(&mut self, key: K, table: u32, leaf: LeafKey) {
        if let Some(count) = self.0.get_mut(&(key, table, leaf)) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&(key, table, leaf));
            }
        }
    }

    fn leaves(&self, key: K) -> Vec<(u32, LeafKey)> {
        let from = (key, 0, (0, 0));
        let to = (key, u32::MAX, (u32::MAX, u8::MAX));
        self.0.range(from..=to).map(|((_, table, leaf), _)| (*table, *leaf)).collect()
    }
}

/// What becomes of ways whose link has no carrier (`ignore_routes_with_linkdown`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Linkdown {
    /// They are as good as others: a gateway is being checked.
    Usable,
    /// The link's own setting decides.
    AsLinkSays,
    /// `all` says to pass over them.
    Skipped,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FibQuery {
    pub(crate) dst: Ipv4Addr,
    pub(crate) tos: u8,
    /// Only ways through this link.
    pub(crate) oif: Option<Ifindex>,
    /// Only routes of at least this scope (at most this reach).
    pub(crate) scope: Scope,
    /// Spreads flows over the ways of a multipath route.
    pub(crate) hash: u32,
    /// What of ways whose link has no carrier.
    pub(crate) linkdown: Linkdown,
}

impl FibQuery {
    /// Anything that reaches `dst`.
    pub(crate) const fn to(dst: Ipv4Addr) -> Self {
        Self { dst, tos: 0, oif: None, scope: Scope::UNIVERSE, hash: 0, linkdown: Linkdown::Usable }
    }
}

/// A route that fits, and which of its ways.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) route: Arc<Route>,
    pub(crate) way: usize,
}

/// How a route got in.
#[derive(Debug)]
pub(crate) enum Inserted {
    /// Beside the others, or as the first; `how` is for `nlmsg_flags`.
    Added { route: Arc<Route>, how: RouteMode },
    /// In the place of another.
    Replaced(Arc<Route>),
    /// It was there, first in line: nothing changed.
    Unchanged,
}

impl Fib {
    /// Finds the way for `query`: local and main together (the longest prefix of both wins,
    /// local on a tie, as Linux's merged trie has it), then default.
    pub(crate) fn lookup(&self, query: &FibQuery) -> Result<Found, RouteError> {
        for tables in [&[table::LOCAL, table::MAIN][..], &[table::DEFAULT]] {
            if let Some(found) = self.lookup_in(tables, query)? {
                return Ok(found);
            }
        }
        Err(RouteError::Unreachable)
    }

    /// Finds the way for `query` in one table only.
    pub(crate) fn lookup_table(&self, id: u32, query: &FibQuery) -> Result<Found, RouteError> {
        self.lookup_in(&[id], query)?.ok_or(RouteError::Unreachable)
    }

    fn lookup_in(&self, ids: &[u32], query: &FibQuery) -> Result<Option<Found>, RouteError> {
        let mut tables: [Option<&Table>; 2] = [None; 2];
        for (slot, id) in tables.iter_mut().zip(ids) {
            *slot = self.tables.get(id);
        }
        for len in (0..=32_u8).rev() {
            for table in tables.iter().flatten() {
                if table.lengths[usize::from(len)] == 0 {
                    continue;
                }
                let leaf = table.leaves.get(&leaf_key(query.dst, len));
                for route in leaf.into_iter().flatten() {
                    if route.tos != 0 && route.tos != query.tos || route.scope < query.scope {
                        continue;
                    }
                    match route.kind {
                        RouteKind::Throw => return Ok(None),
                        RouteKind::Blackhole => return Err(RouteError::Blackhole),
                        RouteKind::Unreachable => return Err(RouteError::HostUnreachable),
                        RouteKind::Prohibit => return Err(RouteError::Prohibited),
                        _ => {}
                    }
                    if let Some(way) = pick_way(route, query) {
                        return Ok(Some(Found { route: route.clone(), way }));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Puts `route` in; `mode` says what may be there already.
    pub(crate) fn insert(&mut self, route: Route, mode: RouteMode) -> Result<Inserted, RouteError> {
        let key = leaf_key(route.dst, route.prefix_len);
        let id = route.table;
        let leaf: &[Arc<Route>] =
            self.tables.get(&id).and_then(|t| t.leaves.get(&key)).map_or(&[], Vec::as_slice);
        let first = leaf.partition_point(|known| {
            known.tos > route.tos || known.tos == route.tos && known.priority < route.priority
        });
        let peers = leaf[first..]
            .iter()
            .take_while(|known| known.tos == route.tos && known.priority == route.priority)
            .count();
        let mut how = RouteMode::EXCL;
        let mut at = first;
        if peers != 0 {
            if mode.contains(RouteMode::EXCL) {
                return Err(RouteError::Exists);
            }
            how = RouteMode::empty();
            let same = leaf[first..first + peers].iter().position(|known| known.same_as(&route));
            if mode.contains(RouteMode::REPLACE) {
                return match same {
                    Some(0) => Ok(Inserted::Unchanged),
                    Some(_) => Err(RouteError::Exists),
                    None => self.replace(id, key, first, route),
                };
            }
            if same.is_some() {
                return Err(RouteError::Exists);
            }
            if mode.contains(RouteMode::APPEND) {
                how |= RouteMode::APPEND;
                at = first + peers;
            }
        }
        if !mode.contains(RouteMode::CREATE) {
            return Err(RouteError::NoEntry);
        }
        if self.count >= MAX_ROUTES {
            return Err(RouteError::NoMemory);
        }
        let route = Arc::new(route);
        self.index(&route, key);
        let born = self.tables_made;
        let table = self.tables.entry(id).or_insert_with(|| Table {
            born,
            leaves: BTreeMap::new(),
            lengths: [0; 33],
        });
        self.tables_made += u64::from(table.born == born && table.leaves.is_empty());
        let leaf = table.leaves.entry(key).or_default();
        if leaf.is_empty() {
            table.lengths[usize::from(route.prefix_len)] += 1;
        }
        leaf.insert(at, route.clone());
        self.count += 1;
        Ok(Inserted::Added { route, how: how | RouteMode::CREATE })
    }

    fn replace(
        &mut self,
        id: u32,
        key: LeafKey,
        at: usize,
        route: Route,
    ) -> Result<Inserted, RouteError> {
        let route = Arc::new(route);
        let leaf = self.tables.get_mut(&id).and_then(|table| table.leaves.get_mut(&key));
        let place = leaf.and_then(|leaf| leaf.get_mut(at)).ok_or(RouteError::NoEntry)?;
        let old = core::mem::replace(place, route.clone());
        self.index(&route, key);
        self.unindex(&old, key);
        Ok(Inserted::Replaced(route))
    }

    /// Removes the first route `selector` names.
    pub(crate) fn remove(&mut self, selector: &RouteSelector) -> Result<Arc<Route>, RouteError> {
        let id = selector.table;
        let key = leaf_key(selector.dst, selector.prefix_len);
        let table = self.tables.get(&id).ok_or(RouteError::NoTable)?;
        let leaf = table.leaves.get(&key).ok_or(RouteError::NotFound)?;
        let named = |route: &Arc<Route>| route.tos == selector.tos && route.matches(selector);
        let at = leaf.iter().position(named).ok_or(RouteError::NotFound)?;
        self.remove_at(id, key, at).ok_or(RouteError::NotFound)
    }

    /// Removes every route via `link` that `doomed` says shall go, without a word as on
    /// Linux. Cost: the routes of the prefixes that have one via the link.
    pub(crate) fn remove_via(&mut self, link: Ifindex, doomed: impl Fn(&Route) -> bool) {
        let leaves = self.by_link.leaves(link);
        let via = |route: &Route| route.nexthops.iter().any(|way| way.oif == link);
        drop(self.remove_from(&leaves, |route| via(route) && doomed(route)));
    }

    /// Removes the routes of main whose preferred source is `addr`, which is ours no more
    /// (Linux: `fib_sync_down_addr`).
    pub(crate) fn remove_with_source(&mut self, addr: Ipv4Addr) -> Vec<Arc<Route>> {
        let leaves = self.by_prefsrc.leaves(addr);
        self.remove_from(&leaves, |route| route.prefsrc == Some(addr) && route.table == table::MAIN)
    }

    fn remove_from(
        &mut self,
        leaves: &[(u32, LeafKey)],
        doomed: impl Fn(&Route) -> bool,
    ) -> Vec<Arc<Route>> {
        let mut removed = Vec::new();
        for &(id, key) in leaves {
            loop {
                let leaf = self.tables.get(&id).and_then(|table| table.leaves.get(&key));
                let at = leaf.and_then(|leaf| leaf.iter().position(|route| doomed(route)));
                let Some(at) = at else { break };
                removed.extend(self.remove_at(id, key, at));
            }
        }
        removed
    }

    fn remove_at(&mut self, id: u32, key: LeafKey, at: usize) -> Option<Arc<Route>> {
        let table = self.tables.get_mut(&id)?;
        let leaf = table.leaves.get_mut(&key)?;
        let route = leaf.remove(at);
        if leaf.is_empty() {
            table.leaves.remove(&key);
            table.lengths[usize::from(route.prefix_len)] -= 1;
        }
        // Linux keeps an empty table too, but nobody can tell an empty local, main or
        // default from a missing one, and numbered ones may not pile up.
        if table.leaves.is_empty() && !matches!(id, table::LOCAL | table::MAIN) {
            self.tables.remove(&id);
        }
        self.count -= 1;
        self.unindex(&route, key);
        Some(route)
    }

    fn index(&mut self, route: &Route, key: LeafKey) {
        for way in &route.nexthops {
            self.by_link.add(way.oif, route.table, key);
        }
        if let Some(prefsrc) = route.prefsrc {
            self.by_prefsrc.add(prefsrc, route.table, key);
        }
    }

    fn unindex(&mut self, route: &Route, key: LeafKey) {
        for way in &route.nexthops {
            self.by_link.sub(way.oif, route.table, key);
        }
        if let Some(prefsrc) = route.prefsrc {
            self.by_prefsrc.sub(prefsrc, route.table, key);
        }
    }

    /// Every route in the order Linux dumps them: tables by the low byte of their number,
    /// newest first among equals; within a table by network, longest prefix first.
    pub(crate) fn dump(&self) -> Result<Vec<Arc<Route>>, RouteError> {
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_by_key(|(id, table)| (**id & 0xff, u64::MAX - table.born));
        let mut routes = Vec::new();
        routes.try_reserve_exact(self.count).map_err(|_| RouteError::NoMemory)?;
        routes.extend(tables.iter().flat_map(|(_, t)| t.leaves.values()).flatten().cloned());
        Ok(routes)
    }

    /// Whether the table exists.
    pub(crate) fn has_table(&self, id: u32) -> bool {
        self.tables.contains_key(&id)
    }
}

fn leaf_key(dst: Ipv4Addr, len: u8) -> LeafKey {
    (dst.to_bits() & prefix::mask(len), 32 - len)
}

/// The way `query` takes of `route`: among those alive (and through the wanted link), by
/// weight.
fn pick_way(route: &Route, query: &FibQuery) -> Option<usize> {
    let usable = |way: &super::Nexthop| {
        let flags = way.flags();
        let link_says = || way.link.conf4.is_on(Devconf::IgnoreRoutesWithLinkdown);
        let skipped = flags & nexthop_flags::LINKDOWN != 0
            && match query.linkdown {
                Linkdown::Usable => false,
                Linkdown::AsLinkSays => link_says(),
                Linkdown::Skipped => true,
            };
        flags & nexthop_flags::DEAD == 0 && !skipped && query.oif.is_none_or(|oif| oif == way.oif)
    };
    let ways = || route.nexthops.iter().enumerate().filter(|(_, way)| usable(way));
    let (first, _) = ways().next()?;
    if route.nexthops.len() == 1 {
        return Some(first);
    }
    let total: u32 = ways().map(|(_, way)| u32::from(way.weight)).sum();
    let mut point = query.hash % total.max(1);
    for (at, way) in ways() {
        match point.checked_sub(u32::from(way.weight)) {
            Some(rest) => point = rest,
            None => return Some(at),
        }
    }
    Some(first)
}
