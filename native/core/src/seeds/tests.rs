use super::*;
use crate::{
    context::Effects,
    event::Event,
    network::fake::{FakeNetwork, PORT, error},
};

mod telling;

/// Seeds, and all that they act with.
struct Host {
    seeds: Seeds,
    network: FakeNetwork,
    effects: Effects,
    /// Hosts that are not reached, which the network says after 3 s, and how.
    dead: Vec<u8>,
    how: SystemError,
    lost: VecDeque<(Time, SocketAddr)>,
}

impl Host {
    fn with(seeds: impl IntoIterator<Item = u8>) -> Self {
        let mut host = Self {
            seeds: Seeds::new(),
            network: FakeNetwork::default(),
            effects: Effects::default(),
            dead: Vec::new(),
            how: unreachable(),
            lost: VecDeque::new(),
        };
        host.replace(secs(0), seeds);
        host
    }

    fn replace(&mut self, now: Time, seeds: impl IntoIterator<Item = u8>) -> bool {
        let seeds = seeds.into_iter().map(address).collect();
        self.seeds.replace(now, seeds, &mut self.effects.alerts)
    }

    /// From now on these cannot be sent to.
    fn refuse(&mut self, seeds: &[u8]) {
        let calls: Vec<_> = seeds.iter().map(|n| format!("send to {}", address(*n))).collect();
        self.network.refuse(&calls.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// A heartbeat is due. Where it went at once.
    fn heartbeat(&mut self, now: Time) -> Vec<u8> {
        self.seeds.enqueue(now, b"heartbeat".to_vec());
        self.act(now)
    }

    /// Does what is due, and says where something went.
    fn act(&mut self, now: Time) -> Vec<u8> {
        let is_over = |(at, _): &mut (Time, SocketAddr)| now - *at >= Duration::from_secs(3);
        while let Some((_, address)) = self.lost.pop_front_if(is_over) {
            self.network.lost.push_back((address, self.how.clone()));
        }
        self.seeds.send(&mut self.effects.context(now, &mut self.network));
        let calls = self.network.take_calls();
        let sent: Vec<_> =
            (0..=255).filter(|n| calls.contains(&format!("send to {}", address(*n)))).collect();
        let dead = sent.iter().filter(|n| self.dead.contains(n));
        self.lost.extend(dead.map(|n| (now, address(*n))));
        sent
    }

    /// Does what is due until then, with a heartbeat every other second: when each was sent to.
    fn run(&mut self, from: u64, until: u64) -> Vec<(Time, u8)> {
        let mut sent = Vec::new();
        for s in (from..until).step_by(2) {
            let mut now = secs(s);
            sent.extend(self.heartbeat(now).into_iter().map(|n| (now, n)));
            while let Some(at) = self.seeds.deadline().filter(|at| *at < secs(s + 2)) {
                now = now.max(at);
                sent.extend(self.act(now).into_iter().map(|n| (now, n)));
            }
        }
        sent
    }

    fn told(&mut self) -> Vec<Event> {
        self.effects.alerts.take()
    }
}

fn secs(s: u64) -> Time {
    Time::after(Duration::from_secs(s))
}

fn millis(millis: u64) -> Time {
    Time::after(Duration::from_millis(millis))
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::new([10, 0, 0, n].into(), PORT)
}

fn unreachable() -> SystemError {
    SystemError { code: Some(113), text: "no route to host".into() }
}

fn refused() -> SystemError {
    SystemError { code: Some(111), text: "connection refused".into() }
}

fn fault(failing: &[u8], of: usize, error: SystemError) -> Fault {
    let some = failing.iter().take(NAMED).copied().map(address).collect();
    Fault::Seeds { failing: failing.len(), of, some, error }
}

/// When this one was sent to.
fn times(sent: &[(Time, u8)], seed: u8) -> Vec<Time> {
    sent.iter().filter(|(_, n)| *n == seed).map(|(at, _)| *at).collect()
}

#[test]
fn a_short_list_is_sent_to_at_once_whatever_becomes_of_each() {
    let mut host = Host::with([1, 2, 3]);
    host.refuse(&[1, 2]);
    assert_eq!(host.heartbeat(secs(0)), [1, 2, 3]);
    assert_eq!(host.seeds.deadline(), Some(secs(15)), "and to tell of two");
}

#[test]
fn of_a_long_list_each_has_its_turn_in_the_order_of_the_list() {
    let mut host = Host::with(0..=255);
    assert_eq!(host.heartbeat(secs(1)), (0..32).collect::<Vec<_>>());
    assert_eq!(host.seeds.deadline(), Some(millis(1_010)));
    assert_eq!(host.act(millis(1_009)), [0; 0]);
    assert_eq!(host.act(millis(1_010)), [32]);
    // A heartbeat comes between, and nobody loses a turn to another.
    assert_eq!(host.heartbeat(millis(1_020)), [33]);
    let mut next = millis(1_030);
    for n in 34..=255 {
        assert_eq!(host.act(next), [n]);
        next += Duration::from_millis(10);
    }
    assert!(next < millis(3_300));
    assert_eq!(host.act(next), [0], "of the second heartbeat");
}

#[test]
fn no_second_holds_more_than_a_hundred_and_thirty_two() {
    let mut host = Host::with(0..=255);
    let mut sent = Vec::new();
    for ms in 0..5_000 {
        sent.extend(host.heartbeat(millis(ms)).into_iter().map(|_| ms));
    }
    for from in 0..4_000 {
        let second = sent.iter().filter(|ms| (from..from + 1_000).contains(*ms)).count();
        assert!(second <= 132, "{second} from {from}");
    }
    assert!(sent.len() >= 500);
}

#[test]
fn a_node_that_is_not_alive_sends_to_nobody_who_waits() {
    let mut host = Host::with(0..=255);
    host.heartbeat(secs(0));
    host.seeds.stop();
    assert_eq!(host.seeds.deadline(), None);
    assert_eq!(host.act(secs(9)), [0; 0]);
    assert_eq!(host.heartbeat(secs(9)).len(), 32);
}

#[test]
fn a_dead_seed_is_tried_after_pauses_of_four_to_sixteen_seconds() {
    let mut host = Host::with([1, 2]);
    host.dead = vec![2];
    let sent = host.run(0, 100);
    assert_eq!(times(&sent, 1), (0..50).map(|n| secs(2 * n)).collect::<Vec<_>>());
    // It is known from the second heartbeat on, 3 s after the first.
    let tried: Vec<_> = times(&sent, 2).into_iter().map(Time::since_zero).collect();
    assert_eq!(tried, [0, 2, 8, 20, 40, 60, 80].map(Duration::from_secs));
}

#[test]
fn a_seed_that_lives_again_gets_each_heartbeat_again_and_that_is_told_once() {
    let mut host = Host::with([1, 2]);
    host.dead = vec![2];
    host.run(0, 62);
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[2], 2, unreachable()))]);
    host.dead.clear();
    let sent = host.run(62, 120);
    let tried: Vec<_> = times(&sent, 2).into_iter().map(Time::since_zero).collect();
    assert_eq!(tried.get(..4), Some(&[80, 96, 98, 100].map(Duration::from_secs)[..]));
    assert_eq!(host.told(), [Event::FaultCleared(fault(&[2], 2, unreachable()))]);
}

