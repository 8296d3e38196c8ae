//! Prints the time to notify a thread on this machine, without an experiment around it:
//! `cargo run --release -p steerbench-wakeup --example print`.

use sys::cpu::{Topology, affinity};
use wakeup::{Mechanism, Mode, ProbeSpec, cells, measure};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = ProbeSpec {
        mechanisms: vec![
            Mechanism::Eventfd,
            Mechanism::Futex,
            Mechanism::Pipe,
            Mechanism::Spin,
        ],
        modes: vec![Mode::Idle, Mode::BackToBack],
        samples: 1_000_000,
        time_limit_ns: 500_000_000,
        total_limit_ns: None,
    };
    println!(
        "{:<44} {:>8} {:>9} {:>9} {:>9}",
        "cell", "samples", "p50 us", "p99 us", "p99.9 us"
    );
    for cell in cells(&spec, &Topology::read()?, &affinity(None)?) {
        if let Some(refusal) = cell.refusal {
            println!("{cell:<44} {refusal}");
            continue;
        }
        let result = measure(&cell)?;
        let us = |quantile| result.histogram.value_at_quantile(quantile) as f64 / 1e3;
        println!(
            "{:<44} {:>8} {:>9.2} {:>9.2} {:>9.2}",
            cell.id(),
            result.samples,
            us(0.5),
            us(0.99),
            us(0.999)
        );
    }
    Ok(())
}
