//! Control path of routes: add, delete, list.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::fib::Inserted;
use super::{Route, RouteMode, RouteSelector, RouteSpec, check, table};
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::RouteError;
use crate::event::Event;
use crate::ids::Ifindex;
use crate::link::Link;
use crate::namespace::Namespace;

impl Namespace {
    /// Adds a route; `mode` says what may be there already.
    ///
    /// # Errors
    /// See [`RouteError`]; nothing changed.
    pub fn add_route(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        spec: &RouteSpec,
        mode: RouteMode,
        cx: &Cx<'_>,
    ) -> Result<(), RouteError> {
        let outcome = {
            let _config = self.config.lock();
            // The link table is a lock before the routes': look the links up first.
            let links: Vec<(Ifindex, Arc<Link>)> = spec
                .nexthops
                .iter()
                .filter_map(|wanted| wanted.oif)
                .filter_map(|oif| self.link(oif).map(|link| (oif, link)))
                .collect();
            let find = |oif: Ifindex| {
                links.iter().find(|(known, _)| *known == oif).map(|(_, link)| link.clone())
            };
            let inserted = {
                let mut tables = self.ip.tables.write();
                check::resolve(&tables.fib, spec, &find)
                    .and_then(|route| tables.fib.insert(route, mode))
            };
            match inserted {
                Ok(Inserted::Added { route, how }) => {
                    self.events.emit(self, cx, || Event::RouteNew { route, how });
                    Ok(())
                }
                Ok(Inserted::Replaced(route)) => {
                    let how = RouteMode::REPLACE;
                    self.events.emit(self, cx, || Event::RouteNew { route, how });
                    Ok(())
                }
                Ok(Inserted::Unchanged) => Ok(()),
                Err(error) => Err(error),
            }
        };
        cx.stack.run_tail(cx);
        outcome
    }

    /// Deletes the first route the selector names.
    ///
    /// # Errors
    /// [`RouteError::NotFound`], [`RouteError::NoTable`], or a bad prefix; nothing changed.
    pub fn delete_route(
        self: &Arc<Self>,
        _admin: &NetAdmin,
        selector: &RouteSelector,
        cx: &Cx<'_>,
    ) -> Result<(), RouteError> {
        let _config = self.config.lock();
        let route = {
            let mut tables = self.ip.tables.write();
            let id = if selector.table == 0 { table::MAIN } else { selector.table };
            if !tables.fib.has_table(id) {
                return Err(RouteError::NoTable);
            }
            check::check_prefix(selector.dst, selector.prefix_len)?;
            let selector = RouteSelector { table: id, ..selector.clone() };
            tables.fib.remove(&selector)?
        };
        self.events.emit(self, cx, || Event::RouteGone { route });
        Ok(())
    }

    /// Whether there is a table of this number: one that has, or once had, a route.
    #[must_use]
    pub fn has_route_table(&self, id: u32) -> bool {
        self.ip.tables.read().fib.has_table(id)
    }

    /// Whether there is a local or a main table: Linux makes both with the first route, and
    /// /proc/net/route is empty until then.
    #[must_use]
    pub fn has_route_tables(&self) -> bool {
        let tables = self.ip.tables.read();
        tables.fib.has_table(table::MAIN) || tables.fib.has_table(table::LOCAL)
    }

    /// Every route of every table, in the order Linux dumps them.
    ///
    /// # Errors
    /// [`RouteError::NoMemory`] if there is no room for the answer.
    pub fn routes(&self) -> Result<Vec<Arc<Route>>, RouteError> {
        self.ip.tables.read().fib.dump()
    }
}
