//! The sweep's combinations.

use crate::load::Sweep;
use crate::system::{Cache, System, Xdp};
use crate::topology::Topology;
use crate::trial::Trial;
use crate::units::{Bytes, Count, Duration, Share};
use crate::workload::{Popularity, SizeSpec, WeightedSize, Workload};

/// One combination of swept values; what is not swept stays as the spec has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    theta: Option<f64>,
    get_ratio: Option<f64>,
    keys: Option<Count>,
    key_size: Option<Bytes>,
    value_size: Option<Bytes>,
    large_share: Option<Share>,
    flows: Option<u16>,
    multi_get: Option<u16>,
    queues: Option<u16>,
    steering_cost: Option<Duration>,
    owners: Option<u16>,
    cache_entries: Option<u32>,
}

impl Cell {
    /// The workload with the swept values in place.
    pub(crate) fn workload(&self, workload: Workload) -> Workload {
        Workload {
            keys: self.keys.unwrap_or(workload.keys),
            key_size: self.key_size.map_or(workload.key_size, SizeSpec::Fixed),
            value_size: match (self.value_size, self.large_share) {
                (Some(size), _) => SizeSpec::Fixed(size),
                (None, Some(share)) => with_large(workload.value_size, share),
                (None, None) => workload.value_size,
            },
            popularity: match self.theta {
                None => workload.popularity,
                Some(0.0) => Popularity::Uniform,
                Some(theta) => Popularity::Zipf(theta),
            },
            get_ratio: self.get_ratio.unwrap_or(workload.get_ratio),
            flows: self.flows.unwrap_or(workload.flows),
            multi_get: self.multi_get.unwrap_or(workload.multi_get),
            ..workload
        }
    }

    /// The system with the swept values in place.
    pub(crate) fn system(&self, system: System) -> System {
        let owners = match system.system.fixed_owners() {
            Some(fixed) => fixed,
            None => self.owners.unwrap_or(system.owners),
        };
        let entries = self.cache_entries;
        let cache = system.cache.map(|cache| Cache {
            entries: entries.unwrap_or(cache.entries),
            ..cache
        });
        let xdp = match self.steering_cost {
            None => system.xdp,
            Some(cost) => {
                let xdp = system.xdp.unwrap_or_default();
                let cost = Some(cost);
                Xdp { cost, ..xdp }.resolve()
            }
        };
        System {
            owners,
            cache,
            xdp,
            ..system
        }
    }

    /// The topology with the swept values in place.
    pub(crate) fn topology(&self, topology: &Topology) -> Topology {
        Topology {
            queues: self.queues.unwrap_or(topology.queues),
            ..topology.clone()
        }
    }
}

/// A mix of two sizes with the larger one's share replaced; other sizes as they are, which the rules
/// refuse to sweep.
fn with_large(sizes: SizeSpec, share: Share) -> SizeSpec {
    let SizeSpec::Mix(mut mix) = sizes else {
        return sizes;
    };
    mix.sort_by_key(|weighted| weighted.size);
    if let [small, large] = mix.as_mut_slice() {
        let weight = |share: u64| u32::try_from(share).unwrap_or(u32::MAX);
        let weighted = |of: &WeightedSize, share| WeightedSize {
            size: of.size,
            weight: weight(share),
        };
        *small = weighted(small, Share::WHOLE.get().saturating_sub(share.get()));
        *large = weighted(large, share.get());
    }
    SizeSpec::Mix(mix)
}

/// The share of keys that have the largest size of a mix.
fn large_share(sizes: &SizeSpec) -> String {
    let SizeSpec::Mix(mix) = sizes else {
        return "none".to_owned();
    };
    let all: u64 = mix.iter().map(|weighted| u64::from(weighted.weight)).sum();
    let large = mix.iter().max_by_key(|weighted| weighted.size);
    let large = large.map_or(0, |weighted| u64::from(weighted.weight));
    (large as f64 / all.max(1) as f64).to_string()
}

/// The work injected into each steering decision.
fn steering_cost(trial: &Trial) -> Duration {
    let cost = trial.system.xdp.and_then(|xdp| xdp.cost);
    cost.unwrap_or(Duration(0))
}

