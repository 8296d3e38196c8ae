//! A made-up result folder in the recorded schema, deterministic, so that figures are tested
//! without privilege.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Label, I/O, system, latency at rest in microseconds, capacity in requests a second.
const SERIES: [(&str, &str, &str, f64, f64); 9] = [
    ("rss_shared", "udp", "rss_shared", 34.0, 180e3),
    ("rss_shared", "af_xdp", "rss_shared", 21.0, 420e3),
    ("sphinx", "udp", "sphinx", 41.0, 150e3),
    ("sphinx", "af_xdp", "sphinx", 29.0, 380e3),
    ("sphinx_batched", "af_xdp", "sphinx", 26.0, 400e3),
    ("seastar", "udp", "seastar", 18.0, 210e3),
    ("xdp_steered", "af_xdp", "xdp_steered", 15.0, 600e3),
    ("mica_erew_xsk", "af_xdp", "mica_erew", 13.0, 650e3),
    ("memcached", "udp", "memcached", 48.0, 120e3),
];

/// What to make up.
pub(crate) struct Synthetic<'a> {
    pub(crate) topologies: &'a [&'a str],
    pub(crate) loads: &'a [f64],
    pub(crate) blocks: usize,
}

const OFFERED: u64 = 100_000;

const DEPTHS: [u32; 3] = [1, 8, 64];

const DROPS: [&str; 2] = ["drop_server_socket_full", "drop_xsk_ring_full"];

impl Synthetic<'_> {
    /// Writes the folder.
    pub(crate) fn write(&self, run: &Path) {
        fs::create_dir_all(run).unwrap();
        fs::write(run.join("run.json"), RUN_JSON).unwrap();
        let mut csv = header();
        for topology in self.topologies {
            for block in 0..self.blocks {
                for (index, series) in SERIES.iter().enumerate() {
                    for &load in self.loads {
                        let at = (load, None);
                        self.trial(run, &mut csv, topology, block, at, (index, series));
                    }
                    for depth in DEPTHS {
                        let at = (self.loads[0] * f64::from(depth), Some(depth));
                        self.trial(run, &mut csv, topology, block, at, (index, series));
                    }
                }
            }
        }
        fs::write(run.join("trials.csv"), csv).unwrap();
        self.comparison(run);
        probes(run);
    }

    /// Every series against the first, in two metrics.
    fn comparison(&self, run: &Path) {
        let mut csv = "label,io,baseline,baseline_io,load,swept,metric,ratio,ratio_low,ratio_high,blocks,verdict\n"
            .to_owned();
        let (baseline, baseline_io, _, base, _) = SERIES[0];
        for load in self.loads {
            for (index, (label, io, _, at_rest, _)) in SERIES.iter().enumerate().skip(1) {
                for (metric, factor) in [("p50_ns", 1.0), ("p99_ns", 1.3)] {
                    let ratio = factor * at_rest / base;
                    let high = if index == 3 {
                        f64::INFINITY
                    } else {
                        ratio * 1.1
                    };
                    let verdict =
                        ["faster", "slower", "no difference shown", "too few blocks"][index % 4];
                    writeln!(
                        csv,
                        "{label},{io},{baseline},{baseline_io},{} kreq/s,,{metric},{ratio},{},{high},{},{verdict}",
                        load / 1e3,
                        ratio * 0.9,
                        self.blocks
                    )
                    .unwrap();
                }
            }
        }
        fs::write(run.join("comparison.csv"), csv).unwrap();
    }

    fn trial(
        &self,
        run: &Path,
        csv: &mut String,
        topology: &str,
        block: usize,
        (load, depth): (f64, Option<u32>),
        (index, &(label, io, system, base, capacity)): (usize, &(&str, &str, &str, f64, f64)),
    ) {
        let named = depth.map_or_else(|| load.to_string(), |depth| format!("closed {depth}"));
        let id = format!("{topology}-{label}-{io}-{named}-{block}").replace(' ', "-");
        let drift = 1.0 + 0.04 * ((block * 7 + index) % 5) as f64;
        let lost = if load > capacity {
            OFFERED - (OFFERED as f64 * capacity / load) as u64
        } else {
            0
        };
        let busy = (load / capacity).min(0.97);
        let rows = distribution(
            base * drift * (1.0 + busy / (1.0 - busy) * 0.6),
            OFFERED - lost,
        );
        let folder = run.join("trials").join(&id);
        write_latency(&folder, &rows, lost);
        write_intervals(&folder, base * drift * 1e3, lost > 0);
        write_steering(&folder, system == "mica_erew");
        let percentile = |share: f64| nearest_rank(&rows, lost, share);
        let on_veth = topology == "veth";
        let cost = |ns: f64| {
            if on_veth {
                (ns * drift).to_string()
            } else {
                String::new()
            }
        };
        let (server, napi) = (base * 40.0, if io == "udp" { 900.0 } else { 420.0 });
        let executed = OFFERED - lost;
        let crossing = |share: f64| ((executed as f64 * share * drift) as u64).to_string();
        let steers = label.starts_with("sphinx") || label == "seastar";
        let smells = match (block, label) {
            (_, "seastar") => "spinning_shares_cpu;client_shares_cpu",
            (0, _) => "client_shares_cpu",
            _ => "",
        };
        // One invalid trial, in the first block.
        let valid = !(block == 0 && label == "mica_erew_xsk" && load == self.loads[0]);
        let fields = [
            id.clone(),
            block.to_string(),
            system.to_owned(),
            label.to_owned(),
            io.to_owned(),
            topology.to_owned(),
            topology.to_owned(),
            "100000".to_owned(),
            "0.99".to_owned(),
            "0.95".to_owned(),
            named,
            depth.map_or_else(|| load.to_string(), |_| String::new()),
            (load * executed as f64 / OFFERED as f64).to_string(),
            OFFERED.to_string(),
            "0".to_owned(),
            OFFERED.to_string(),
            executed.to_string(),
            lost.to_string(),
            if io == "udp" { lost } else { 0 }.to_string(),
            if io == "udp" { 0 } else { lost }.to_string(),
            "0".to_owned(),
            percentile(0.5),
            percentile(0.9),
            percentile(0.99),
            percentile(0.999),
            percentile(0.9999),
            percentile(1.0),
            "1000".to_owned(),
            "3000".to_owned(),
            if steers { crossing(0.5) } else { String::new() },
            "0".to_owned(),
            if steers && label != "seastar" {
                crossing(0.31)
            } else {
                "0".to_owned()
            },
            if label == "seastar" {
                "0".to_owned()
            } else {
                crossing(0.62)
            },
            if on_veth {
                crossing(0.25)
            } else {
                String::new()
            },
            "0".to_owned(),
            cost(server + napi),
            cost(server),
            cost(napi),
            "0.001".to_owned(),
            cost(700.0),
            cost(350.0),
            executed.to_string(),
            executed.to_string(),
            valid.to_string(),
            smells.to_owned(),
            "2026-01-02T03:04:05Z".to_owned(),
            block.to_string(),
        ];
        writeln!(csv, "{}", fields.join(",")).unwrap();
    }
}

