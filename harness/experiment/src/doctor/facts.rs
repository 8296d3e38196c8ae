//! Looking at the machine, one fact a function.

use std::fs;
use std::io;

use sys::privilege::{Capability, Privileges};

use super::Finding;
use crate::environment::memcached_version;
use crate::plan::Machine;

/// CPUs that this process may use, ascending.
pub(crate) fn usable_cpus() -> io::Result<Vec<u32>> {
    Ok(sys::cpu::affinity(None)?
        .into_iter()
        .map(|cpu| cpu.0)
        .collect())
}

/// What plans depend on of this machine.
pub(crate) fn machine() -> io::Result<Machine> {
    Ok(Machine {
        cpus: usable_cpus()?,
        topology: sys::cpu::Topology::read()?,
    })
}

/// Capabilities that the veth topology needs and this process lacks.
pub(super) fn missing_capabilities() -> io::Result<Vec<String>> {
    let needed = [
        Capability::NetAdmin,
        Capability::SysAdmin,
        Capability::Bpf,
        Capability::NetRaw,
    ];
    let missing = Privileges::current()?.missing(&needed);
    Ok(missing.iter().map(ToString::to_string).collect())
}

/// The present command line, to be repeated as root.
pub(super) fn sudo_line() -> String {
    let quote = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let program = std::env::current_exe().map_or_else(
        |_| "experiment".to_owned(),
        |path| quote(path.display().to_string()),
    );
    let arguments = std::env::args().skip(1).map(quote);
    std::iter::once(format!("sudo {program}"))
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Why this kernel must not be used for steering, if so.
pub(super) fn kernel_refused() -> Option<String> {
    let refused = loader::running_kernel().and_then(loader::refuse_kernel);
    refused.err().map(|error| error.to_string())
}

/// Why this kernel has no IPsec by ESP, if so. Without privilege it cannot be asked, which is another finding.
pub(super) fn esp_refused() -> io::Result<Option<String>> {
    let words = match sys::xfrm::esp_refusal() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        asked => asked?,
    };
    Ok(words.map(|words| {
        format!("this kernel has no ESP ({words}): it needs one with CONFIG_XFRM_USER and CONFIG_INET_ESP")
    }))
}

fn release() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/osrelease")?
        .trim()
        .to_owned())
}

/// The running kernel, and whether it is one to avoid.
pub(super) fn kernel() -> Finding {
    let release = release().unwrap_or_else(|error| error.to_string());
    match kernel_refused() {
        None => Finding::good("kernel", release),
        Some(reason) => Finding::missing("kernel", release, "AF_XDP systems", reason),
    }
}

/// How many CPUs there are to use.
pub(super) fn cpus() -> Finding {
    match usable_cpus() {
        Err(error) => Finding::missing("CPUs", error.to_string(), "everything", "mount /proc"),
        Ok(cpus) if cpus.len() == 1 => Finding::care(
            "CPUs",
            "1",
            "all roles share it; spinning systems and cross-CPU probes are refused",
        ),
        Ok(cpus) if cpus.len() < 6 => Finding::care(
            "CPUs",
            cpus.len().to_string(),
            "client and server share CPUs: read CPU costs and compare systems with each other, do not \
             read absolute latencies; spinning systems get at most one owner per spare CPU",
        ),
        Ok(cpus) => Finding::good("CPUs", cpus.len().to_string()),
    }
}

/// What this process may do.
pub(super) fn privilege() -> Finding {
    match missing_capabilities() {
        Ok(missing) if missing.is_empty() => Finding::good("privilege", "all capabilities needed"),
        Ok(missing) => Finding::missing(
            "privilege",
            format!("without {}", missing.join(", ")),
            "the veth topology (XDP, AF_XDP)",
            sudo_line(),
        ),
        Err(error) => Finding::missing(
            "privilege",
            error.to_string(),
            "the veth topology",
            "mount /proc",
        ),
    }
}

/// The baseline.
pub(super) fn memcached() -> Finding {
    match memcached_version() {
        Ok(version) => Finding::good("memcached", version),
        Err(_) => Finding::missing(
            "memcached",
            "not installed",
            "the memcached baseline",
            "./setup",
        ),
    }
}

/// What reading the time costs.
pub(super) fn clock_source() -> Finding {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    match fs::read_to_string(path).map(|text| text.trim().to_owned()) {
        Ok(source) if source == "tsc" || source == "kvm-clock" => {
            Finding::good("clock source", source)
        }
        Ok(source) => Finding::care(
            "clock source",
            source,
            "reading the time costs a system call or more; prefer tsc (boot option clocksource=tsc)",
        ),
        Err(error) => Finding::care("clock source", error.to_string(), "mount /sys"),
    }
}

/// Whether the clock frequency stands still; `None` where the kernel does not manage it.
pub(super) fn governor() -> Option<Finding> {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    let governor = fs::read_to_string(path).ok()?.trim().to_owned();
    Some(if governor == "performance" {
        Finding::good("frequency governor", governor)
    } else {
        Finding::care(
            "frequency governor",
            governor,
            "cpupower frequency-set -g performance",
        )
    })
}

/// Whether competing load would be noticed.
pub(super) fn pressure() -> Finding {
    match sys::account::pressure_cpu() {
        Ok(Some(_)) => Finding::good("CPU pressure (PSI)", "available"),
        Ok(None) | Err(_) => Finding::care(
            "CPU pressure (PSI)",
            "not available",
            "boot with psi=1 to have competing load noticed",
        ),
    }
}
