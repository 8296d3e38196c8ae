//! Wrong specs and arguments: exit code 2, the place, and what would be right.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;

const SHORT: Duration = Duration::from_secs(10);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("mistakes::in_specs", &[], specs),
        Case::new("mistakes::in_arguments", &[], arguments),
        Case::new("mistakes::touch_nothing", &[], touch_nothing),
    ]
}

const GOOD: &str = "\
name: good
topology: {kind: loopback}
systems: [sphinx]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9}
load: {rates: [2 kreq/s]}
phases: {warmup: 50 ms, measure: 200 ms, timeout: 50 ms}
";

/// What is replaced in the good spec, by what, and what the message must then say.
const WRONG: [(&str, &str, &[&str]); 8] = [
    (
        "[sphinx]",
        "[sphinks]",
        &[
            "wrong.yaml:3:11: ",
            "`sphinks`",
            "rss_shared",
            "sphinx",
            "seastar",
            "mica_erew",
            "xdp_steered",
            "memcached",
        ],
    ),
    (
        "2 kreq/s",
        "2 kreqs/s",
        &[
            "wrong.yaml:5:16: load.rates[0]",
            "`kreqs/s`",
            "req/s, kreq/s, Mreq/s",
        ],
    ),
    (
        "[sphinx]",
        "[{system: memcached, io: af_xdp}]",
        &["wrong.yaml:3:35: systems[0].io", "`af_xdp`", "allowed: udp"],
    ),
    (
        "[sphinx]",
        "[{system: sphinx, io: af_xdp}]",
        &["wrong.yaml:", "af_xdp", "loopback"],
    ),
    (
        "get_ratio: 0.9",
        "get_ratio: 1.9",
        &["wrong.yaml:4:", "get_ratio", "1.9"],
    ),
    (
        "keys: 1 k",
        "kees: 1 k",
        &["wrong.yaml:4:", "`kees`", "`keys`"],
    ),
    ("[sphinx]", "[sphinx, sphinx]", &["wrong.yaml:3:", "label"]),
    (
        "[sphinx]",
        "[sphinx]\nfigures: [leger]",
        &[
            "wrong.yaml: figures: ",
            "`leger`",
            "latency_cdf, ",
            "ledger",
        ],
    ),
];

fn specs(bench: &Bench) -> Result<()> {
    let good = bench.spec("good", GOOD)?;
    bench
        .finish(bench.experiment(["check"]).arg(good), SHORT)?
        .expect_code(0)?;
    for (from, to, told) in WRONG {
        if to.contains("figures") && !cfg!(feature = "figures") {
            continue;
        }
        ensure!(GOOD.matches(from).count() == 1, "{from} must occur once");
        let wrong = bench.spec("wrong", &GOOD.replace(from, to))?;
        for command in ["check", "run"] {
            let finished = bench.finish(bench.experiment([command]).arg(&wrong), SHORT)?;
            finished.expect_code(2)?;
            finished.expect_told(told)?;
        }
    }
    Ok(())
}

fn arguments(bench: &Bench) -> Result<()> {
    let good = bench.spec("good", GOOD)?;
    let good = good.display().to_string();
    let cases: [(&[&str], &[&str]); 10] = [
        (
            &["check", "missing.yaml"],
            &["missing.yaml: cannot be read", "No such file"],
        ),
        (
            &["check", &good, "--only", "nobody"],
            &["--only nobody", "it has sphinx"],
        ),
        (
            &["check", &good, "--set", "workload.kyes=3"],
            &["--set workload.kyes=3", "unknown field `kyes`", "`keys`"],
        ),
        (
            &["check", &good, "--set", "load.rates.0=fast"],
            &[
                "--set load.rates.0=fast",
                "`fast` is not a rate",
                "50 kreq/s",
            ],
        ),
        (
            &["check", &good, "--set", "blocks"],
            &["--set blocks", "path=value"],
        ),
        (&["run", &good, "--resume", "nowhere"], &["nowhere"]),
        (&["show", "nowhere"], &["nowhere"]),
        (
            &["serve", "--system", "sphinks"],
            &["sphinks", "rss_shared", "xdp_steered"],
        ),
        (
            &["serve", "--system", "xdp_steered", "--io", "udp"],
            &["--io udp", "AF_XDP sockets"],
        ),
        (&["fly"], &["fly: cannot be read"]),
    ];
    for (arguments, told) in cases {
        let finished = bench.finish(&mut bench.experiment(arguments), SHORT)?;
        finished.expect_code(2)?;
        finished.expect_told(told)?;
    }
    Ok(())
}

/// A run that is refused for its spec, or only checked, writes nothing.
fn touch_nothing(bench: &Bench) -> Result<()> {
    let wrong = bench.spec("wrong", &GOOD.replace("[sphinx]", "[sphinks]"))?;
    bench
        .finish(&mut bench.run_command(&wrong, &[]), SHORT)?
        .expect_code(2)?;
    let smoke = shipped("smoke/veth.yaml");
    let checked = bench.finish(bench.experiment(["check", "--json"]).arg(smoke), SHORT)?;
    checked.expect_code(0)?;
    let plan: serde_json::Value = serde_json::from_str(&checked.out)?;
    // Its three systems and the instrument's floor.
    ensure!(plan["trials"].as_array().map(Vec::len) == Some(4), "{plan}");
    ensure!(!bench.output().exists(), "a folder of results was made");
    ensure!(!bench.lock().exists(), "a lock was taken");
    Ok(())
}
