//! Random conversations, played to memcached 1.6 itself and to the store.

mod protocol_support;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};
use protocol_support::compare;

/// Values stay below 2048 bytes: where one is taken for a line, how much of it has arrived decides
/// whether the stream is closed.
///
/// Few keys, so that commands meet each other's items.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(vec!["a", "b", "c"]).prop_map(str::to_owned),
        1 => Just("k".repeat(250)),
        1 => Just("k".repeat(251)),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["", "0", "1", "9", "10", "99", "abc", " 7", "18446744073709551615"])
            .prop_map(str::to_owned),
        1 => (0..1200usize).prop_map(|len| "v".repeat(len)),
    ]
}

fn exptime() -> impl Strategy<Value = &'static str> {
    select(vec!["0", "0", "0", "100", "-1", "5000000000", "x"])
}

fn number() -> impl Strategy<Value = &'static str> {
    select(vec![
        "0",
        "1",
        "2",
        "5",
        "9",
        "100",
        "18446744073709551615",
        "-1",
        "x",
    ])
}

fn noreply() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " noreply"])
}

fn classic() -> impl Strategy<Value = String> {
    let verbs = select(vec!["set", "set", "add", "replace", "append", "prepend"]);
    let store = (verbs, key(), number(), exptime(), value(), noreply()).prop_map(
        |(verb, key, flags, exptime, value, noreply)| {
            format!(
                "{verb} {key} {flags} {exptime} {}{noreply}\r\n{value}\r\n",
                value.len()
            )
        },
    );
    let cas = (key(), 0..40u32, value(), noreply()).prop_map(|(key, cas, value, noreply)| {
        format!(
            "cas {key} 1 0 {} {cas}{noreply}\r\n{value}\r\n",
            value.len()
        )
    });
    let short = select(vec!["a", "b", "c", "d"]);
    let gets = (
        select(vec!["get", "gets", "gat 0", "gats 100"]),
        prop::collection::vec(short, 1..5),
    )
        .prop_map(|(verb, keys)| format!("{verb} {}\r\n", keys.join(" ")));
    let touch = (key(), exptime(), noreply())
        .prop_map(|(key, exptime, noreply)| format!("touch {key} {exptime}{noreply}\r\n"));
    let delete = (key(), noreply()).prop_map(|(key, noreply)| format!("delete {key}{noreply}\r\n"));
    // A reply that was not sent yet keeps its item, and memcached then does not change it in
    // place; mn makes it send.
    let delta = (select(vec!["incr", "decr"]), key(), number(), noreply())
        .prop_map(|(verb, key, by, noreply)| format!("mn\r\n{verb} {key} {by}{noreply}\r\n"));
    // Without a delay: in memcached a delayed flush revives what an earlier one flushed and nobody
    // has asked for since.
    let flush = select(vec![
        "flush_all\r\n",
        "flush_all 0\r\n",
        "flush_all noreply\r\n",
    ])
    .prop_map(str::to_owned);
    prop_oneof![8 => store, 2 => cas, 6 => gets, 2 => touch, 2 => delete, 4 => delta, 1 => flush]
}

/// Without `l`, which counts seconds and which memcached does not update on every fetch.
fn meta_flags(choice: Vec<&'static str>) -> impl Strategy<Value = String> {
    prop::collection::vec(select(choice), 0..5).prop_map(|flags| {
        flags
            .iter()
            .fold(String::new(), |line, flag| line + " " + flag)
    })
}

fn meta() -> impl Strategy<Value = String> {
    let key = || {
        prop_oneof![
            key(),
            select(vec!["YQ==", "Yg==", "YQ"]).prop_map(str::to_owned)
        ]
    };
    let get = vec![
        "v", "c", "f", "h", "k", "s", "t", "q", "u", "b", "O1", "N60", "T90", "R95", "v", "!",
    ];
    let get = (key(), meta_flags(get)).prop_map(|(key, flags)| format!("mg {key}{flags}\r\n"));
    let set = vec![
        "c", "k", "q", "b", "O2", "T80", "F7", "F0", "C3", "C9", "I", "ME", "MA", "MP", "MR", "MS",
        "Fx",
    ];
    let set = (key(), value(), meta_flags(set))
        .prop_map(|(key, value, flags)| format!("ms {key} {}{flags}\r\n{value}\r\n", value.len()));
    let delete = vec!["q", "k", "b", "O3", "I", "T70", "C4"];
    let delete =
        (key(), meta_flags(delete)).prop_map(|(key, flags)| format!("md {key}{flags}\r\n"));
    // Without `T`: where the number grows by a digit, memcached sets the deadline of the item that
    // it has just replaced.
    let delta = vec![
        "v", "t", "c", "q", "k", "b", "O4", "N50", "J12", "D3", "MI", "MD", "M+", "C5",
    ];
    let delta =
        (key(), meta_flags(delta)).prop_map(|(key, flags)| format!("mn\r\nma {key}{flags}\r\n"));
    prop_oneof![4 => get, 4 => set, 1 => delete, 2 => delta]
}

/// Lines made of the protocol's own words in any order.
fn noise() -> impl Strategy<Value = String> {
    let words = vec![
        "get",
        "gets",
        "gat",
        "set",
        "cas",
        "incr",
        "touch",
        "delete",
        "mg",
        "ms",
        "ma",
        "md",
        "flush_all",
        "verbosity",
        "noreply",
        "0",
        "1",
        "-1",
        "x",
        "a",
        "b",
        "",
        " ",
        "\t",
        "q",
        "stats reset",
    ];
    prop::collection::vec(select(words), 0..7).prop_map(|words| words.join(" ") + "\r\n")
}

/// The same scripts each time; `STEERBENCH_SCRIPTS=random` plays others.
fn runner(config: Config) -> TestRunner {
    if std::env::var("STEERBENCH_SCRIPTS").is_ok_and(|scripts| scripts == "random") {
        return TestRunner::new(config);
    }
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
}

fn play(cases: u32, command: impl Strategy<Value = Vec<u8>>) {
    let config = Config {
        cases,
        max_shrink_iters: 25,
        failure_persistence: None,
        ..Config::default()
    };
    let scripts = (prop::collection::vec(command, 1..150), 1..2000usize);
    runner(config)
        .run(&scripts, |(script, piece)| {
            // A value that is still to come when the stream ends would cost memcached's last replies.
            let script = [script.concat(), b"\r\nmn\r\n".to_vec()].concat();
            compare(&script, &[usize::MAX, piece]).map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn classic_commands() {
    play(16, classic().prop_map(String::into_bytes));
}

#[test]
fn meta_commands() {
    play(
        24,
        prop_oneof![3 => meta(), 1 => classic()].prop_map(String::into_bytes),
    );
}

#[test]
fn noise_between_commands() {
    play(
        16,
        prop_oneof![2 => noise(), 1 => classic()].prop_map(String::into_bytes),
    );
}
