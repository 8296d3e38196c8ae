//! `kernel_ipsec`: the kernel's own IPsec (XFRM), in RouteBricks' role (NetSlices, section 4.3).
//!
//! The tunnel is that of a gateway's worker 0: what leaves by the link between the gateways is encrypted, and what leaves
//! towards the hosts must have come out of the tunnel. What to ask the kernel for is decided in [`asks`], and asked behind
//! [`Kernel`]. A kernel without ESP refuses the association, and its reason is told. The kernel's anti-replay window has 32
//! numbers where the gateway's has 64.

use std::io;

use sys::netns::Namespace;
use sys::xfrm::{self, Association, Direction, Policy};

use crate::gateway::GatewayConfig;
use crate::ipsec::Tunnel;

use super::counters::Counters;
use super::forwarding::Forwarding;
use super::hands::Hands;
use super::ip_statistics::{ForHost, IpStatistics};
use super::machine::Machine;
use super::{Design, Error, ProcessorConfig, SystemConfig, port_numbers};

/// What the kernel is asked to have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    Association(Association),
    Policy(Policy),
}

/// What a gateway asks for: its two associations, and the policies that use them.
fn asks(gateway: &GatewayConfig, ports: [u32; 2]) -> ([Ask; 2], [Ask; 2]) {
    let (out, back) = (gateway.outbound(0), gateway.inbound(0));
    let [between, hosts] =
        [gateway.side.between(), gateway.side.hosts()].map(|port| ports[usize::from(port.0)]);
    let associations = [&out, &back].map(|tunnel| Ask::Association(association(tunnel)));
    let policies = [
        policy(&out, Direction::Out, between),
        policy(&back, Direction::Forward, hosts),
    ];
    (associations, policies.map(Ask::Policy))
}

fn association(tunnel: &Tunnel) -> Association {
    Association {
        source: tunnel.source,
        destination: tunnel.destination,
        spi: tunnel.spi,
        cipher: tunnel.keys.cipher,
        integrity: tunnel.keys.integrity,
        replay_window: tunnel.replay_window.unwrap_or(0).min(u8::MAX.into()) as u8,
    }
}

const fn policy(tunnel: &Tunnel, direction: Direction, device: u32) -> Policy {
    Policy {
        direction,
        device,
        source: tunnel.source,
        destination: tunnel.destination,
        spi: tunnel.spi,
    }
}

/// Who is asked.
trait Kernel {
    fn add(&mut self, ask: &Ask) -> io::Result<()>;
    fn remove(&mut self, ask: &Ask) -> io::Result<()>;
}

/// The kernel, about one namespace.
struct Linux(Namespace);

impl Kernel for Linux {
    fn add(&mut self, ask: &Ask) -> io::Result<()> {
        self.0.run(|| match ask {
            Ask::Association(association) => xfrm::add_association(association),
            Ask::Policy(policy) => xfrm::add_policy(policy),
        })?
    }

    fn remove(&mut self, ask: &Ask) -> io::Result<()> {
        self.0.run(|| match ask {
            Ask::Association(association) => xfrm::remove_association(association),
            Ask::Policy(policy) => xfrm::remove_policy(policy),
        })?
    }
}

/// What was granted; it is taken away again, the last first, with this.
struct Granted<K: Kernel> {
    kernel: K,
    asks: Vec<Ask>,
}

impl<K: Kernel> Granted<K> {
    const fn none(kernel: K) -> Self {
        let asks = Vec::new();
        Self { kernel, asks }
    }

    fn ask(&mut self, asks: impl IntoIterator<Item = Ask>) -> io::Result<()> {
        for ask in asks {
            self.kernel.add(&ask)?;
            self.asks.push(ask);
        }
        Ok(())
    }
}

impl<K: Kernel> Drop for Granted<K> {
    fn drop(&mut self) {
        while let Some(ask) = self.asks.pop() {
            if let Err(error) = self.kernel.remove(&ask) {
                tracing::warn!(%error, "IPsec could not be taken out of the kernel");
            }
        }
    }
}

/// The kernel's gateway.
pub(super) struct KernelIpsec {
    granted: Granted<Linux>,
    policies: Option<[Ask; 2]>,
    statistics: IpStatistics,
    forwarding: Forwarding,
}

