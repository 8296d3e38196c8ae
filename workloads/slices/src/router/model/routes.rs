//! The routes of one family: all that the kernel has, of which the best to each prefix is in the table.
//!
//! The kernel looks into the table `local` first, and there for the longest prefix. Here both are one table, in
//! which `local` goes before `main` for the same prefix: the same for single addresses, which local routes are
//! but for those that somebody added by hand.

use std::collections::HashMap;

use sys::tables::{Route, Standing};

use super::super::lpm::{Full, Key, Lpm, LpmTable, Prefix};
use super::hops::Hops;
use super::target;

/// Routes by prefix, in the order in which they were told.
pub(super) type ByPrefix<K> = HashMap<Prefix<K>, Vec<Route>>;

#[derive(Debug)]
pub(super) struct Routes<K> {
    told: ByPrefix<K>,
    best: Lpm<K>,
}

impl<K: Key> Routes<K> {
    pub(super) fn with_limit(bytes: usize) -> Self {
        Self {
            told: HashMap::new(),
            best: Lpm::with_limit(bytes),
        }
    }

    pub(super) fn table(&self) -> LpmTable<K> {
        self.best.table().clone()
    }

    /// Adds a route to those of its prefix; whether that changes anything.
    pub(super) fn add(
        &mut self,
        to: K,
        route: Route,
        standing: Standing,
        hops: &mut Hops,
    ) -> Result<bool, Full> {
        let prefix = Prefix::new(to, route.prefix_len);
        let told = self.told.entry(prefix).or_default();
        if told.contains(&route) {
            return Ok(false);
        }
        match gives_way(told, &route, standing) {
            GivesWay::None => told.push(route),
            GivesWay::One(place) => told[place] = route,
            GivesWay::AllWithGateways => {
                told.retain(|other| !(rivals(other, &route) && has_gateway(other)));
                told.push(route);
            }
        }
        self.settle(prefix, hops)?;
        Ok(true)
    }

    /// Takes a route away, or the ways that are told of one; whether there was any.
    pub(super) fn remove(&mut self, to: K, route: &Route, hops: &mut Hops) -> Result<bool, Full> {
        let prefix = Prefix::new(to, route.prefix_len);
        let Some(told) = self.told.get_mut(&prefix) else {
            return Ok(false);
        };
        let mut changed = false;
        told.retain_mut(|other| {
            if !rivals(other, route) || other.kind != route.kind {
                return true;
            }
            let before = other.hops.len();
            other.hops.retain(|hop| !route.hops.contains(hop));
            let went = before != other.hops.len() || before == 0 && route.hops.is_empty();
            changed |= went;
            !(went && other.hops.is_empty())
        });
        if told.is_empty() {
            self.told.remove(&prefix);
        }
        self.settle(prefix, hops)?;
        Ok(changed)
    }

    /// Adds a route to a list of all.
    pub(super) fn gather(all: &mut ByPrefix<K>, to: K, route: Route) {
        let told = all.entry(Prefix::new(to, route.prefix_len)).or_default();
        if !told.contains(&route) {
            told.push(route);
        }
    }

    /// Has these routes in place of all others.
    pub(super) fn replace(&mut self, all: ByPrefix<K>, hops: &mut Hops) -> Result<(), Full> {
        let before = std::mem::replace(&mut self.told, all);
        let gone = before
            .keys()
            .filter(|prefix| !self.told.contains_key(prefix));
        let gone: Vec<_> = gone.copied().collect();
        let other = self
            .told
            .iter()
            .filter(|(prefix, routes)| before.get(prefix) != Some(routes));
        let other: Vec<_> = other.map(|(prefix, _)| *prefix).collect();
        // What goes first makes room for what comes.
        for prefix in gone.into_iter().chain(other) {
            self.settle(prefix, hops)?;
        }
        Ok(())
    }

    /// Has the best route to a prefix in the table.
    fn settle(&mut self, prefix: Prefix<K>, hops: &mut Hops) -> Result<(), Full> {
        let told = self
            .told
            .get(&prefix)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let best = told
            .iter()
            .min_by_key(|route| (route.table, route.priority));
        let before = self.best.get(prefix);
        match best {
            Some(route) => {
                let number = hops.take(target(route));
                if before != Some(number)
                    && let Err(full) = self.best.insert(prefix, number)
                {
                    hops.give_back(number);
                    return Err(full);
                }
            }
            None => {
                self.best.remove(prefix);
            }
        }
        if let Some(number) = before {
            hops.give_back(number);
        }
        Ok(())
    }
}

/// What a new route takes the place of.
enum GivesWay {
    None,
    One(usize),
    AllWithGateways,
}

/// IPv6 has the ways of a multipath route as routes of their own that can be reached by a gateway, and tells all of
/// them with each that comes; the others of the same prefix and priority stand beside it.
fn gives_way(told: &[Route], route: &Route, standing: Standing) -> GivesWay {
    let v6 = route.destination.is_ipv6();
    let reached_alike = |other: &Route| !v6 || has_gateway(other) == has_gateway(route);
    let rival = |other: &Route| rivals(other, route);
    let alike = told
        .iter()
        .position(|other| rival(other) && reached_alike(other));
    let ways = v6 && has_gateway(route);
    match (standing, alike) {
        (Standing::Beside, Some(_)) if ways && route.hops.len() > 1 => GivesWay::AllWithGateways,
        (Standing::Beside, _) => GivesWay::None,
        (Standing::InPlace, Some(_)) if ways => GivesWay::AllWithGateways,
        (Standing::InPlace, Some(place)) => GivesWay::One(place),
        (Standing::InPlace, None) => told
            .iter()
            .position(rival)
            .map_or(GivesWay::None, GivesWay::One),
    }
}

fn rivals(one: &Route, other: &Route) -> bool {
    (one.table, one.priority) == (other.table, other.priority)
}

fn has_gateway(route: &Route) -> bool {
    route.hops.iter().any(|hop| hop.gateway.is_some())
}
