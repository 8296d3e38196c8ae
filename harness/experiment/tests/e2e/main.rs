//! The whole program, end to end: real namespaces, programs, servers, clients and result folders.
//!
//! One target whose cases run one after the other, since each wants the machine for itself. What
//! the machine cannot do, `experiment doctor` says; such cases are skipped aloud and counted as
//! ignored, or fail where `STEERBENCH_REQUIRE_ALL_TIERS=1` demands every tier. Each case has its own
//! folder for results and its own lock file, a bounded time, and ends only processes that it started.

mod bench;
mod bpf;
mod calls;
mod capture;
mod case;
mod chunks;
mod encrypted;
mod exclusion;
mod floods;
mod frames;
mod gates;
mod ipv6;
mod isolation;
mod judged;
mod kernel_steering;
mod key_notes;
mod known;
mod ledgers;
mod loads;
mod mistakes;
mod multi_key;
mod needs;
mod offload;
mod privilege;
mod provenance;
mod reproduced;
mod responses;
mod restoring;
mod results;
mod round_trips;
mod routes;
mod scans;
mod schedules;
mod schema;
mod search;
mod serving;
mod slow_nic;
mod smoke;
mod steering_counts;
mod storage;
mod stuck;
mod switched;
mod systems;
mod torture;
mod traces;
mod truth;

use std::process::ExitCode;

use case::Case;
use libtest_mimic::Arguments;

fn cases() -> Vec<Case> {
    [
        smoke::cases(),
        mistakes::cases(),
        privilege::cases(),
        known::cases(),
        key_notes::cases(),
        offload::cases(),
        chunks::cases(),
        slow_nic::cases(),
        provenance::cases(),
        judged::cases(),
        reproduced::cases(),
        truth::cases(),
        ledgers::cases(),
        loads::cases(),
        steering_counts::cases(),
        kernel_steering::cases(),
        systems::cases(),
        switched::cases(),
        multi_key::cases(),
        encrypted::cases(),
        calls::cases(),
        scans::cases(),
        responses::cases(),
        gates::cases(),
        exclusion::cases(),
        restoring::cases(),
        serving::cases(),
        stuck::cases(),
        search::cases(),
        storage::cases(),
        torture::cases(),
        floods::cases(),
        frames::cases(),
        round_trips::cases(),
        routes::cases(),
        ipv6::cases(),
        isolation::cases(),
    ]
    .concat()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = case::into_trials(cases(), &arguments);
    libtest_mimic::run(&arguments, trials).exit_code()
}