impl KernelIpsec {
    /// Has the kernel take the associations already, which use nothing: whether it can do IPsec shows there.
    pub(super) fn load(config: &SystemConfig) -> Result<Self, Error> {
        let ProcessorConfig::Ipsec(gateway) = &config.processor else {
            let what = "kernel_ipsec is a gateway, and nothing else";
            return Err(Error::Config(what.to_owned()));
        };
        let (associations, policies) = asks(gateway, port_numbers(config)?);
        let here = Namespace::current().map_err(Error::io("find this namespace"))?;
        let mut granted = Granted::none(Linux(here));
        granted.ask(associations).map_err(|error| Error::Refused {
            design: Design::KernelIpsec.name(),
            reason: format!(
                "{error}; it needs a kernel with CONFIG_XFRM_USER and CONFIG_INET_ESP, or choose netslice, whose gateway is in \
                 user space"
            ),
        })?;
        Ok(Self {
            granted,
            policies: Some(policies),
            statistics: IpStatistics::open(ForHost::Decapsulated)?,
            forwarding: Forwarding::here()?,
        })
    }
}

impl Machine for KernelIpsec {
    fn attach(&mut self) -> Result<(), Error> {
        let policies = self.policies.take().into_iter().flatten();
        self.granted
            .ask(policies)
            .map_err(Error::io("send packets through the tunnel"))?;
        self.forwarding.switch(true)
    }

    fn start(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn hands(&self) -> Option<&Hands> {
        None
    }

    fn hands_mut(&mut self) -> Option<&mut Hands> {
        None
    }

    fn obtained(&self) -> Vec<(String, String)> {
        let line = |name: &str, what: &str| (name.to_owned(), what.to_owned());
        vec![
            line("io", "kernel"),
            line("associations", "one a direction, for all queues"),
        ]
    }

    fn count(&self, into: &mut Counters) -> Result<(), Error> {
        self.statistics.count(into)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::gateway::{Authentication, Secret};
    use crate::pair::Side;

    /// Grants so many things, and keeps a list.
    struct Fake {
        grants: usize,
        log: Rc<RefCell<Vec<(bool, Ask)>>>,
    }

    impl Kernel for Fake {
        fn add(&mut self, ask: &Ask) -> io::Result<()> {
            if self.grants == 0 {
                return Err(io::Error::other("Requested type not found"));
            }
            self.grants -= 1;
            self.log.borrow_mut().push((true, ask.clone()));
            Ok(())
        }

        fn remove(&mut self, ask: &Ask) -> io::Result<()> {
            self.log.borrow_mut().push((false, ask.clone()));
            Ok(())
        }
    }

    fn gateway(side: Side) -> GatewayConfig {
        let (one, other) = ([198, 18, 128, 1].into(), [198, 18, 128, 2].into());
        let (local, remote) = match side {
            Side::Egress => (one, other),
            Side::Ingress => (other, one),
        };
        GatewayConfig {
            side,
            local,
            remote,
            spi: 0x1000,
            secret: Secret([7; 32]),
            authentication: Authentication::HmacSha256,
            mtu: 1628,
        }
    }

    #[test]
    fn one_gateway_encrypts_on_the_link_between_what_the_other_demands_of_its_hosts_packets() {
        let [egress, ingress] = [Side::Egress, Side::Ingress].map(gateway);
        let (mut at_egress, [out, back]) = asks(&egress, [3, 4]);
        let (at_ingress, [their_out, their_back]) = asks(&ingress, [5, 6]);
        // Both have the same associations, each as the other's opposite.
        at_egress.reverse();
        assert_eq!(at_egress, at_ingress);
        let policy = |ask: &Ask| match ask {
            Ask::Policy(policy) => (policy.direction, policy.device, policy.source),
            Ask::Association(_) => panic!("no policy"),
        };
        assert_eq!(policy(&out), (Direction::Out, 4, egress.local));
        assert_eq!(policy(&back), (Direction::Forward, 3, egress.remote));
        assert_eq!(policy(&their_out), (Direction::Out, 5, ingress.local));
        assert_eq!(policy(&their_back), (Direction::Forward, 6, egress.local));
    }

    #[test]
    fn what_was_granted_before_a_refusal_is_given_back_the_last_first() {
        let (associations, policies) = asks(&gateway(Side::Egress), [3, 4]);
        let log = Rc::new(RefCell::new(Vec::new()));
        let mut granted = Granted::none(Fake {
            grants: 3,
            log: Rc::clone(&log),
        });
        granted.ask(associations.clone()).unwrap();
        let refused = granted.ask(policies.clone()).unwrap_err();
        assert_eq!(refused.to_string(), "Requested type not found");
        drop(granted);
        let [first, second] = associations;
        let [third, _] = policies;
        let expected = [
            (true, first.clone()),
            (true, second.clone()),
            (true, third.clone()),
            (false, third),
            (false, second),
            (false, first),
        ];
        assert_eq!(*log.borrow(), expected);
    }
}