fn header() -> String {
    let before = "trial_id,block,system,label,io,topology,fidelity,keys,theta,get_ratio,load,offered_rps,achieved_rps,\
                  offered,unsent,sent,answered,timed_out";
    let after = "remainder,p50_ns,p90_ns,p99_ns,p99_9_ns,p99_99_ns,max_ns,mean_ns,send_lag_p99_ns,handoffs,\
                 frame_returns,wakeups_app,wakeups_kernel,cross_core_hops,misroutes,cpu_ns_per_request,\
                 server_cpu_ns_per_request,napi_cpu_ns_per_request,ksoftirqd_share,client_cpu_ns_per_request,\
                 client_napi_cpu_ns_per_request,replies_measured,requests_executed,valid,smells,started,sequence";
    format!("{before},{},{after}\n", DROPS.join(","))
}

/// `count` values around `middle_us`, with a tail: rows of nanoseconds and count.
fn distribution(middle_us: f64, count: u64) -> Vec<(u64, u64)> {
    const STEPS: u64 = 160;
    let mut rows = Vec::new();
    let mut placed = 0;
    for step in 1..=STEPS {
        // Shares that approach 1 ever more slowly, so that the tail has buckets of its own.
        let share = 1.0 - 10f64.powf(-5.0 * step as f64 / STEPS as f64);
        let upto = if step == STEPS {
            count
        } else {
            (count as f64 * share) as u64
        };
        if upto > placed {
            let odds = (share / (1.0 - share)).ln();
            rows.push((
                (middle_us * 1e3 * (0.28 * odds).exp()) as u64,
                upto - placed,
            ));
            placed = upto;
        }
    }
    rows
}

/// The recorded percentile: empty beyond the timeout.
fn nearest_rank(rows: &[(u64, u64)], lost: u64, share: f64) -> String {
    let total: u64 = rows.iter().map(|r| r.1).sum::<u64>() + lost;
    let rank = (share * total as f64).ceil() as u64;
    let mut seen = 0;
    for (value, count) in rows {
        seen += count;
        if seen >= rank {
            return value.to_string();
        }
    }
    String::new()
}

