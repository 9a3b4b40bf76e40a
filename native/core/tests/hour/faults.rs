//! What can happen to a host.

use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use crate::{
    cluster::Ailing,
    simulation::{
        errors::{EADDRINUSE, EMFILE, ENETUNREACH, ENOBUFS, ENODEV, OF_SENDS},
        host::{ETH0, ETH1, Host, MEMBERSHIPS, Sends},
        mesh::address,
    },
};

/// Most of it lasts for a while, in which it cannot happen to the host again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Its interface is removed, and made again later.
    Gone {
        slot: usize,
    },
    /// The same, at once.
    Replaced {
        slot: usize,
    },
    /// It gets another address.
    Renumbered {
        slot: usize,
    },
    Down {
        slot: usize,
    },
    /// A membership is ended behind the node's back.
    MembershipLost {
        slot: usize,
    },
    /// The switch forgets the host.
    Forgotten {
        slot: usize,
    },
    SendsFail {
        slot: usize,
    },
    SeedsFail,
    /// And memberships are lost, so that there is something to join.
    JoinsFail,
    /// A socket may join on one interface only. And memberships are lost.
    Limited,
    ScansFail,
    OpensFail,
    RouteMoves,
    Firewalled,
    /// A firewall lets no packet in, not even the echo.
    Filtered {
        slot: usize,
    },
    /// The network lets no packet in.
    Deaf {
        slot: usize,
    },
    /// The network lets no packet out.
    Mute {
        slot: usize,
    },
    Flooded,
}

