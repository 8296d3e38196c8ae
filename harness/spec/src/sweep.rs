//! The sweep's combinations.

use crate::load::Sweep;
use crate::system::{System, Xdp};
use crate::topology::Topology;
use crate::units::{Bytes, Count, Duration};
use crate::workload::{Popularity, SizeSpec, Workload};

/// One combination of swept values; what is not swept stays as the spec has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    theta: Option<f64>,
    get_ratio: Option<f64>,
    keys: Option<Count>,
    key_size: Option<Bytes>,
    value_size: Option<Bytes>,
    flows: Option<u16>,
    multi_get: Option<u16>,
    queues: Option<u16>,
    steering_cost: Option<Duration>,
    owners: Option<u16>,
}

impl Cell {
    /// The workload with the swept values in place.
    pub(crate) fn workload(&self, workload: Workload) -> Workload {
        Workload {
            keys: self.keys.unwrap_or(workload.keys),
            key_size: self.key_size.map_or(workload.key_size, SizeSpec::Fixed),
            value_size: self.value_size.map_or(workload.value_size, SizeSpec::Fixed),
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
