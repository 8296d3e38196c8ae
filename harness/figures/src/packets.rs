//! A made-up result folder of packet trials, deterministic, so that their figures are tested without privilege.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What is made up: rows of trials.csv in the columns that figures of packet trials read.
pub(crate) struct Packets {
    /// Processor, topology.
    pub(crate) processor: (&'static str, &'static str),
    /// Systems by the payload that they deliver at most, Gb/s; labels are their names.
    pub(crate) systems: &'static [(&'static str, f64)],
    pub(crate) queues: &'static [u32],
    pub(crate) frame_bytes: &'static [u32],
    /// Batches; none where they are not swept.
    pub(crate) batches: &'static [u32],
    /// Placements; none where they are not swept.
    pub(crate) placements: &'static [&'static str],
    /// Frames a second; none where the generator saturates.
    pub(crate) rates: &'static [u32],
    /// Shares that the link loses, of Maelstrom.
    pub(crate) losses: &'static [f64],
    /// Frames that it loses together; none where they are not swept.
    pub(crate) bursts: &'static [u32],
    pub(crate) blocks: u32,
}

/// What of a trial may be swept beside queues and lengths.
struct Options {
    batch: Option<u32>,
    placement: Option<&'static str>,
    rate: Option<u32>,
    loss: Option<f64>,
    burst: Option<u32>,
}

/// The systems of [`Packets::SATURATED`], Gb/s on one queue.
pub(crate) const SATURATED: [(&str, f64); 5] = [
    ("kernel_forward", 4.0),
    ("netslice", 3.0),
    ("packet_mmap_v3", 1.5),
    ("pcap_mmap", 0.5),
    ("raw_socket", 0.3),
];

const HEADER: &str = "trial_id,block,system,label,io,topology,fidelity,keys,theta,get_ratio,swept,load,offered_rps,\
                      achieved_rps,offered,unsent,answered,drop_ring_full,remainder,p50_ns,p99_ns,p99_9_ns,handoffs,\
                      wakeups_app,wakeups_kernel,cross_core_hops,cpu_ns_per_request,server_cpu_ns_per_request,\
                      napi_cpu_ns_per_request,client_cpu_ns_per_request,client_napi_cpu_ns_per_request,\
                      requests_executed,processor,queues,frame_bytes,round_trip,batch,placement,payload_gbps,k_peer_cpus,\
                      u_peer_cpus,recovered,repairs,fec_group,fec_layers,loss_share,loss_burst,lost,recovery_p50_ns,\
                      recovery_p99_ns,recovery_max_ns,link_gbps,goodput_share,valid,smells\n";

const RUN_JSON: &str = r#"{
  "schema_version": 2,
  "environment": { "cpu_model": "Example CPU @ 2.30GHz", "kernel_release": "6.18.0-example" },
  "spec": { "systems": [] }
}
"#;

impl Packets {
    const PLAIN: Self = Self {
        processor: ("router", "chain"),
        systems: &[("netslice", 3.0)],
        queues: &[1],
        frame_bytes: &[1514],
        batches: &[],
        placements: &[],
        rates: &[],
        losses: &[],
        bursts: &[],
        blocks: 10,
    };

    /// Figure 4: several systems, queues and lengths.
    pub(crate) const SATURATED: Self = Self {
        systems: &SATURATED,
        queues: &[1, 2],
        frame_bytes: &[60, 1514],
        ..Self::PLAIN
    };

    /// Figure 5: batches and placements of one system.
    pub(crate) const BATCHES: Self = Self {
        batches: &[1, 4, 16, 64, 256],
        placements: &["nearest", "os_default", "same_cpu"],
        ..Self::PLAIN
    };

    /// Table 2: rates up to beyond what the system delivers.
    pub(crate) const RATES: Self = Self {
        rates: &[50_000, 100_000, 150_000, 200_000, 250_000, 300_000],
        ..Self::PLAIN
    };

    /// Section 1: two slices at a rate that both keep up with.
    pub(crate) const TWO_SLICES: Self = Self {
        queues: &[2],
        rates: &[10_000],
        ..Self::PLAIN
    };

    /// Section 4.4: Maelstrom over links that lose more and more.
    pub(crate) const LOSSES: Self = Self {
        processor: ("maelstrom", "pair"),
        losses: &[0.0, 0.01, 0.02, 0.05, 0.1],
        ..Self::PLAIN
    };

    /// The same where frames are lost alone and in bursts.
    pub(crate) const BURSTS: Self = Self {
        losses: &[0.01, 0.1],
        bursts: &[1, 10],
        ..Self::LOSSES
    };