#[test]
fn somebody_who_is_heard_from_there_makes_a_dead_seed_due() {
    let mut host = Host::with([1, 2]);
    host.dead = vec![2];
    host.run(0, 62);
    host.seeds.heard(secs(62), [10, 0, 0, 9].into());
    assert_eq!(host.heartbeat(secs(62)), [1]);
    assert_eq!(host.heartbeat(secs(64)), [1]);
    host.seeds.heard(secs(65), [10, 0, 0, 2].into());
    assert_eq!(host.heartbeat(secs(66)), [1, 2]);
}

#[test]
fn whoever_is_heard_speaks_for_each_port_of_its_address_whatever_the_list_was_before() {
    let seeds = [(1, PORT), (2, PORT), (2, 4000), (3, PORT)];
    let seeds = seeds.map(|(n, port)| SocketAddr::new([10, 0, 0, n].into(), port));
    let mut host = Host::with([3, 2, 1]);
    host.seeds.replace(secs(0), seeds.to_vec(), &mut host.effects.alerts);
    host.heartbeat(secs(0));
    host.network.lost.extend(seeds.map(|address| (address, unreachable())));
    assert_eq!(host.heartbeat(secs(1)), [0; 0]);
    host.seeds.heard(secs(2), [10, 0, 0, 2].into());
    host.seeds.enqueue(secs(2), b"heartbeat".to_vec());
    host.seeds.send(&mut host.effects.context(secs(2), &mut host.network));
    let sent = seeds[1..3].iter().map(|address| format!("send to {address}"));
    assert_eq!(host.network.take_calls(), sent.collect::<Vec<_>>());
}

