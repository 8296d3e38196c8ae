//! Which systems this machine can run at all.

use std::io;

use spec::{SystemKind, Wakeup};

use super::facts;
use crate::environment::memcached_version;

/// What decides over systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Capabilities that eBPF programs and network namespaces need and this process lacks.
    missing_capabilities: Vec<String>,
    /// Why XDP is refused on this kernel, if it is.
    kernel_refused: Option<String>,
    /// Why this kernel has no ESP, if it has none.
    esp_refused: Option<String>,
    /// Whether memcached is installed.
    memcached: bool,
    /// CPUs that this process may use.
    cpus: usize,
}

impl Host {
    /// Looks at this machine.
    ///
    /// # Errors
    /// When it does not tell.
    pub(crate) fn look() -> io::Result<Self> {
        Ok(Self {
            missing_capabilities: facts::missing_capabilities()?,
            kernel_refused: facts::kernel_refused(),
            esp_refused: facts::esp_refused()?,
            memcached: memcached_version().is_ok(),
            cpus: facts::usable_cpus()?.len(),
        })
    }

    /// Why a system cannot run here with the remedy, if it cannot. Pure.
    pub(crate) fn why_not(&self, system: SystemKind) -> Option<String> {
        if system == SystemKind::Memcached && !self.memcached {
            return Some("memcached is not installed: run ./setup".to_owned());
        }
        if system.default_wakeup() == Some(Wakeup::Spin) && self.cpus < 2 {
            return Some(format!(
                "its threads spin, each on a CPU of its own beside those of the network's threads: \
                 it needs 2 CPUs, and this process may use {}",
                self.cpus
            ));
        }
        if system.has_dispatcher() && self.cpus < 2 {
            return Some(format!(
                "its dispatcher needs a CPU to itself: it needs 2 CPUs, and this process may use {}",
                self.cpus
            ));
        }
        if system.needs_programs() && !self.missing_capabilities.is_empty() {
            let missing = self.missing_capabilities.join(", ");
            return Some(format!("its eBPF programs need {missing}: run as root"));
        }
        let kernel = (self.kernel_refused.as_ref()).filter(|_| system.needs_xdp());
        let esp = (self.esp_refused.as_ref()).filter(|_| system == SystemKind::KernelIpsec);
        kernel.or(esp).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lack_keeps_out_who_needs_it_and_nobody_else() {
        let able = Host {
            missing_capabilities: Vec::new(),
            kernel_refused: None,
            esp_refused: None,
            memcached: true,
            cpus: 2,
        };
        let refused = |host: &Host| -> Vec<SystemKind> {
            let all = SystemKind::ALL.into_iter();
            all.filter(|system| host.why_not(*system).is_some())
                .collect()
        };
        assert_eq!(refused(&able), []);

        let bare = Host {
            memcached: false,
            ..able.clone()
        };
        assert_eq!(refused(&bare), [SystemKind::Memcached]);

        let plain = Host {
            esp_refused: Some("no ESP".to_owned()),
            ..able.clone()
        };
        assert_eq!(refused(&plain), [SystemKind::KernelIpsec]);

        let unprivileged = Host {
            missing_capabilities: vec!["CAP_BPF".to_owned()],
            ..able.clone()
        };
        let old = Host {
            kernel_refused: Some("too old".to_owned()),
            ..able.clone()
        };
        let of = |needs: fn(SystemKind) -> bool| -> Vec<SystemKind> {
            SystemKind::ALL
                .into_iter()
                .filter(|system| needs(*system))
                .collect()
        };
        assert_eq!(refused(&unprivileged), of(SystemKind::needs_programs));
        assert_eq!(refused(&old), of(SystemKind::needs_xdp));
        assert!(refused(&old).contains(&SystemKind::XdpSteered));
        let [reuseport, without_xdp] =
            [&unprivileged, &old].map(|host| refused(host).contains(&SystemKind::ReuseportEbpf));
        assert!(reuseport && !without_xdp);
        let reason = unprivileged.why_not(SystemKind::XdpSteered).unwrap();
        assert!(reason.contains("CAP_BPF"), "{reason}");

        let single = Host { cpus: 1, ..able };
        assert!(refused(&single).contains(&SystemKind::Seastar));
        assert!(refused(&single).contains(&SystemKind::Shenango));
        assert!(!refused(&single).contains(&SystemKind::Sphinx));
    }
}
