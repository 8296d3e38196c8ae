//! What a run was obtained on, in a page of text.

use std::fmt::Display;

use record::RunRecord;
use sys::cpu::Topology;
use sys::environment::{Cache, Environment, Reading};

use crate::environment::{AttachedDevice, RunEnvironment};

/// Columns of the labels.
const LABEL: usize = 16;

/// Prints machine, versions and devices of a run.
///
/// # Errors
/// When another version of this program described them.
pub(crate) fn print_environment(run: &RunRecord) -> serde_json::Result<()> {
    println!("{}", text(run)?);
    Ok(())
}

fn text(run: &RunRecord) -> serde_json::Result<String> {
    let environment: RunEnvironment = serde_json::from_value(run.environment.clone())?;
    let mut page = Page::default();
    page.line(
        "run",
        format!("{} {}, {}", run.experiment, run.run_id, run.fidelity),
    );
    let git = run.git.as_ref().map(|git| {
        let dirty = if git.dirty {
            ", with changes beside it"
        } else {
            ""
        };
        format!("commit {}{dirty}", git.commit)
    });
    page.line(
        "source",
        git.unwrap_or_else(|| "commit not known".to_owned()),
    );
    page.line(
        "seeds",
        format!("order {}, workload {}", run.seeds.order, run.seeds.workload),
    );
    machine(&mut page, &environment.machine);
    software(&mut page, &environment);
    for record in &run.devices {
        let device: AttachedDevice = serde_json::from_value(record.device.clone())?;
        let labels = Vec::from_iter(record.labels.iter().map(String::as_str)).join(", ");
        page.line("", String::new());
        page.line(
            "device",
            format!("{} on {} ({labels})", device.device.name, record.host),
        );
        describe(&mut page, &device);
    }
    Ok(page.0)
}

/// Lines of a label and a text.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, label: &str, text: impl Display) {
        let line = format!("{label:<LABEL$}{text}");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn reading<T>(&mut self, label: &str, reading: &Reading<T>, show: impl Fn(&T) -> String) {
        self.line(label, told(reading, show));
    }
}

fn told<T>(reading: &Reading<T>, show: impl Fn(&T) -> String) -> String {
    match reading {
        Reading::Known(value) => show(value),
        Reading::Absent { absent } => format!("not known: {absent}"),
    }
}

fn machine(page: &mut Page, here: &Environment) {
    let kernel = format!(
        "{} {} {}",
        here.kernel_release, here.kernel_version, here.architecture
    );
    page.line("kernel", kernel);
    page.reading("command line", &here.boot_command_line, |text| quoted(text));
    page.reading("distribution", &here.distribution, String::clone);
    page.reading("security", &here.security_modules, |modules| {
        modules.join(", ")
    });
    page.reading("CPU", &here.cpu_model, String::clone);
    page.reading("microcode", &here.microcode, String::clone);
    page.reading("topology", &here.topology, cpus);
    page.reading("caches", &here.caches, |caches| {
        caches.iter().map(cache).collect::<Vec<_>>().join(", ")
    });
    page.reading("SMT", &here.smt, |smt| {
        format!(
            "{} ({})",
            if smt.active { "active" } else { "not active" },
            smt.control
        )
    });
    page.reading("isolated CPUs", &here.isolated_cpus, |text| quoted(text));
    page.reading("mitigations", &here.mitigations, |states| {
        let told = |(name, state): (&String, &String)| {
            (state != "Not affected").then(|| format!("{name}: {state}"))
        };
        let told: Vec<String> = states.iter().filter_map(told).collect();
        format!(
            "{} ({} not affected)",
            told.join("; "),
            states.len() - told.len()
        )
    });
    let frequency = &here.frequency;
    page.reading("governor", &frequency.governors, |all| all.join(", "));
    page.reading("frequency", &frequency.range_khz, |[low, high]| {
        format!("{low} to {high} kHz")
    });
    page.reading("turbo", &frequency.turbo, |on| {
        if *on { "on" } else { "off" }.to_owned()
    });
    page.reading("idle states", &frequency.idle_driver, String::clone);
    page.reading("clock source", &here.clocksource, String::clone);
    page.reading("hypervisor", &here.hypervisor, |guest| match guest {
        true => told(&here.hypervisor_signature, String::clone),
        false => "none".to_owned(),
    });
    page.reading("machine", &here.machine_model, String::clone);
    page.reading("memory", &here.memory.memory_kib, |kib| {
        format!("{} MiB", kib >> 10)
    });
    for pages in &here.memory.huge_pages {
        page.line(
            "huge pages",
            format!(
                "{} of {} KiB, {} free",
                pages.total, pages.page_kib, pages.free
            ),
        );
    }
    page.reading("THP", &here.memory.transparent_huge_pages, String::clone);
    for (name, value) in &here.settings {
        if let Some(value) = value.known() {
            page.line("setting", format!("{name} = {value}"));
        }
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        "(empty)".to_owned()
    } else {
        text.to_owned()
    }
}

