//! The lock order of the core, in one place.
//!
//! A lock may be taken while locks of a *smaller* rank are held, never the other way
//! round, and two locks of one rank never nest unless their line says how. All of them
//! are spin locks around short sections; none is taken in a hard interrupt, and none is
//! held while a frame is handed to another device or a waiter is woken.
//!
//! ```text
//! Registry            every namespace of a stack, by id
//!   Config            one namespace's control path (two: by namespace id, ascending)
//!     Nsids           one namespace's numbers for other namespaces
//!     Links           one namespace's link table
//!     LinkState       one link's slow-changing attributes
//!       Kind          a link kind's own control state (bridge ports, veth peer)
//!       Routes        one namespace's addresses and routes
//!         Groups      one namespace's multicast memberships
//!         Neighbours  one namespace's neighbour table
//!         Reassembly  one namespace's incomplete datagrams
//!         Limits      one namespace's limits on ICMP errors
//!         PathMtus    one namespace's path MTUs
//!         Fdb         one bridge's forwarding database
//!   Sockets           one namespace's demux tables
//!     Socket          one socket (a listener before the connections it spawned)
//!       Deadlines     one namespace's ordered deadlines
//!       Queue         a frame queue, a run queue
//!         Napi        a CPU's NAPI list
//!           Pool      the packet pool
//!           Events    a namespace's subscribers
//!   Extensions        what the doors keep per namespace
//!     Netlink         one namespace's netlink sockets, by port id
//!       NetlinkSocket one netlink socket's options and queue
//! ```
//!
//! With the feature `lock-check` (on in every host test) a violation panics with both
//! names; without it the ranks cost nothing.

use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// A place in the lock order.
pub trait Rank {
    /// Locks nest from smaller to larger.
    const RANK: u8;
    /// The name shown when the order is violated.
    const NAME: &'static str;
    /// Whether a second lock of this rank may be taken (in an order its user guarantees).
    const NESTS: bool = false;
}

macro_rules! ranks {
    ($($(#[$doc:meta])* $name:ident = $rank:literal $(, nests = $nests:literal)?;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl Rank for $name {
                const RANK: u8 = $rank;
                const NAME: &'static str = stringify!($name);
                $(const NESTS: bool = $nests;)?
            }
        )*
    };
}

ranks! {
    /// Every namespace of a stack, by id.
    Registry = 10;
    /// One namespace's control path; two nest in ascending order of namespace id.
    Config = 20, nests = true;
    /// One namespace's numbers for other namespaces.
    Nsids = 25;
    /// One namespace's link table.
    Links = 30;
    /// One link's slow-changing attributes.
    LinkState = 40;
    /// A link kind's own control state.
    Kind = 50;
    /// One namespace's addresses and routes.
    Routes = 60;
    /// One namespace's multicast memberships.
    Groups = 65;
    /// One namespace's neighbour table.
    Neighbours = 70;
    /// One namespace's incomplete datagrams.
    Reassembly = 75;
    /// One namespace's limits on ICMP errors.
    Limits = 76;
    /// One namespace's path MTUs.
    PathMtus = 77;
    /// One bridge's forwarding database.
    Fdb = 80;
    /// One namespace's socket demux tables.
    Sockets = 90;
    /// One socket; a listener's lock may be held while one it spawned is taken.
    Socket = 100, nests = true;
    /// One namespace's ordered deadlines.
    Deadlines = 110;
    /// A frame queue or a run queue.
    Queue = 120;
    /// A CPU's NAPI list.
    Napi = 130;
    /// The packet pool.
    Pool = 140;
    /// A namespace's subscribers.
    Events = 150;
    /// What the doors above the core keep per namespace.
    Extensions = 160;
    /// One namespace's netlink sockets, by port id.
    Netlink = 170;
    /// One netlink socket's options and queue.
    NetlinkSocket = 180;
}

/// A spin lock at rank `R`.
#[derive(Debug)]
pub struct Mutex<R, T> {
    inner: spin::Mutex<T>,
    rank: PhantomData<fn() -> R>,
}

