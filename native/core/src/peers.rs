//! The nodes that were heard, and when each is announced.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use rand_core::Rng;

use crate::{
    NodeName, Refusal, Time,
    budget::NewNames,
    time::random_below,
    under_way::{Connect, REPORT_WITHIN, UnderWay},
};

/// A connected peer is announced again so often, for a `list_nodes` of the user's own that forgot
/// it without a `:nodedown`.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

/// How long a peer is left alone after a first connect that failed, and at most after many.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What became of a peer that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is connected.
    Connected,
    /// A connect failed.
    Unreachable,
    /// It was connected, and is no more.
    Down,
}

#[derive(Debug)]
struct Peer {
    heard_at: Time,
    /// When it is announced, if it is heard then or later.
    announce_from: Time,
    connected: bool,
    /// Connects that failed since the last one that did not.
    failures: u32,
}

/// A bounded table of peers. Its order is that of the names, so that no hash can be forced to
/// collide and a run can be repeated.
#[derive(Debug)]
pub(crate) struct Peers {
    table: BTreeMap<NodeName, Peer>,
    capacity: usize,
    new_names: NewNames,
    under_way: UnderWay,
    connected: usize,
}

/// What a heartbeat changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The name was not in the table.
    pub(crate) is_new: bool,
    /// The peer is to be announced.
    pub(crate) announce: bool,
}

impl Peers {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            table: BTreeMap::new(),
            capacity,
            new_names: NewNames::new(capacity),
            under_way: UnderWay::default(),
            connected: 0,
        }
    }

    /// How many peers are connected.
    pub(crate) fn connected(&self) -> usize {
        self.connected
    }

    /// Whether this peer is connected.
    pub(crate) fn is_connected(&self, node: &NodeName) -> bool {
        self.table.get(node).is_some_and(|peer| peer.connected)
    }

    /// Takes note of a heartbeat.
    ///
    /// # Errors
    /// [`Refusal::OverLimit`] where the peer is to be announced and too many connects are under way,
    /// or where the name is new and there is no allowance or no place for it.
    pub(crate) fn see(
        &mut self,
        now: Time,
        source: IpAddr,
        node: &NodeName,
    ) -> Result<Sighting, Refusal> {
        if let Some(peer) = self.table.get_mut(node) {
            peer.heard_at = now;
            let announce = now >= peer.announce_from;
            if announce {
                let connect = Connect::new(now, source, node, peer.failures > 0);
                if !self.under_way.has_room(now, &connect) {
                    return Err(Refusal::OverLimit);
                }
                self.under_way.start(connect);
                peer.announce_from = now + REPORT_WITHIN;
            }
            return Ok(Sighting { is_new: false, announce });
        }
        let connect = Connect::new(now, source, node, false);
        if !self.has_room()
            || !self.under_way.has_room(now, &connect)
            || !self.new_names.take(now, source)
        {
            return Err(Refusal::OverLimit);
        }
        self.under_way.start(connect);
        self.make_room();
        let peer = Peer {
            heard_at: now,
            announce_from: now + REPORT_WITHIN,
            connected: false,
            failures: 0,
        };
        self.table.insert(node.clone(), peer);
        Ok(Sighting { is_new: true, announce: true })
    }

    /// Takes note of what became of a peer. A name that is not in the table is passed over.
    pub(crate) fn report(
        &mut self,
        now: Time,
        node: &NodeName,
        report: Report,
        rng: &mut impl Rng,
    ) {
        self.under_way.end(node);
        let Some(peer) = self.table.get_mut(node) else { return };
        self.connected -= usize::from(peer.connected);
        peer.connected = report == Report::Connected;
        self.connected += usize::from(peer.connected);
        match report {
            Report::Connected => {
                peer.failures = 0;
                peer.announce_from = now + REFRESH_EVERY;
            }
            Report::Unreachable => {
                peer.announce_from = now + back_off(peer.failures, rng);
                peer.failures = peer.failures.saturating_add(1);
            }
            Report::Down => {
                peer.failures = 0;
                peer.announce_from = now;
            }
        }
    }

    fn has_room(&self) -> bool {
        self.table.len() < self.capacity || self.connected < self.table.len()
    }

    /// Forgets the longest-silent peer that is not connected, if the table is full.
    fn make_room(&mut self) {
        if self.table.len() < self.capacity {
            return;
        }
        let silent = self.table.iter().filter(|(_, peer)| !peer.connected);
        if let Some((node, _)) = silent.min_by_key(|(_, peer)| peer.heard_at) {
            let node = node.clone();
            self.table.remove(&node);
        }
    }
}

