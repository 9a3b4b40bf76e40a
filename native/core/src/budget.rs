//! What strangers may cost us. Each bound stands here once, with its reason.

use std::{net::IpAddr, time::Duration};

use crate::{Time, token_bucket::TokenBucket};

/// Longest datagram that is read, in bytes. A heartbeat is at most 300 bytes; 1500 is what an
/// Ethernet frame carries.
pub const MAX_DATAGRAM: usize = 1500;

/// A new name costs the BEAM an atom, for ever. So after `max_peers` of them at once, one more is
/// taken in after this time: a forger gains 8,640 atoms a day of the 1,048,576 that a BEAM has.
pub const NEW_NAME_INTERVAL: Duration = Duration::from_secs(10);

/// Connection attempts in flight: peers announced of which nothing was reported yet. Each is a
/// process and a socket. A host that accepts and never answers holds one for seven seconds: so 36 of
/// such hosts are tried in a second, and the peers among them that do answer are found. A test sees
/// that `lib/native_gossip/connector.ex` starts as many.
pub const ATTEMPTS_AT_ONCE: usize = 256;

/// The most of them that have just begun. As many as a busy machine sets up at a time; what takes
/// longer than usual waits for a host, and keeps no other turn waiting.
pub const FRESH_ATTEMPTS: usize = 16;

/// The most of all attempts to peers that one source named. A host that names more silent ones than
/// there are places would take up each that gets free, and no peer of another host would be
/// connected.
pub const ATTEMPTS_OF_ONE_SOURCE: usize = ATTEMPTS_AT_ONCE / 4;

/// The most of all attempts to peers of which the last attempt failed, and of those that have just
/// begun. Silent hosts, forged or behind a firewall, would take up each place that gets free, and
/// nobody new would be connected.
pub const ATTEMPTS_OF_RETRIES: usize = ATTEMPTS_AT_ONCE / 2;

/// See [`ATTEMPTS_OF_RETRIES`].
pub const FRESH_ATTEMPTS_OF_RETRIES: usize = FRESH_ATTEMPTS * 3 / 4;

/// Heartbeats that the whole cluster sends in a second, about: at 1,000 nodes a gap of five
/// seconds would cost every one of them 400 packets a second.
pub const CLUSTER_HEARTBEATS_PER_SECOND: u32 = 200;

/// How long a window of the receive limit lasts. Shorter, and the loop would wake more often than it
/// saves; longer, and heartbeats that come when a window is used up would be lost for longer.
const RECEIVE_WINDOW: Duration = Duration::from_millis(10);

/// One host that forges names may use up a quarter of the tokens for new names, and does not keep
/// those of other hosts out; but 16 BEAMs on one host are taken in where there are few tokens too.
/// A name that was connected to does not count: behind one address there may be many nodes.
const PART_OF_ONE_SOURCE: (usize, usize) = (4, 16);

/// Sources that are told apart; beyond it some share a part. Those of one /24 network never do.
const SOURCES: usize = 256;

/// New names that may be taken in: `max_peers` at once, a part of them from one source, then one
/// every [`NEW_NAME_INTERVAL`].
#[derive(Clone, Debug)]
pub struct NewNames {
    all: TokenBucket,
    by_source: Vec<TokenBucket>,
}

impl NewNames {
    /// All tokens, for every source.
    pub fn new(max_peers: usize) -> Self {
        let (divisor, least) = PART_OF_ONE_SOURCE;
        let part = (max_peers / divisor).max(least);
        Self {
            all: TokenBucket::new(max_peers, NEW_NAME_INTERVAL),
            by_source: vec![TokenBucket::new(part, NEW_NAME_INTERVAL); SOURCES],
        }
    }

    /// Takes one for a name that came from `source`, if there is one left.
    pub fn take(&mut self, now: Time, source: IpAddr) -> bool {
        let Some(part) = self.by_source.get_mut(place(source)) else { return false };
        part.is_left(now) && self.all.take(now) && part.take(now)
    }

    /// A name that came from `source` has proved to be a node's: its source may name another one.
    /// What it cost the whole is spent.
    pub fn give_back(&mut self, source: IpAddr) {
        if let Some(part) = self.by_source.get_mut(place(source)) {
            part.give_back();
        }
    }
}

/// Addresses that differ in their last byte alone have places of their own.
fn place(source: IpAddr) -> usize {
    let fold = |octets: &[u8]| octets.iter().fold(0u8, |place, octet| place.rotate_left(3) ^ octet);
    match source {
        IpAddr::V4(address) => fold(&address.octets()).into(),
        IpAddr::V6(address) => fold(&address.octets()).into(),
    }
}

/// Datagrams that are looked at: `limit` a second, handed out in windows of 10 ms.
#[derive(Clone, Debug)]
pub struct ReceiveLimit {
    per_second: u32,
    /// Hundredths of datagrams: what a window leaves of a fraction goes to the next.
    left: u32,
    window_ends: Time,
}

impl ReceiveLimit {
    const WINDOWS: u32 = 1000 / RECEIVE_WINDOW.subsec_millis();