#[test]
fn two_hundred_and_fifty_two_dead_seeds_cost_the_live_one_nothing() {
    let mut host = Host::with(2..=254);
    host.dead = (3..=254).collect();
    // The live one is the last.
    host.dead.retain(|n| *n != 200);
    host.dead.push(2);
    let sent = host.run(0, 600);
    let live = times(&sent, 200);
    assert!(live.len() >= 299, "{}", live.len());
    let late = live.iter().filter(|at| at.since_zero().as_millis() % 2_000 > 300).count();
    // Until the network has said who is not there, and where it is tried again by each fourth turn.
    assert!(late <= 2, "{late}");
    let last_minute = sent.iter().filter(|(at, _)| *at >= secs(540)).count();
    assert!(last_minute < 252 * 5, "{last_minute}");
    let dead: Vec<_> = (2..=254).filter(|n| *n != 200).collect();
    assert_eq!(host.told(), [Event::FaultRaised(fault(&dead, 253, unreachable()))]);
}

#[test]
fn a_seed_that_is_sent_to_after_a_long_outage_is_worth_a_burst() {
    let mut host = Host::with([1, 2]);
    for (s, refused) in [(0, &[1][..]), (4, &[]), (5, &[1]), (9, &[1])] {
        host.refuse(refused);
        host.heartbeat(secs(s));
        assert!(!host.effects.take_burst(), "{s}");
    }
    host.refuse(&[]);
    host.heartbeat(secs(10));
    assert!(host.effects.take_burst());
}

#[test]
fn a_seed_that_lives_again_is_worth_no_burst() {
    let mut host = Host::with([1]);
    host.dead = vec![1];
    host.run(0, 62);
    host.dead.clear();
    host.run(62, 120);
    assert!(!host.effects.take_burst());
}

#[test]
fn other_addresses_are_news_and_the_same_ones_are_not() {
    let mut host = Host::with([1, 2]);
    assert!(!host.replace(secs(0), [1, 2]));
    for others in [&[1][..], &[1, 3], &[1, 3, 4], &[]] {
        assert!(host.replace(secs(0), others.iter().copied()), "{others:?}");
        assert_eq!(host.heartbeat(secs(0)), others);
    }
}

#[test]
fn who_has_gone_waits_no_more_and_who_stays_keeps_the_turn() {
    let mut host = Host::with(0..=255);
    host.heartbeat(secs(0));
    assert!(host.replace(secs(0), [40, 60, 99]));
    assert_eq!(host.act(secs(1)), [40, 60, 99]);
    assert_eq!(host.seeds.deadline(), None);
}

#[test]
fn where_more_wait_than_the_rate_allows_those_that_were_heard_from_have_six_turns_of_eight() {
    let mut host = Host::with(0..=255);
    host.refuse(&(0..100).collect::<Vec<_>>());
    for n in 50..150 {
        host.seeds.heard(secs(0), [10, 0, 0, n].into());
    }
    host.run(0, 20);
    // More heartbeats than anybody can be sent to.
    let mut sent = Vec::new();
    for ms in 0..10_000 {
        sent.extend(host.heartbeat(millis(30_000 + ms)));
    }
    let to = |of: std::ops::Range<u8>| sent.iter().filter(|n| of.contains(n)).count();
    let shares = [to(100..150), to(150..255), to(0..100)];
    for (share, expected) in shares.into_iter().zip([774, 129, 129]) {
        assert!(expected - 10 < share && share < expected + 10, "{shares:?}");
    }
}

#[test]
fn who_waits_when_the_next_heartbeat_is_due_is_sent_to_once() {
    let mut host = Host::with(0..=255);
    let mut sent = host.heartbeat(secs(0));
    let first = sent.clone();
    sent.extend(host.heartbeat(secs(0)));
    while let Some(at) = host.seeds.deadline() {
        sent.extend(host.act(at));
    }
    for n in 0..=255 {
        let expected = if first.contains(&n) { 2 } else { 1 };
        assert_eq!(sent.iter().filter(|sent| **sent == n).count(), expected, "{n}");
    }
}