impl Fault {
    /// One of those that may happen to a host with these interfaces.
    pub(crate) fn random(slots: usize, rng: &mut StdRng) -> Self {
        let slot = rng.random_range(1..=slots);
        let faults = [
            Self::Gone { slot },
            Self::Gone { slot },
            Self::Replaced { slot },
            Self::Replaced { slot },
            Self::Renumbered { slot },
            Self::Down { slot },
            Self::MembershipLost { slot },
            Self::MembershipLost { slot },
            Self::Forgotten { slot },
            Self::Forgotten { slot },
            Self::SendsFail { slot },
            Self::SendsFail { slot },
            Self::SeedsFail,
            Self::JoinsFail,
            Self::Limited,
            Self::Limited,
            Self::ScansFail,
            Self::OpensFail,
            Self::RouteMoves,
            Self::RouteMoves,
            Self::Firewalled,
            Self::Filtered { slot },
            Self::Deaf { slot },
            Self::Mute { slot },
            Self::Flooded,
        ];
        *faults.choose(rng).expect("there are some")
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gone { .. } => "interfaces gone",
            Self::Replaced { .. } => "interfaces replaced at once",
            Self::Renumbered { .. } => "interfaces with another address",
            Self::Down { .. } => "interfaces down",
            Self::MembershipLost { .. } => "memberships lost",
            Self::Forgotten { .. } => "hosts that a switch forgot",
            Self::SendsFail { .. } => "interfaces that cannot send",
            Self::SeedsFail => "hosts that cannot send to seeds",
            Self::JoinsFail => "hosts that cannot join",
            Self::Limited => "hosts that may join once",
            Self::ScansFail => "hosts that cannot scan",
            Self::OpensFail => "sockets that fail",
            Self::RouteMoves => "routes that moved",
            Self::Firewalled => "hosts firewalled",
            Self::Filtered { .. } => "interfaces filtered",
            Self::Deaf { .. } => "interfaces deaf",
            Self::Mute { .. } => "interfaces mute",
            Self::Flooded => "hosts flooded",
        }
    }

    /// Whether it is over as soon as it has happened.
    pub(crate) fn is_over_at_once(self) -> bool {
        matches!(
            self,
            Self::Replaced { .. }
                | Self::Renumbered { .. }
                | Self::MembershipLost { .. }
                | Self::Forgotten { .. }
        )
    }

    pub(crate) fn strike(self, host: &mut Host, ailing: &mut Ailing, rng: &mut StdRng) {
        match self {
            Self::Gone { slot } => host.remove(slot),
            Self::Replaced { slot } if host.nics[slot].is_there => {
                host.remove(slot);
                make(host, slot, rng);
            }
            Self::Renumbered { slot } if host.nics[slot].is_there => {
                host.nics[slot].address = other_address(host, slot);
            }
            Self::Replaced { .. } | Self::Renumbered { .. } => {}
            Self::Down { slot } => host.set_up(slot, false),
            Self::MembershipLost { slot } => lose(host, slot, rng.random()),
            // Of several members the system would not tell it again.
            Self::Forgotten { slot } if host.sockets.len() == 1 => host.nics[slot].is_known = false,
            Self::Forgotten { .. } => {}
            Self::SendsFail { slot } => {
                let code = one_of(&OF_SENDS, rng);
                host.nics[slot].sends = match rng.random_bool(0.3) {
                    true => Sends::FailEveryOther(code, false),
                    false => Sends::Fail(code),
                };
            }
            Self::SeedsFail => host.refuses.send_to = Some(ENETUNREACH),
            Self::JoinsFail => {
                host.refuses.join = Some(one_of(&[ENOBUFS, ENODEV], rng));
                (1..host.nics.len()).for_each(|slot| lose(host, slot, rng.random()));
            }
            Self::Limited => {
                host.memberships = 1;
                (1..host.nics.len()).for_each(|slot| lose(host, slot, true));
            }
            Self::ScansFail if rng.random() => host.refuses.interfaces = Some(EMFILE),
            Self::ScansFail => host.refuses.route = Some(EMFILE),
            Self::OpensFail => host.refuses.open = Some(one_of(&[EADDRINUSE, EMFILE], rng)),
            Self::RouteMoves => {
                host.route = (host.nics.len() > ETH1 && rng.random()).then_some(ETH1);
            }
            Self::Firewalled => ailing.is_firewalled = true,
            Self::Filtered { slot } => host.nics[slot].is_filtered = true,
            Self::Deaf { slot } => host.nics[slot].is_deaf = true,
            Self::Mute { slot } => host.nics[slot].is_mute = true,
            Self::Flooded => ailing.is_flooded = true,
        }
    }

    pub(crate) fn mend(self, host: &mut Host, ailing: &mut Ailing, rng: &mut StdRng) {
        match self {
            Self::Gone { slot } => {
                make(host, slot, rng);
                let is_down = ailing.faults.contains(&Self::Down { slot });
                host.set_up(slot, !is_down);
            }
            Self::Down { slot } => host.set_up(slot, true),
            Self::SendsFail { slot } => host.nics[slot].sends = Sends::Work,
            Self::SeedsFail => host.refuses.send_to = None,
            Self::JoinsFail => host.refuses.join = None,
            Self::Limited => host.memberships = MEMBERSHIPS,
            Self::ScansFail => (host.refuses.interfaces, host.refuses.route) = (None, None),
            Self::OpensFail => host.refuses.open = None,
            Self::RouteMoves => host.route = Some(ETH0),
            Self::Firewalled => ailing.is_firewalled = false,
            Self::Filtered { slot } => host.nics[slot].is_filtered = false,
            Self::Deaf { slot } => host.nics[slot].is_deaf = false,
            Self::Mute { slot } => host.nics[slot].is_mute = false,
            Self::Flooded => ailing.is_flooded = false,
            Self::Replaced { .. }
            | Self::Renumbered { .. }
            | Self::MembershipLost { .. }
            | Self::Forgotten { .. } => {}
        }
    }
}

fn one_of(codes: &[i32], rng: &mut StdRng) -> i32 {
    *codes.choose(rng).expect("there are some")
}

/// Makes an interface again, as it was or as another.
fn make(host: &mut Host, slot: usize, rng: &mut StdRng) {
    let address = match rng.random() {
        true => host.nics[slot].address,
        false => other_address(host, slot),
    };
    host.make(slot, address, rng.random());
}

/// Of each interface there are two addresses, the planned one and another.
fn other_address(host: &Host, slot: usize) -> std::net::Ipv4Addr {
    let other_network = address(1 << 20).to_bits() ^ address(0).to_bits();
    (host.nics[slot].address.to_bits() ^ other_network).into()
}

/// Somebody ends the membership of one of the sockets, or of all.
fn lose(host: &mut Host, slot: usize, of_all: bool) {
    let sockets = host.sockets.len();
    let lost = if of_all { sockets } else { 1 };
    (0..lost).for_each(|socket| host.lose_membership(socket, slot));
}