/// Doubles with each failure, and is up to a quarter shorter at random, so that the two ends of a
/// link do not try in step.
fn back_off(failures: u32, rng: &mut impl Rng) -> Duration {
    let (first, longest) = BACK_OFF;
    let pause = first.saturating_mul(2u32.saturating_pow(failures)).min(longest);
    pause - random_below(rng, pause / 4)
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::budget::{CONNECTS_AT_ONCE, CONNECTS_OF_ONE_SOURCE, CONNECTS_OF_RETRIES};

    fn node(n: usize) -> NodeName {
        NodeName::parse(&format!("n{n}@host")).expect("a node name")
    }

    fn secs(s: u64) -> Time {
        Time::after(length(s))
    }

    fn length(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn rng() -> StdRng {
        StdRng::seed_from_u64(7)
    }

    /// Hears a peer from an address of its own.
    fn hear(peers: &mut Peers, now: Time, node: &NodeName) -> Result<Sighting, Refusal> {
        let last = node.as_str().bytes().fold(0, u8::wrapping_add);
        peers.see(now, IpAddr::from([10, 0, 0, last]), node)
    }

    /// Hears a peer whose connect succeeds.
    fn meet(peers: &mut Peers, now: Time, node: &NodeName) -> Result<(), Refusal> {
        hear(peers, now, node)?;
        peers.report(now, node, Report::Connected, &mut rng());
        Ok(())
    }

    fn announced_of(peers: &mut Peers, now: Time, n: usize) -> bool {
        hear(peers, now, &node(n)).is_ok_and(|heard| heard.announce)
    }

    fn announced(peers: &mut Peers, now: Time) -> bool {
        hear(peers, now, &node(1)).expect("within the budgets").announce
    }

    #[test]
    fn a_peer_is_announced_once_until_something_is_reported() {
        let mut peers = Peers::new(8);
        assert_eq!(
            hear(&mut peers, secs(0), &node(1)),
            Ok(Sighting { is_new: true, announce: true })
        );
        assert!((1..30).all(|s| !announced(&mut peers, secs(s))));
    }

    #[test]
    fn a_peer_without_a_report_is_announced_again_after_30_s() {
        let mut peers = Peers::new(8);
        announced(&mut peers, secs(0));
        assert!(announced(&mut peers, secs(30)));
        assert!(!announced(&mut peers, secs(31)));
    }

    #[test]
    fn a_connected_peer_is_refreshed_after_60_s() {
        let mut peers = Peers::new(8);
        announced(&mut peers, secs(0));
        peers.report(secs(1), &node(1), Report::Connected, &mut rng());
        assert!((2..61).all(|s| !announced(&mut peers, secs(s))));
        assert!(announced(&mut peers, secs(61)));
    }

    #[test]
    fn a_peer_that_went_down_is_announced_when_it_is_heard_again() {
        let mut peers = Peers::new(8);
        announced(&mut peers, secs(0));
        peers.report(secs(1), &node(1), Report::Connected, &mut rng());
        peers.report(secs(2), &node(1), Report::Down, &mut rng());
        assert!(announced(&mut peers, secs(2)));
    }

    #[test]
    fn the_back_off_doubles_from_1_s_to_30_s_and_a_connect_ends_it() {
        let mut peers = Peers::new(8);
        let mut rng = rng();
        let mut now = secs(0);
        announced(&mut peers, now);
        for longest in [1, 2, 4, 8, 16, 30, 30, 30] {
            peers.report(now, &node(1), Report::Unreachable, &mut rng);
            let early = length(longest) * 3 / 4 - Duration::from_nanos(1);
            assert!(!announced(&mut peers, now + early), "{longest}");
            now += length(longest);
            assert!(announced(&mut peers, now), "{longest}");
        }
        peers.report(now, &node(1), Report::Connected, &mut rng);
        peers.report(now, &node(1), Report::Unreachable, &mut rng);
        assert!(announced(&mut peers, now + length(1)));
    }

    #[test]
    fn a_report_about_a_stranger_changes_nothing() {
        let mut peers = Peers::new(8);
        peers.report(secs(0), &node(1), Report::Connected, &mut rng());
        assert_eq!(peers.connected(), 0);
        assert!(announced(&mut peers, secs(0)));
    }

    #[test]
    fn the_longest_silent_peer_that_is_not_connected_makes_room() {
        let mut peers = Peers::new(3);
        for n in 0..3 {
            hear(&mut peers, secs(n as u64), &node(n)).expect("room");
        }
        peers.report(secs(3), &node(0), Report::Connected, &mut rng());
        assert!(hear(&mut peers, secs(40), &node(9)).expect("an allowance by now").is_new);
        let known: Vec<_> = peers.table.keys().cloned().collect();
        assert_eq!(known, [node(0), node(2), node(9)]);
    }

    #[test]
    fn a_table_of_connected_peers_takes_nobody_in() {
        let mut peers = Peers::new(2);
        for n in 0..2 {
            meet(&mut peers, secs(0), &node(n)).expect("room");
        }
        assert_eq!(hear(&mut peers, secs(1000), &node(9)), Err(Refusal::OverLimit));
    }

    #[test]
    fn forged_names_use_up_the_allowance_and_no_more() {
        let mut peers = Peers::new(100);
        let mut refuse = |n: &usize| {
            let heard = hear(&mut peers, secs(0), &node(*n));
            peers.report(secs(0), &node(*n), Report::Unreachable, &mut rng());
            heard.is_ok()
        };
        let taken = (0..10_000).filter(&mut refuse).count();
        assert_eq!(taken, 100);
        assert_eq!(peers.table.len(), 100);
    }

    #[test]
    fn sixteen_connects_are_under_way_and_the_next_peer_waits_until_it_is_heard_again() {
        let mut peers = Peers::new(100);
        for n in 0..CONNECTS_AT_ONCE {
            assert!(hear(&mut peers, secs(0), &node(n)).expect("room").announce);
        }
        assert_eq!(hear(&mut peers, secs(0), &node(50)), Err(Refusal::OverLimit));
        peers.report(secs(1), &node(3), Report::Unreachable, &mut rng());
        assert_eq!(
            hear(&mut peers, secs(1), &node(50)),
            Ok(Sighting { is_new: true, announce: true })
        );
        assert_eq!(hear(&mut peers, secs(3), &node(3)), Err(Refusal::OverLimit));
        peers.report(secs(3), &node(50), Report::Connected, &mut rng());
        assert!(hear(&mut peers, secs(3), &node(3)).expect("room").announce);
    }

    #[test]
    fn half_of_the_connects_are_under_way_to_peers_of_one_source_and_others_have_the_rest() {
        let mut peers = Peers::new(100);
        let silent = IpAddr::from([10, 0, 0, 200]);
        let taken = (0..50).filter(|n| peers.see(secs(0), silent, &node(*n)).is_ok()).count();
        assert_eq!(taken, CONNECTS_OF_ONE_SOURCE);
        assert!(hear(&mut peers, secs(0), &node(60)).expect("room").announce);
        peers.report(secs(7), &node(0), Report::Unreachable, &mut rng());
        assert!(peers.see(secs(7), silent, &node(70)).expect("room").announce);
        assert_eq!(peers.see(secs(7), silent, &node(71)), Err(Refusal::OverLimit));
    }

    #[test]
    fn retries_leave_some_connects_to_peers_that_did_not_fail() {
        let mut peers = Peers::new(100);
        for n in 0..30 {
            hear(&mut peers, secs(0), &node(n)).expect("room");
            peers.report(secs(0), &node(n), Report::Unreachable, &mut rng());
        }
        let retried = (0..30).filter(|n| hear(&mut peers, secs(9), &node(*n)).is_ok()).count();
        assert_eq!(retried, CONNECTS_OF_RETRIES);
        let new = (50..80).filter(|n| hear(&mut peers, secs(9), &node(*n)).is_ok()).count();
        assert_eq!(new, CONNECTS_AT_ONCE - CONNECTS_OF_RETRIES);
        peers.report(secs(9), &node(50), Report::Connected, &mut rng());
        assert_eq!(
            (0..30).filter(|n| announced_of(&mut peers, secs(9), *n)).count(),
            0,
            "a place that a peer left which did not fail is for another of its kind"
        );
    }

    #[test]
    fn a_connect_that_is_never_reported_on_makes_way_after_30_s() {
        let mut peers = Peers::new(100);
        for n in 0..CONNECTS_AT_ONCE {
            hear(&mut peers, secs(0), &node(n)).expect("room");
        }
        assert_eq!(hear(&mut peers, secs(29), &node(50)), Err(Refusal::OverLimit));
        assert!(hear(&mut peers, secs(30), &node(50)).expect("room").announce);
    }

    #[test]
    fn a_name_that_must_wait_for_a_connect_costs_no_allowance() {
        let mut peers = Peers::new(CONNECTS_AT_ONCE + 1);
        for n in 0..CONNECTS_AT_ONCE {
            hear(&mut peers, secs(0), &node(n)).expect("room");
        }
        assert!((100..200).all(|n| hear(&mut peers, secs(0), &node(n)) == Err(Refusal::OverLimit)));
        peers.report(secs(0), &node(0), Report::Connected, &mut rng());
        assert!(hear(&mut peers, secs(0), &node(50)).expect("an allowance").announce);
    }

    #[test]
    fn a_connect_under_way_counts_even_if_its_peer_was_forgotten_and_is_heard_in_vain() {
        let mut peers = Peers::new(CONNECTS_AT_ONCE);
        for n in 0..CONNECTS_AT_ONCE {
            hear(&mut peers, secs(0), &node(n)).expect("room");
        }
        peers.report(secs(10), &node(9), Report::Unreachable, &mut rng());
        hear(&mut peers, secs(10), &node(50)).expect("the place of the longest-silent one");
        let forgotten = (0..9).find(|n| !peers.table.contains_key(&node(*n))).expect("one");
        assert_eq!(hear(&mut peers, secs(12), &node(forgotten)), Err(Refusal::OverLimit));
        assert_eq!(hear(&mut peers, secs(12), &node(9)), Err(Refusal::OverLimit));
    }
}