/// Writes `latency.csv` into `folder`.
pub(crate) fn write_latency(folder: &Path, rows: &[(u64, u64)], lost: u64) {
    let mut text = "value_ns,count\n".to_owned();
    for (value, count) in rows {
        writeln!(text, "{value},{count}").unwrap();
    }
    writeln!(text, "inf,{lost}").unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("latency.csv"), text).unwrap();
}

/// Writes `intervals.csv` into `folder`: a latency that swells and ebbs; with `lost`, the tail of the
/// middle steps lies beyond the timeout.
fn write_intervals(folder: &Path, p50_ns: f64, lost: bool) {
    let mut text = "start_ns,length_ns,requests,answered,unanswered,p50_ns,p90_ns,p99_ns,p99_9_ns,max_ns,mean_ns\n".to_owned();
    for step in 0..20u64 {
        let swell = 1.0 + 0.5 * (step as f64 / 3.0).sin();
        let p50 = (p50_ns * swell) as u64;
        let p99 = if lost && (8..12).contains(&step) {
            String::new()
        } else {
            (p50 * 4).to_string()
        };
        let start_ns = step * 50_000_000;
        writeln!(
            text,
            "{start_ns},50000000,100,99,1,{p50},{p50},{p99},{p99},{p99},{p50}"
        )
        .unwrap();
    }
    fs::write(folder.join("intervals.csv"), text).unwrap();
}

/// Slots change owners 200 ms into the phase; a client that has to know of it does so after 300 ms more.
fn write_steering(folder: &Path, stale: bool) {
    let mut text = "start_ns,length_ns,requests_executed,handoffs,misroutes\n".to_owned();
    for step in 0..50u64 {
        let misroutes = match step {
            10 => 2,
            11..25 if stale => 50,
            _ => 0,
        };
        let start_ns = step * 20_000_000;
        writeln!(text, "{start_ns},20000000,100,,{misroutes}").unwrap();
    }
    fs::write(folder.join("steering.csv"), text).unwrap();
}

fn probes(run: &Path) {
    let mut csv = "cell_id,mechanism,pair_class,mode,writer_cpu,reader_cpu,samples,p50_ns,p90_ns,p99_ns,p99_9_ns,\
                   max_ns,mean_ns,status\n"
        .to_owned();
    for mode in ["idle", "back_to_back"] {
        for (mechanism, base) in [
            ("eventfd", 12.0),
            ("futex", 10.0),
            ("pipe", 14.0),
            ("spin", 0.11),
        ] {
            for (pair, factor) in [("same_cpu", 0.15), ("same_node", 1.0)] {
                let id = format!("{mode}-{mechanism}-{pair}");
                let refused = mechanism == "spin" && pair == "same_cpu";
                let status = if refused {
                    "one CPU cannot spin and run"
                } else {
                    "ok"
                };
                writeln!(
                    csv,
                    "{id},{mechanism},{pair},{mode},0,1,100000,1,1,1,1,1,1,{status}"
                )
                .unwrap();
                if !refused {
                    let idle = if mode == "idle" { 1.8 } else { 1.0 };
                    let rows = distribution(base * factor * idle, 100_000);
                    write_latency(&run.join("probes").join(&id), &rows, 0);
                }
            }
        }
    }
    fs::write(run.join("probes.csv"), csv).unwrap();
}

const RUN_JSON: &str = r#"{
  "schema_version": 2,
  "environment": { "cpu_model": "Example CPU @ 2.30GHz", "kernel_release": "6.18.0-example" },
  "spec": { "systems": [
    { "label": "seastar", "system": "seastar", "io": "udp" },
    { "label": "sphinx", "system": "sphinx", "wakeup": "eventfd" }
  ] }
}
"#;

/// Sets columns of every trial in a made-up run's table: those that it has are replaced.
pub(crate) fn set_columns(run: &Path, columns: &[(&str, &str)]) {
    for (name, value) in columns {
        set_column(run, name, |_, _| (*value).to_owned());
    }
}

/// Sets a column by the number of the row and the trial's block.
pub(crate) fn set_column(run: &Path, name: &str, value: impl Fn(usize, u32) -> String) {
    let path = run.join("trials.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let mut header = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| header.iter().position(|column| column == name);
    let (block, known) = (column("block").unwrap(), column(name));
    if known.is_none() {
        header.push_field(name);
    }
    let mut writer = csv::Writer::from_path(&path).unwrap();
    writer.write_record(&header).unwrap();
    for (nth, row) in rows.iter().enumerate() {
        let value = value(nth, row[block].parse().unwrap());
        let mut fields: Vec<&str> = row.iter().collect();
        match known {
            None => fields.push(&value),
            Some(at) => fields[at] = &value,
        }
        writer.write_record(fields).unwrap();
    }
    writer.flush().unwrap();
}