impl Sweep {
    /// The values that are swept, as `trial` has them: `name value, name value`, in the order of the
    /// fields. What else tells two trials of a run apart is in columns of its own.
    #[must_use]
    pub fn of(&self, trial: &Trial) -> String {
        let workload = &trial.workload;
        let size = |size: &SizeSpec| match size.bounds() {
            Some((low, high)) if low == high => low.to_string(),
            Some((low, high)) => format!("{low} to {high}"),
            None => "none".to_owned(),
        };
        let values = [
            self.theta
                .as_ref()
                .map(|_| ("theta", workload.popularity.theta().to_string())),
            self.get_ratio
                .as_ref()
                .map(|_| ("get_ratio", workload.get_ratio.to_string())),
            self.keys
                .as_ref()
                .map(|_| ("keys", workload.keys.to_string())),
            self.key_size
                .as_ref()
                .map(|_| ("key_size", size(&workload.key_size))),
            self.value_size
                .as_ref()
                .map(|_| ("value_size", size(&workload.value_size))),
            self.large_share
                .as_ref()
                .map(|_| ("large_share", large_share(&workload.value_size))),
            self.flows
                .as_ref()
                .map(|_| ("flows", workload.flows.to_string())),
            self.multi_get
                .as_ref()
                .map(|_| ("multi_get", workload.multi_get.to_string())),
            self.queues
                .as_ref()
                .map(|_| ("queues", trial.topology.queues.to_string())),
            self.steering_cost
                .as_ref()
                .map(|_| ("steering_cost", steering_cost(trial).to_string())),
            self.owners
                .as_ref()
                .map(|_| ("owners", trial.system.owners.to_string())),
            (self.cache_entries.as_ref())
                .zip(trial.system.cache.as_ref())
                .map(|(_, cache)| ("cache_entries", cache.entries.to_string())),
        ];
        let swept = values.into_iter().flatten();
        let texts: Vec<String> = swept
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        texts.join(", ")
    }
}

/// All combinations, the last field varying fastest; a single empty cell without a sweep.
pub(crate) fn cells(sweep: Option<&Sweep>) -> Vec<Cell> {
    let mut cells = vec![Cell::default()];
    let Some(sweep) = sweep else { return cells };
    cross(&mut cells, sweep.theta.as_deref(), |cell, value| {
        cell.theta = Some(value)
    });
    cross(&mut cells, sweep.get_ratio.as_deref(), |cell, value| {
        cell.get_ratio = Some(value)
    });
    cross(&mut cells, sweep.keys.as_deref(), |cell, value| {
        cell.keys = Some(value)
    });
    cross(&mut cells, sweep.key_size.as_deref(), |cell, value| {
        cell.key_size = Some(value)
    });
    cross(&mut cells, sweep.value_size.as_deref(), |cell, value| {
        cell.value_size = Some(value)
    });
    cross(&mut cells, sweep.large_share.as_deref(), |cell, value| {
        cell.large_share = Some(value)
    });
    cross(&mut cells, sweep.flows.as_deref(), |cell, value| {
        cell.flows = Some(value)
    });
    cross(&mut cells, sweep.multi_get.as_deref(), |cell, value| {
        cell.multi_get = Some(value)
    });
    cross(&mut cells, sweep.queues.as_deref(), |cell, value| {
        cell.queues = Some(value)
    });
    cross(&mut cells, sweep.steering_cost.as_deref(), |cell, value| {
        cell.steering_cost = Some(value)
    });
    cross(&mut cells, sweep.owners.as_deref(), |cell, value| {
        cell.owners = Some(value)
    });
    cross(&mut cells, sweep.cache_entries.as_deref(), |cell, value| {
        cell.cache_entries = Some(value)
    });
    cells
}

/// Replaces each cell by one per value.
fn cross<T: Copy>(cells: &mut Vec<Cell>, values: Option<&[T]>, set: impl Fn(&mut Cell, T)) {
    let Some(values) = values else { return };
    let one_per_value = |cell: &Cell| {
        let with = |&value: &T| {
            let mut cell = cell.clone();
            set(&mut cell, value);
            cell
        };
        values.iter().map(with).collect::<Vec<_>>()
    };
    *cells = cells.iter().flat_map(one_per_value).collect();
}