    /// Writes the folder.
    pub(crate) fn write(&self, run: &Path) {
        fs::create_dir_all(run).unwrap();
        fs::write(run.join("run.json"), RUN_JSON).unwrap();
        let mut csv = HEADER.to_owned();
        for block in 1..=self.blocks {
            for &(system, most) in self.systems {
                for &queues in self.queues {
                    for &bytes in self.frame_bytes {
                        self.options(
                            &mut csv,
                            block,
                            system,
                            most * f64::from(queues),
                            (queues, bytes),
                        );
                    }
                }
            }
        }
        fs::write(run.join("trials.csv"), csv).unwrap();
    }

    /// The trials of a system that delivers `most` Gb/s.
    fn options(&self, csv: &mut String, block: u32, system: &str, most: f64, place: (u32, u32)) {
        for batch in or_none(self.batches) {
            for placement in or_none(self.placements) {
                for rate in or_none(self.rates) {
                    for loss in or_none(self.losses) {
                        for burst in or_none(self.bursts) {
                            let options = Options {
                                batch,
                                placement,
                                rate,
                                loss,
                                burst,
                            };
                            self.trial(csv, block, (system, most), place, &options);
                        }
                    }
                }
            }
        }
    }

    fn trial(
        &self,
        csv: &mut String,
        block: u32,
        (system, most): (&str, f64),
        (queues, bytes): (u32, u32),
        options: &Options,
    ) {
        let Options {
            batch,
            placement,
            rate,
            loss,
            burst,
        } = *options;
        let mut swept = Vec::new();
        let mut sweep = |many: bool, text: String| {
            if many {
                swept.push(text);
            }
        };
        sweep(self.queues.len() > 1, format!("queues {queues}"));
        sweep(self.frame_bytes.len() > 1, format!("frame_size {bytes} B"));
        sweep(
            self.losses.len() > 1,
            format!("loss {} ppm", loss.unwrap_or(0.0) * 1e6),
        );
        let together = burst.unwrap_or(1);
        sweep(burst.is_some(), format!("loss_burst {together}"));
        sweep(batch.is_some(), format!("batch {}", batch.unwrap_or(0)));
        sweep(
            placement.is_some(),
            format!("placement {}", placement.unwrap_or("")),
        );
        // Differs from block to block, alike for all systems.
        let drift = 1.0 + 0.02 * f64::from(block * 7 % 5);
        let slower = match placement {
            Some("same_cpu") => 0.4,
            Some("os_default") => 0.6,
            Some(_) | None => 1.0,
        };
        let batched = batch.map_or(1.0, |batch| 0.7 + 0.1 * f64::from(batch.ilog2()).min(5.0));
        let capacity = most * drift * slower * batched * f64::from(bytes) / 1514.0;
        let offered = rate.map(|rate| f64::from(rate) * f64::from(bytes - 42) * 8.0 / 1e9);
        let payload = offered.map_or(capacity, |offered| offered.min(capacity));
        let link = payload * f64::from(bytes) / f64::from(bytes - 42) * 11.2 / 8.0;
        let lost = loss.map(|loss| (loss * 100_000.0) as u32);
        let missing = loss.filter(|loss| *loss > 0.0).map(|_| 400 * together);
        let recovered = loss.map(|loss| (loss * 100_000.0 * (1.0 - loss).powi(3)) as u32);
        let text = |value: Option<f64>| value.map(|it| it.to_string()).unwrap_or_default();
        let count = |value: Option<u32>| value.map(|it| it.to_string()).unwrap_or_default();
        let of_code = |value: &str| {
            if loss.is_some() {
                value.to_owned()
            } else {
                String::new()
            }
        };
        let (processor, topology) = self.processor;
        let load = rate.map_or_else(|| "saturate".to_owned(), |rate| format!("{rate} frames/s"));
        let goodput = loss.map(|_| payload * f64::from(bytes) / f64::from(bytes - 42) / link);
        writeln!(
            csv,
            "t{},{block},{system},{system},af_xdp,{topology},veth,,,,\"{}\",{load},{},1,1,0,1,0,0,,,,,,,,9,5,4,,,1,{processor},\
             {queues},{bytes},false,{},{},{payload},{},{},{},0,{},{},{},{},{},{},{},{},{},{},true,",
            csv.len(),
            swept.join(", "),
            count(rate),
            count(batch),
            placement.unwrap_or_default(),
            0.05 * payload,
            0.2 * payload.min(most / 2.0),
            count(recovered),
            of_code("8"),
            of_code("3"),
            text(loss),
            of_code(&together.to_string()),
            count(lost),
            // Of what nobody lost nothing was missing.
            count(missing.map(|us| us * 1_000)),
            count(missing.map(|us| us * 4_000)),
            count(missing.map(|us| us * 5_000)),
            text(loss.map(|_| link)),
            text(goodput),
        )
        .unwrap();
    }
}

/// Each of `values`, or nothing once.
fn or_none<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() {
        vec![None]
    } else {
        values.iter().copied().map(Some).collect()
    }
}