    /// At most `limit` datagrams a second.
    pub fn new(limit: u32) -> Self {
        Self { per_second: limit, left: 0, window_ends: Time::ZERO }
    }

    /// How many a second may be received.
    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Whether another one may be received.
    ///
    /// # Errors
    /// The time at which the next window begins, where this one is used up.
    pub fn check(&mut self, now: Time) -> Result<(), Time> {
        if now >= self.window_ends {
            self.left = self.left % Self::WINDOWS + self.per_second;
            self.window_ends = now + RECEIVE_WINDOW;
        }
        if self.left >= Self::WINDOWS { Ok(()) } else { Err(self.window_ends) }
    }

    /// How many may be received in this window.
    pub fn left(&self) -> usize {
        (self.left / Self::WINDOWS) as usize
    }

    /// One was received.
    pub fn spend(&mut self) {
        self.left = self.left.saturating_sub(Self::WINDOWS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Time {
        Time::after(Duration::from_millis(millis))
    }

    fn source(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    /// How many of `count` new names are taken in.
    fn taken(names: &mut NewNames, now: Time, n: u8, count: usize) -> usize {
        (0..count).filter(|_| names.take(now, source(n))).count()
    }

    #[test]
    fn one_source_uses_up_its_part_and_all_of_them_the_whole() {
        let mut names = NewNames::new(100);
        assert_eq!(taken(&mut names, Time::ZERO, 1, 1000), 25);
        assert_eq!(taken(&mut names, Time::ZERO, 2, 20), 20);
        let others: usize = (3..100).map(|n| taken(&mut names, Time::ZERO, n, 1000)).sum();
        assert_eq!(others, 55);
    }

    #[test]
    fn every_address_of_a_network_has_a_part_of_its_own() {
        let places: std::collections::BTreeSet<_> = (0..=255).map(|n| place(source(n))).collect();
        assert_eq!(places.len(), SOURCES);
        assert!(places.iter().all(|place| *place < SOURCES));
    }

    #[test]
    fn one_name_comes_back_in_ten_seconds_and_never_more_than_the_whole() {
        let mut names = NewNames::new(3);
        assert_eq!(taken(&mut names, Time::ZERO, 1, 10), 3);
        assert_eq!(taken(&mut names, millis(9_999), 2, 10), 0);
        assert_eq!(taken(&mut names, millis(10_000), 2, 10), 1);
        assert_eq!(taken(&mut names, millis(19_999), 1, 10), 0);
        assert_eq!(taken(&mut names, millis(20_000), 1, 10), 1);
        let year = millis(365 * 86_400_000);
        assert_eq!(taken(&mut names, year, 1, 10), 3);
    }

    fn take(limit: &mut ReceiveLimit, now: Time) -> Result<(), Time> {
        limit.check(now).inspect(|()| limit.spend())
    }

    #[test]
    fn no_second_holds_more_datagrams_than_the_limit() {
        for per_second in [1, 99, 100, 101, 12_345, 200_000] {
            let mut limit = ReceiveLimit::new(per_second);
            let micros = 0..3_000_000u64;
            let taken = micros
                .filter(|n| take(&mut limit, Time::after(Duration::from_micros(*n))).is_ok())
                .count();
            assert_eq!(taken, 3 * per_second as usize, "{per_second}");
        }
    }

    #[test]
    fn a_used_up_window_says_when_the_next_begins() {
        let mut limit = ReceiveLimit::new(100);
        let now = millis(7_000);
        assert_eq!(take(&mut limit, now), Ok(()));
        assert_eq!(take(&mut limit, now), Err(now + RECEIVE_WINDOW));
        assert_eq!(take(&mut limit, now + RECEIVE_WINDOW), Ok(()));
    }

    #[test]
    fn an_empty_read_spends_nothing_of_the_limit() {
        let mut limit = ReceiveLimit::new(100);
        assert!((0..100).all(|_| limit.check(Time::ZERO).is_ok()));
    }

    #[test]
    fn a_name_that_was_proved_gives_its_source_another_one_and_the_whole_none() {
        let mut names = NewNames::new(100);
        assert_eq!(taken(&mut names, Time::ZERO, 1, 1000), 25);
        (0..10).for_each(|_| names.give_back(source(1)));
        assert_eq!(taken(&mut names, Time::ZERO, 1, 1000), 10);
        (0..1000).for_each(|_| names.give_back(source(1)));
        assert_eq!(taken(&mut names, Time::ZERO, 1, 1000), 25);
        assert_eq!(taken(&mut names, Time::ZERO, 2, 1000), 25);
        assert_eq!(taken(&mut names, Time::ZERO, 3, 1000), 15);
    }

    #[test]
    fn of_256_attempts_a_quarter_is_of_one_source_and_half_are_retries() {
        assert_eq!((ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES), (256, 64, 128));
        assert_eq!((FRESH_ATTEMPTS, FRESH_ATTEMPTS_OF_RETRIES), (16, 12));
    }
}
