//! The sweep's combinations.

use crate::load::Sweep;
use crate::system::{Cache, PeerPlacement, System, Xdp};
use crate::topology::Topology;
use crate::traffic::{MaelstromOptions, Processor, Traffic};
use crate::trial::{Task, Trial};
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
    frame_size: Option<Bytes>,
    burst: Option<u16>,
    loss: Option<Share>,
    loss_burst: Option<u16>,
    queues: Option<u16>,
    steering_cost: Option<Duration>,
    owners: Option<u16>,
    cache_entries: Option<u32>,
    batch: Option<u16>,
    placement: Option<PeerPlacement>,
}

impl Cell {
    /// The task with the swept values in place.
    pub(crate) fn task(&self, task: Task) -> Task {
        match task {
            Task::Requests(workload) => Task::Requests(self.workload(workload)),
            Task::Frames(traffic) => Task::Frames(Traffic {
                processor: self.processor(traffic.processor),
                frame_size: self.frame_size.unwrap_or(traffic.frame_size),
                flows: self.flows.unwrap_or(traffic.flows),
                burst: self.burst.unwrap_or(traffic.burst),
                ..traffic
            }),
        }
    }

    /// The processor with the swept values in place; what has no link that loses is as it was, which the rules refuse to
    /// sweep.
    fn processor(&self, processor: Processor) -> Processor {
        let lossy = |options: MaelstromOptions| {
            Processor::Maelstrom(MaelstromOptions {
                loss: self.loss.unwrap_or(options.loss),
                burst: self.loss_burst.unwrap_or(options.burst),
                ..options
            })
        };
        processor.code().map_or(processor, lossy)
    }

    /// The workload with the swept values in place.
    fn workload(&self, workload: Workload) -> Workload {
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
            batch: system.batch.map(|batch| self.batch.unwrap_or(batch)),
            placement: system.placement.map(|it| self.placement.unwrap_or(it)),
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

/// A swept value of a trial by its name, if it is swept.
type Value = Option<(&'static str, String)>;

/// A value of the field `name`, where the sweep has such a list.
fn swept<T>(list: Option<&Vec<T>>, name: &'static str, value: impl ToString) -> Value {
    list.map(|_| (name, value.to_string()))
}

impl Sweep {
    /// The values that are swept, as `trial` has them: `name value, name value`, in the order of the
    /// fields. What else tells two trials of a run apart is in columns of its own.
    #[must_use]
    pub fn of(&self, trial: &Trial) -> String {
        let task = match &trial.task {
            Task::Requests(workload) => self.of_requests(workload),
            Task::Frames(traffic) => self.of_frames(traffic),
        };
        let (topology, system) = (&trial.topology, &trial.system);
        let machine = [
            swept(self.queues.as_ref(), "queues", topology.queues),
            swept(
                self.steering_cost.as_ref(),
                "steering_cost",
                steering_cost(trial),
            ),
            swept(self.owners.as_ref(), "owners", system.owners),
            (system.cache.as_ref()).and_then(|cache| {
                swept(self.cache_entries.as_ref(), "cache_entries", cache.entries)
            }),
            (system.batch).and_then(|batch| swept(self.batch.as_ref(), "batch", batch)),
            (system.placement)
                .and_then(|placement| swept(self.placement.as_ref(), "placement", placement)),
        ];
        let values = task.into_iter().chain(machine).flatten();
        let texts: Vec<String> = values
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        texts.join(", ")
    }

    /// Of those the ones that a workload has.
    fn of_requests(&self, workload: &Workload) -> Vec<Value> {
        let size = |size: &SizeSpec| match size.bounds() {
            Some((low, high)) if low == high => low.to_string(),
            Some((low, high)) => format!("{low} to {high}"),
            None => "none".to_owned(),
        };
        let (keys, values) = (&workload.key_size, &workload.value_size);
        vec![
            swept(self.theta.as_ref(), "theta", workload.popularity.theta()),
            swept(self.get_ratio.as_ref(), "get_ratio", workload.get_ratio),
            swept(self.keys.as_ref(), "keys", workload.keys),
            swept(self.key_size.as_ref(), "key_size", size(keys)),
            swept(self.value_size.as_ref(), "value_size", size(values)),
            swept(
                self.large_share.as_ref(),
                "large_share",
                large_share(values),
            ),
            swept(self.flows.as_ref(), "flows", workload.flows),
            swept(self.multi_get.as_ref(), "multi_get", workload.multi_get),
        ]
    }

    /// Of those the ones that traffic has.
    fn of_frames(&self, traffic: &Traffic) -> Vec<Value> {
        let link = traffic.processor.code();
        vec![
            swept(self.flows.as_ref(), "flows", traffic.flows),
            swept(self.frame_size.as_ref(), "frame_size", traffic.frame_size),
            swept(self.burst.as_ref(), "burst", traffic.burst),
            link.and_then(|link| swept(self.loss.as_ref(), "loss", link.loss)),
            link.and_then(|link| swept(self.loss_burst.as_ref(), "loss_burst", link.burst)),
        ]
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
    cross(&mut cells, sweep.frame_size.as_deref(), |cell, value| {
        cell.frame_size = Some(value)
    });
    cross(&mut cells, sweep.burst.as_deref(), |cell, value| {
        cell.burst = Some(value)
    });
    cross(&mut cells, sweep.loss.as_deref(), |cell, value| {
        cell.loss = Some(value)
    });
    cross(&mut cells, sweep.loss_burst.as_deref(), |cell, value| {
        cell.loss_burst = Some(value)
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
    cross(&mut cells, sweep.batch.as_deref(), |cell, value| {
        cell.batch = Some(value)
    });
    cross(&mut cells, sweep.placement.as_deref(), |cell, value| {
        cell.placement = Some(value)
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
