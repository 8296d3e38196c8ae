//! Whether the report on the instrument says what the runs show.

use analysis::validation::{Answer, Section, gates, repeated, validate, write};
use record::{RunFolder, Smell, TrialData};
use spec::Trial;

use crate::made;

/// Two labels of one system; `b` with this service time.
fn text(b: &str, blocks: u32) -> String {
    format!(
        "name: repeated\ntopology: {{kind: veth}}\nsystems:\n\
         - {{system: sphinx, label: a, service: {{fixed: 100 us}}}}\n\
         - {{system: sphinx, label: b, service: {{fixed: {b}}}}}\n\
         workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}}\n\
         load: {{rates: [1 kreq/s]}}\n\
         phases: {{warmup: 100 ms, measure: 500 ms, timeout: 100 ms}}\nblocks: {blocks}\nfloor: false\n"
    )
}

/// Blocks drift together; each trial has 2% of noise of its own, and `b` is slower by `factor`.
fn paced(factor: f64) -> impl Fn(&Trial, &mut TrialData) {
    move |trial, data| {
        let is_b = trial.system.label == "b";
        let drift = 1.0 + 0.5 * made::noise(u64::from(trial.block));
        let own = 1.0 + 0.02 * made::noise(u64::from(trial.block * 2 + u32::from(is_b)) << 20);
        let pace = drift * own * if is_b { factor } else { 1.0 };
        made::latency(data, (100_000.0 * pace) as u64);
        data.cost.server_cpu_ns = Some((5e8 * pace) as u64);
    }
}

fn section(run: &RunFolder) -> Section {
    let mut sections = validate(std::slice::from_ref(run)).unwrap();
    assert_eq!(sections.len(), 1);
    sections.remove(0)
}

#[test]
fn the_same_system_twice_does_not_differ() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::run(folder.path(), &text("100 us", 105), paced(1.0));
    let found = repeated::of(&run).unwrap().unwrap();
    // 10 whole groups in three metrics.
    assert_eq!((found.groups.len(), found.injected), (30, 0.0));
    let section = section(&run);
    assert_eq!(section.answer, Answer::Holds, "{section:?}");
    assert!(section.title.starts_with("A/A"));

    let report = write(&[section], "Here.", &folder.path().join("out")).unwrap();
    let text = std::fs::read_to_string(report).unwrap();
    assert!(text.contains("| all | 10 | 30 |"), "{text}");
    analysis::record_tables(run.path()).unwrap();
    let table = std::fs::read_to_string(run.path().join("aa_ab.csv")).unwrap();
    assert_eq!(table.lines().count(), 31);
}

#[test]
fn a_label_that_is_favoured_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::run(folder.path(), &text("100 us", 100), paced(1.03));
    assert_eq!(section(&run).answer, Answer::Fails);
}

#[test]
fn more_service_time_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::run(folder.path(), &text("105 us", 150), paced(1.05));
    let found = repeated::of(&run).unwrap().unwrap();
    assert!((found.injected - 0.05).abs() < 1e-9);
    let section = section(&run);
    assert_eq!(section.answer, Answer::Holds, "{section:?}");
    assert!(section.title.starts_with("A/B: 5.0%"), "{}", section.title);
}

#[test]
fn an_instrument_that_is_blind_to_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::run(folder.path(), &text("105 us", 150), paced(1.0));
    assert_eq!(section(&run).answer, Answer::Fails);
}

#[test]
fn few_groups_decide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::run(folder.path(), &text("100 us", 20), paced(1.0));
    assert_eq!(section(&run).answer, Answer::Undecided);
    let run = made::run(folder.path(), &text("100 us", 9), paced(1.0));
    assert!(validate(&[run]).unwrap().is_empty());
}

#[test]
fn gates_may_take_a_trial_in_twenty() {
    let answer = |taken: u32| {
        let folder = tempfile::tempdir().unwrap();
        let run = made::run(folder.path(), &text("100 us", 12), |trial, data| {
            let ours = trial.system.label == "a";
            if ours && trial.block <= taken {
                data.smells.push(Smell::Unsent { requests: 1 });
                data.smells.push(Smell::OffSchedule {
                    p99_ns: 5_000_000,
                    limit_ns: 4_000_000,
                });
            }
            // What others did to the machine says nothing about gates.
            if !ours && trial.block <= 3 {
                data.smells.push(Smell::Steal {
                    share: 0.5,
                    limit: 0.02,
                });
            }
        });
        gates::section(&[run]).expect("24 trials")
    };
    let one = answer(1);
    assert_eq!(one.answer, Answer::Holds);
    let line = |gate: &str| one.table.iter().find(|row| row[0] == gate).cloned();
    assert_eq!(
        line("steal").unwrap()[1..],
        ["invalid", "3", "24", "12.50%"]
    );
    assert_eq!(line("unsent").unwrap()[1..3], ["advice", "1"]);
    assert_eq!(one.table.last().unwrap()[2..4], ["1", "21"]);
    assert_eq!(answer(2).answer, Answer::Fails);
}
