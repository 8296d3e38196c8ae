//! The instrument's own floor: one short trial a block of a reflector behind the same client.
//!
//! What remains of a round trip when the server does nothing is the part of every latency that
//! belongs to the instrument. It is no competitor of the systems and has a label that none of them
//! may take.

use crate::load::{Load, LoadPoint, Phases};
use crate::spec::Spec;
use crate::system::{System, SystemKind, SystemSpec};
use crate::topology::{Topology, TopologyKind};
use crate::trial::Trial;
use crate::units::{Duration, Rate};

/// The label of the floor's trials.
pub const FLOOR_LABEL: &str = "floor";

/// A floor is told by some thousand requests: it lasts no longer than this, whatever the others do.
const WARMUP: Duration = Duration(100_000_000);
/// See [`WARMUP`].
const MEASURE: Duration = Duration(500_000_000);

/// Whether there is something to send requests back, and a rate to send them at.
pub(crate) fn is_possible(spec: &Spec) -> bool {
    let veth = match spec.topology.kind {
        TopologyKind::Veth => true,
        TopologyKind::Loopback
        | TopologyKind::Memory
        | TopologyKind::Nic
        | TopologyKind::Chain
        | TopologyKind::Pair => false,
    };
    veth && !spec.systems.is_empty() && lowest_rate(spec.load.as_ref()).is_some()
}

fn lowest_rate(load: Option<&Load>) -> Option<Rate> {
    load?.points().filter_map(LoadPoint::rate).min()
}

fn system(topology: &Topology) -> System {
    let reflector = SystemSpec {
        label: Some(FLOOR_LABEL.to_owned()),
        ..SystemSpec::of(SystemKind::Reflector)
    };
    reflector.resolve(topology.queues, None)
}

/// The floor's trial for the block of `trial`, one of the spec's own; none where the spec has no
/// floor.
pub(crate) fn of_block(spec: &Spec, trial: &Trial) -> Option<Trial> {
    if !spec.has_floor() {
        return None;
    }
    let rate = lowest_rate(spec.load.as_ref())?;
    let Phases {
        warmup,
        measure,
        timeout,
    } = trial.phases;
    Some(Trial {
        system: system(&trial.topology),
        load: LoadPoint::Open(rate),
        phases: Phases {
            warmup: warmup.min(WARMUP),
            measure: measure.min(MEASURE),
            timeout,
        },
        disturb: None,
        repartition: None,
        trace: false,
        bpf_stats: false,
        ..trial.clone()
    })
}