impl<R: Rank, T> Mutex<R, T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self { inner: spin::Mutex::new(value), rank: PhantomData }
    }

    /// Spins until the lock is free.
    pub fn lock(&self) -> Guard<R, spin::MutexGuard<'_, T>> {
        check::acquire::<R>();
        Guard { inner: self.inner.lock(), rank: PhantomData }
    }
}

impl<R: Rank, T: Default> Default for Mutex<R, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<R: Rank, T: Default> Default for RwLock<R, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// A readers-writer spin lock at rank `R`.
#[derive(Debug)]
pub struct RwLock<R, T> {
    inner: spin::RwLock<T>,
    rank: PhantomData<fn() -> R>,
}

impl<R: Rank, T> RwLock<R, T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self { inner: spin::RwLock::new(value), rank: PhantomData }
    }

    /// Shares the value with other readers.
    pub fn read(&self) -> Guard<R, spin::RwLockReadGuard<'_, T>> {
        check::acquire::<R>();
        Guard { inner: self.inner.read(), rank: PhantomData }
    }

    /// Owns the value alone.
    pub fn write(&self) -> Guard<R, spin::RwLockWriteGuard<'_, T>> {
        check::acquire::<R>();
        Guard { inner: self.inner.write(), rank: PhantomData }
    }
}

/// Access to a locked value; releases on drop.
#[derive(Debug)]
pub struct Guard<R: Rank, G> {
    inner: G,
    rank: PhantomData<fn() -> R>,
}

impl<R: Rank, G: Deref> Deref for Guard<R, G> {
    type Target = G::Target;
    fn deref(&self) -> &G::Target {
        &self.inner
    }
}

impl<R: Rank, G: DerefMut> DerefMut for Guard<R, G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.inner
    }
}

impl<R: Rank, G> Drop for Guard<R, G> {
    fn drop(&mut self) {
        check::release::<R>();
    }
}

#[cfg(not(feature = "lock-check"))]
mod check {
    use super::Rank;
    pub(super) const fn acquire<R: Rank>() {}
    pub(super) const fn release<R: Rank>() {}
}

#[cfg(feature = "lock-check")]
mod check {
    use core::cell::RefCell;
    use std::vec::Vec;

    use super::Rank;

    std::thread_local! {
        static HELD: RefCell<Vec<(u8, &'static str)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn acquire<R: Rank>() {
        HELD.with_borrow_mut(|held| {
            if let Some((rank, name)) = held.iter().max().copied() {
                let in_order = R::RANK > rank || (R::RANK == rank && R::NESTS);
                assert!(in_order, "lock order: {} taken while {name} is held", R::NAME);
            }
            held.push((R::RANK, R::NAME));
        });
    }

    pub(super) fn release<R: Rank>() {
        HELD.with_borrow_mut(|held| {
            if let Some(at) = held.iter().rposition(|(rank, _)| *rank == R::RANK) {
                held.remove(at);
            }
        });
    }
}

#[cfg(all(test, feature = "lock-check"))]
mod tests {
    use super::*;

    #[test]
    fn locks_nest_from_small_to_large_rank() {
        let routes = Mutex::<Routes, _>::new(1);
        let pool = Mutex::<Pool, _>::new(2);
        let first = routes.lock();
        let second = pool.lock();
        assert_eq!((*first, *second), (1, 2));
    }

    #[test]
    #[should_panic(expected = "Routes taken while Pool is held")]
    fn the_reverse_order_is_caught() {
        let routes = Mutex::<Routes, _>::new(1);
        let pool = Mutex::<Pool, _>::new(2);
        let _second = pool.lock();
        let _first = routes.lock();
    }

    #[test]
    #[should_panic(expected = "Links taken while Links is held")]
    fn two_locks_of_one_rank_do_not_nest() {
        let one = RwLock::<Links, _>::new(1);
        let other = RwLock::<Links, _>::new(2);
        let _one = one.read();
        let _other = other.read();
    }
}