fn cpus(topology: &Topology) -> String {
    let nodes = topology.nodes();
    let cores: std::collections::BTreeSet<_> = topology
        .cpus()
        .iter()
        .map(|cpu| cpu.siblings.first())
        .collect();
    format!(
        "{} CPUs on {} cores, {} NUMA node(s)",
        topology.cpus().len(),
        cores.len(),
        nodes.len()
    )
}

fn cache(cache: &Cache) -> String {
    format!(
        "L{} {} {} ({})",
        cache.level,
        cache.kind,
        cache.size,
        cache.shared_by.join(" | ")
    )
}

fn software(page: &mut Page, environment: &RunEnvironment) {
    let software = &environment.software;
    let hash = told(&software.binary_sha256, String::clone);
    page.line(
        "steerbench",
        format!("{}, sha256 {hash}", software.steerbench),
    );
    page.reading("memcached", &software.memcached, String::clone);
    for (name, hash) in &software.ebpf_objects {
        page.line("eBPF object", format!("{name} sha256 {hash}"));
    }
    let rss = &environment.rss_emulation;
    page.line(
        "RSS on veth",
        format!("{}; {} entries: {}", rss.function, rss.entries, rss.table),
    );
    page.line("", format!("key {}", rss.key));
}

fn describe(page: &mut Page, attached: &AttachedDevice) {
    let device = &attached.device;
    page.reading("  driver", &device.driver, |driver| {
        let firmware = if driver.firmware.is_empty() {
            "no firmware"
        } else {
            &driver.firmware
        };
        format!("{} {}, {firmware}", driver.driver, driver.version)
    });
    page.line("  mtu", device.mtu);
    page.reading("  speed", &device.speed_mbit, |speed| {
        format!("{speed} Mbit/s")
    });
    page.reading("  NUMA node", &device.numa_node, u32::to_string);
    page.reading("  channels", &device.channels, |channels| {
        format!(
            "rx {}, tx {}, combined {}",
            channels.rx, channels.tx, channels.combined
        )
    });
    page.reading("  rings", &device.rings, |rings| {
        format!(
            "rx {} of {}, tx {} of {}",
            rings.rx, rings.rx_max, rings.tx, rings.tx_max
        )
    });
    page.reading("  coalescing", &device.coalescing, |[rx, tx]| {
        let one = |of: &sys::ethtool::Coalescing| {
            let adaptive = if of.adaptive { ", adaptive" } else { "" };
            format!("{} us or {} frames{adaptive}", of.wait_us, of.frames)
        };
        format!("rx {}; tx {}", one(rx), one(tx))
    });
    page.reading("  offloads on", &device.offloads, |all| all.on.join(", "));
    page.reading("  offloads off", &device.offloads, |all| all.off.join(", "));
    page.reading("  RSS", &device.rss, |rss| {
        format!(
            "{}, {} entries, key {}",
            rss.function,
            rss.table.len(),
            rss.key
        )
    });
    page.reading("  interrupts", &device.interrupts, |all| {
        let one = |of: &sys::device::Interrupt| {
            let name = of.name.as_deref().unwrap_or("unnamed");
            format!(
                "{} {name} on {}",
                of.irq,
                of.effective.as_deref().unwrap_or("?")
            )
        };
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    });
    page.reading("  NAPI threads", &device.napi.threaded, |on| {
        if *on { "one a queue" } else { "none" }.to_owned()
    });
    let mode = device.xdp_mode.map_or_else(
        || "none".to_owned(),
        |mode| format!("{mode:?}").to_lowercase(),
    );
    page.line("  XDP", mode);
    page.reading("  programs", &attached.programs, |programs| {
        let one =
            |of: &crate::environment::Program| format!("{:?} {} tag {}", of.hook, of.name, of.tag);
        programs.iter().map(one).collect::<Vec<_>>().join(", ")
    });
}

#[cfg(test)]
mod tests {
    use record::{DeviceRecord, RunId, Timestamp};
    use spec::Spec;

    use super::*;

    const SPEC: &str = "
name: tiny
topology: {kind: loopback}
probes: [{wakeup: {mechanisms: [eventfd], modes: [idle], samples: 10, time_limit: 1 s, total_limit: 1 s}}]
";

    #[test]
    fn the_page_names_kernel_versions_and_devices_and_why_something_is_absent() {
        let spec = Spec::parse(SPEC, "tiny.yaml").unwrap();
        let started = Timestamp::now();
        let mut run = RunRecord::begin(&spec, RunId::new(started, "test"), started);
        let here = RunEnvironment::gather();
        run.environment = serde_json::to_value(&here).unwrap();
        let lo = AttachedDevice::describe("lo").unwrap();
        run.devices.push(DeviceRecord {
            host: "this host".to_owned(),
            labels: ["sphinx".to_owned()].into(),
            device: serde_json::to_value(&lo).unwrap(),
        });
        let page = text(&run).unwrap();
        let kernel = &here.machine.kernel_release;
        for part in [
            kernel.as_str(),
            "lo on this host (sphinx)",
            "not known: ",
            "net.core.rmem_max",
            &here.software.ebpf_objects["steer"],
        ] {
            assert!(page.contains(part), "{part} is missing in\n{page}");
        }
        run.environment = serde_json::json!({ "kernel_release": "6.1" });
        assert!(text(&run).is_err());
    }
}
