//! The sections about what is known to be true, from recorded runs.

use analysis::validation::{Answer, floor, ground_truth, stall};
use record::{RunFolder, StallSeen, TraceRow, TrialData};
use spec::Trial;

use crate::made;

const MS: u64 = 1_000_000;

fn text(further: &str) -> String {
    format!(
        "name: truth\ntopology: {{kind: veth}}\n\
         systems: [{{system: synthetic, service: {{fixed: 100 us}}}}]\n\
         workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}}\n\
         load: {{rates: [5 kreq/s]}}\n\
         phases: {{warmup: 100 ms, measure: 1 s, timeout: 500 ms}}\nblocks: 2\ntrace: true\n{further}"
    )
}

/// 5000 requests a second that take 100 us and never meet; each reply `way_ns` after its departure,
/// and none before `stall` is over.
fn rows(way_ns: u64, stall: Option<StallSeen>) -> Vec<TraceRow> {
    (0..5500u32)
        .map(|request| {
            let due_ns = u64::from(request) * 200_000;
            let stalled = stall.filter(|it| (it.began_ns..it.ended_ns).contains(&due_ns));
            // Half of the time is work, so that the backlog of a stall drains at 100 us a request.
            let drains = stalled.map(|it| it.ended_ns + (due_ns - it.began_ns) / 2);
            TraceRow {
                request,
                intended_ns: due_ns,
                sent_ns: Some(due_ns),
                reply_ns: Some(drains.unwrap_or(due_ns) + 100_000 + way_ns),
                service_ns: Some(100_000),
            }
        })
        .collect()
}

fn run(more: &str, change: impl Fn(&Trial, &mut TrialData)) -> (tempfile::TempDir, RunFolder) {
    let folder = tempfile::tempdir().unwrap();
    let run = made::run(folder.path(), &text(more), change);
    (folder, run)
}

/// Replies at two loads, each `way_ns` after its departure, beside a floor of 100 us.
fn held(way_ns: [u64; 2]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let two = text("").replace("[5 kreq/s]", "[5 kreq/s, 6 kreq/s]");
    let run = made::run(folder.path(), &two, |trial, data| {
        made::latency(data, 100_000);
        let high = trial.load.rate().is_some_and(|rate| rate.get() > 5_000);
        data.trace = (!trial.is_floor()).then(|| rows(way_ns[usize::from(high)], None));
    });
    let section = ground_truth::section(&run).unwrap().expect("traced");
    assert_eq!(section.table.len(), 3, "a header and two loads");
    assert_eq!(section.table[1][..3], ["synthetic", "0.50", "2"]);
    assert!(stall::section(&run).unwrap().is_none());
    section.answer
}

#[test]
fn a_way_as_long_as_the_floor_holds_and_one_that_grows_does_not() {
    assert_eq!(held([60_000, 80_000]), Answer::Holds);
    assert_eq!(held([120_000, 120_000]), Answer::Fails, "beyond the floor");
    assert_eq!(held([20_000, 80_000]), Answer::Fails, "grows with the load");
    assert_eq!(
        held([80_000, 20_000]),
        Answer::Fails,
        "shrinks with the load"
    );
}

#[test]
fn no_reply_may_come_before_its_departure() {
    let (_folder, run) = run("", |trial, data| {
        made::latency(data, 100_000);
        let mut rows = rows(60_000, None);
        rows[2_000].reply_ns = rows[2_000].reply_ns.map(|ns| ns - 60_001);
        data.trace = (!trial.is_floor()).then_some(rows);
    });
    let section = ground_truth::section(&run).unwrap().expect("traced");
    assert_eq!(section.answer, Answer::Fails);
}

/// What a stall of 100 ms does, as far as `seen_ns` of it are in the trace.
fn stalled(seen_ns: u64) -> Answer {
    let stall = "disturb: {stall: {after: 300 ms, length: 100 ms}}";
    let (_folder, run) = run(stall, |trial, data| {
        if trial.is_floor() {
            return;
        }
        let real = StallSeen {
            began_ns: 400 * MS,
            ended_ns: 500 * MS,
        };
        let seen = StallSeen {
            ended_ns: real.began_ns + seen_ns,
            ..real
        };
        data.stall = Some(real);
        data.trace = Some(rows(20_000, Some(seen)));
    });
    let section = stall::section(&run).unwrap().expect("stalled");
    let p99_9 = &section.table[5];
    assert_eq!(p99_9[2], "p99.9");
    assert_eq!(p99_9[5], "99.50", "the closed form at half of the capacity");
    assert!(ground_truth::section(&run).unwrap().is_none());
    section.answer
}

#[test]
fn a_stall_that_is_seen_holds_and_one_that_is_omitted_does_not() {
    assert_eq!(stalled(100 * MS), Answer::Holds);
    assert_eq!(stalled(10 * MS), Answer::Fails);
}

#[test]
fn no_system_is_faster_than_the_floor() {
    for (floor_ns, expected) in [(5_000, Answer::Holds), (500_000, Answer::Fails)] {
        let (_folder, run) = run("", |trial, data| {
            made::latency(data, if trial.is_floor() { floor_ns } else { 100_000 });
        });
        let section = floor::section(&run).expect("a floor");
        assert_eq!(section.answer, expected);
        assert_eq!(section.table[1][1], "2", "blocks");
    }
}
