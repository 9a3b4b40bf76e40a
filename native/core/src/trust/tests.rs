//! The table of docs/protocol.md, row by row.

mod bounds;
mod recorded;

use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::{WallTime, packet::Signed};

const GAP: Duration = Duration::from_secs(5);
const BOTH: [Authentication; 2] = [Authentication::Compatible, Authentication::Required];

/// When tests begin, by a clock that is right.
const START: u64 = 1_790_000_000_000;

/// This many milliseconds later, by a clock that is right.
fn at(millis: u64) -> Now {
    clocks(millis, millis)
}

/// By a wall clock that shows another time than passed.
fn clocks(millis: u64, wall: u64) -> Now {
    let time = Time::after(Duration::from_millis(millis));
    Now { time, wall: WallTime::from_millis(START + wall) }
}

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("a node name")
}

fn peer() -> NodeName {
    name("peer@host")
}

/// A heartbeat that was stamped this many milliseconds after the start, before it where negative.
fn claim(incarnation: u64, seq: u32, stamp: i64) -> Claim {
    let stamp = WallTime::from_millis(START.wrapping_add_signed(stamp));
    let mac = u128::from(incarnation) << 64 | u128::from(stamp.millis()) << 16 | u128::from(seq);
    let signed = Signed { incarnation, seq, echoes: Default::default() };
    Claim { secret_index: 0, stamp, is_leaving: false, signed, mac: mac.to_be_bytes() }
}

struct Table {
    trust: Trust,
    rng: StdRng,
}

impl Table {
    fn new(authentication: Authentication) -> Self {
        Self::of(authentication, 100)
    }

    fn of(authentication: Authentication, max_peers: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let mut trust = Trust::new(authentication, max_peers);
        trust.restart(&mut rng);
        Self { trust, rng }
    }

    fn hear_unsigned(&mut self, now: Now, node: &NodeName) -> Result<(), Refusal> {
        let text = NameText::parse(node.as_str()).expect("a node name");
        self.trust.hear_unsigned(now.time, &text)
    }

    fn hear(&mut self, now: Now, claim: &Claim) -> Result<Acceptance, Refusal> {
        self.trust.hear(now, &peer(), claim, GAP)
    }

    /// With an echo of what this node is now.
    fn hear_echo(&mut self, now: Now, mut claim: Claim) -> Result<Acceptance, Refusal> {
        claim.signed.echoes = [1, self.trust.incarnation(), 2].into_iter().collect();
        self.hear(now, &claim)
    }

    fn beat(&mut self, now: Now) -> Signed {
        self.trust.beat(now, &mut self.rng)
    }

    /// What was worth telling last.
    fn told(&mut self) -> Option<Event> {
        self.trust.take_pending_events().pop()
    }

    fn loss(&self) -> Loss {
        self.trust.loss(&peer()).expect("a name that is known")
    }
}

/// One that knows the peer by its number 1, stamped and received at the start.
fn knowing(authentication: Authentication) -> Table {
    let mut table = Table::new(authentication);
    assert_eq!(table.hear(at(0), &claim(7, 1, 0)), Ok(Acceptance::Fresh));
    table
}

#[test]
fn row_1_what_is_above_the_highest_is_taken_whatever_our_own_wall_clock_shows() {
    for mode in BOTH {
        let mut table = knowing(mode);
        assert_eq!(table.hear(at(2000), &claim(7, 2, 2000)), Ok(Acceptance::Next));
        assert_eq!(table.hear(clocks(4000, 9_000_000), &claim(7, 3, 4000)), Ok(Acceptance::Next));
        assert_eq!(table.hear(at(6000), &claim(7, 10, 6000)), Ok(Acceptance::Next));
        let loss = Loss { received: 4, missing: 6, ..Loss::default() };
        assert_eq!(table.loss(), loss);
        assert_eq!(table.told(), None);
    }
}

#[test]
fn row_1_a_clock_that_is_off_from_the_start_stays_as_far_off() {
    let mut table = Table::new(Authentication::Required);
    let hour = 3_600_000;
    assert_eq!(table.hear_echo(at(0), claim(7, 1, -hour)), Ok(Acceptance::Echoed));
    for n in 1..1000_u32 {
        let millis = u64::from(n) * 5000;
        let taken = table.hear(at(millis), &claim(7, n + 1, i64::from(n) * 5000 - hour));
        assert_eq!(taken, Ok(Acceptance::Next), "{n}");
    }
}

#[test]
fn row_2_a_clock_that_moved_by_more_than_a_minute_must_be_right_or_prove_itself() {
    for (moved, is_far) in [(60_000, false), (60_001, true), (-60_000, false), (-60_001, true)] {
        for mode in BOTH {
            let mut table = Table::new(mode);
            // An hour off from the start, so that it is not right by moving.
            table.hear_echo(at(0), claim(7, 1, 3_600_000)).expect("an echo");
            table.told();
            // It was shown an echo.
            table.beat(at(1));
            table.trust.take_urgency();
            let moved_on = claim(7, 2, 3_602_000 + moved);
            let is_refused = is_far && mode == Authentication::Required;
            let expected = if is_refused { Err(Refusal::Stale) } else { Ok(Acceptance::Next) };
            assert_eq!(table.hear(at(2000), &moved_on), expected, "{moved} {mode:?}");
            let told = Event::ClockMoved { node: peer(), by_ms: moved, off_ms: 3_600_000 + moved };
            assert_eq!(table.told(), (is_far && !is_refused).then_some(told));
            // Refused or not, an echo is on its way.
            assert_eq!(table.trust.take_urgency(), is_far);
            let echoed = table.hear_echo(at(2100), claim(7, 3, 3_602_100 + moved));
            assert_eq!(echoed, Ok(Acceptance::Next));
            // How far it is off has been told, and is not told again when it restarts.
            table.told();
            let restarted = table.hear_echo(at(2200), claim(8, 1, 3_602_200 + moved));
            assert_eq!((restarted, table.told()), (Ok(Acceptance::Echoed), None));
        }
    }
    for mode in BOTH {
        let mut table = Table::new(mode);
        table.hear_echo(at(0), claim(7, 1, 3_600_000)).expect("an echo");
        assert_eq!(table.hear(at(2000), &claim(7, 2, 2000)), Ok(Acceptance::Next));
        let told = Event::ClockMoved { node: peer(), by_ms: -3_600_000, off_ms: 0 };
        assert_eq!(table.told(), Some(told));
    }
}

#[test]
fn row_3_what_was_overtaken_is_taken_once_and_lost_no_more() {
    for mode in BOTH {
        let mut table = knowing(mode);
        assert_eq!(table.hear(at(2000), &claim(7, 65, 2000)), Ok(Acceptance::Next));
        assert_eq!(table.loss().missing, 63);
        // Whatever its stamp says.
        assert_eq!(table.hear(at(9000), &claim(7, 2, -900_000)), Ok(Acceptance::Late));
        assert_eq!(table.hear(at(9000), &claim(7, 2, -900_000)), Err(Refusal::Replayed));
        assert_eq!(table.hear(at(9000), &claim(7, 64, 1900)), Ok(Acceptance::Late));
        let loss = Loss { received: 4, missing: 61, late: 2, ..Loss::default() };
        assert_eq!(table.loss(), loss);
    }
}

#[test]
fn row_4_a_copy_comes_within_two_seconds_of_the_highest() {
    for mode in BOTH {
        let mut table = knowing(mode);
        table.hear(at(1000), &claim(7, 2, 1000)).expect("the next");
        assert_eq!(table.hear(at(3000), &claim(7, 2, 1000)), Ok(Acceptance::Copy));
        assert_eq!(table.hear(at(3000), &claim(7, 1, 0)), Ok(Acceptance::Copy));
        assert_eq!(table.hear(at(3001), &claim(7, 2, 1000)), Err(Refusal::Replayed));
        let loss = Loss { received: 2, copies: 2, ..Loss::default() };
        assert_eq!(table.loss(), loss);
    }
}

#[test]
fn row_5_what_is_below_the_window_is_a_replay_at_once() {
    for mode in BOTH {
        let mut table = knowing(mode);
        table.hear(at(1), &claim(7, 66, 1)).expect("the next");
        assert_eq!(table.hear(at(1), &claim(7, 3, 0)), Ok(Acceptance::Late));
        assert_eq!(table.hear(at(1), &claim(7, 2, 0)), Err(Refusal::Replayed));
        assert_eq!(table.hear(at(1), &claim(7, 1, 0)), Err(Refusal::Replayed));
        // A gap of more than a window leaves nothing of it.
        table.hear(at(2), &claim(7, u32::MAX, 2)).expect("the next");
        assert_eq!(table.hear(at(2), &claim(7, 66, 1)), Err(Refusal::Replayed));
        assert_eq!(table.hear(at(2), &claim(7, u32::MAX - 63, 1)), Ok(Acceptance::Late));
    }
}

#[test]
fn row_6_the_highest_number_with_another_mac_is_a_twin_and_told_once_an_hour() {
    for mode in BOTH {
        let mut table = knowing(mode);
        let twin = claim(7, 1, 1);
        let mut told = 0;
        for s in 0..7200 {
            assert_eq!(table.hear(at(1000 * s), &twin), Err(Refusal::Twin));
            told += usize::from(table.told() == Some(Event::NameShared(peer())));
        }
        assert_eq!(told, 2);
    }
}

#[test]
fn row_7_a_new_incarnation_is_taken_where_its_stamp_is_within_a_minute() {
    for mode in BOTH {
        for stamp in [-60_000, 0, 60_000] {
            let taken = Table::new(mode).hear(at(0), &claim(7, 1, stamp));
            assert_eq!(taken, Ok(Acceptance::Fresh), "{stamp}");
        }
        let mut table = knowing(mode);
        assert_eq!(table.hear(at(9), &claim(8, 1, 9)), Ok(Acceptance::Fresh));
        assert_eq!((table.told(), table.trust.take_urgency()), (None, false));
    }
}

#[test]
fn row_8_a_new_incarnation_whose_clock_is_off_is_taken_where_it_echoes_us_and_told_once() {
    for mode in BOTH {
        for off_ms in [-60_001, 60_001, 2_000_000_000_000, -1_000_000_000_000] {
            let mut table = Table::new(mode);
            assert_eq!(table.hear_echo(at(0), claim(7, 1, off_ms)), Ok(Acceptance::Echoed));
            let told = Some(Event::ClockOff { node: peer(), off_ms });
            assert_eq!(table.told(), told);
            // It hears us with a clock that is off as far, and wants to be shown the same.
            assert!(table.trust.take_urgency());
            assert_eq!(*table.beat(at(1)).echoes, [7]);
            // Once for each change.
            assert_eq!(table.hear_echo(at(0), claim(8, 1, off_ms)), Ok(Acceptance::Echoed));
            assert_eq!(table.told(), None);
            let off_ms = off_ms + off_ms.signum() * 60_001;
            assert_eq!(table.hear_echo(at(0), claim(9, 1, off_ms)), Ok(Acceptance::Echoed));
            let told = Some(Event::ClockOff { node: peer(), off_ms });
            assert_eq!(table.told(), told);
            // Right again, and off again.
            assert_eq!(table.hear(at(0), &claim(10, 1, 0)), Ok(Acceptance::Fresh));
            assert_eq!(table.hear_echo(at(0), claim(11, 1, off_ms)), Ok(Acceptance::Echoed));
            let told = Some(Event::ClockOff { node: peer(), off_ms });
            assert_eq!(table.told(), told);
        }
    }
}

#[test]
fn row_9_a_new_incarnation_whose_clock_is_off_proves_nothing_and_is_echoed() {
    for mode in BOTH {
        for off_ms in [-60_001, 60_001] {
            let mut table = Table::new(mode);
            let taken = table.hear(at(0), &claim(7, 1, off_ms));
            let told = table.told();
            if mode == Authentication::Required {
                assert_eq!((taken, told), (Err(Refusal::Stale), None));
                assert_eq!(table.trust.loss(&peer()), None, "it has no place");
            } else {
                let event = Event::Unproven { node: peer(), off_ms };
                assert_eq!((taken, told), (Ok(Acceptance::Unproven), Some(event)));
            }
            assert!(table.trust.take_urgency());
            let beat = table.beat(at(1));
            assert_eq!((&*beat.echoes, beat.seq), (&[7][..], 1));
        }
    }
}

#[test]
fn row_9_an_echo_of_what_we_were_or_of_another_proves_nothing() {
    let mut table = Table::new(Authentication::Required);
    let mut old = claim(7, 1, -600_000);
    old.signed.echoes = [table.trust.incarnation()].into_iter().collect();
    table.beat(at(0));
    table.beat(clocks(1000, 31_000));
    assert_eq!(table.told(), None, "30 s are no step");
    table.beat(clocks(2000, 62_001));
    assert_eq!(table.told(), Some(Event::ClockStepped { by_ms: 30_001 }));
    assert_eq!(table.hear(clocks(2000, 62_001), &old), Err(Refusal::Stale));
}

#[test]
fn row_10_a_name_that_signs_is_not_taken_unsigned_for_two_minutes() {
    let mut table = knowing(Authentication::Compatible);
    let unsigned = |table: &mut Table, millis| table.hear_unsigned(at(millis), &peer());
    assert_eq!(unsigned(&mut table, 120_000), Err(Refusal::Unsigned));
    assert_eq!(unsigned(&mut table, 120_001), Ok(()));
    table.hear(at(130_000), &claim(7, 2, 130_000)).expect("the next");
    assert_eq!(unsigned(&mut table, 140_000), Err(Refusal::Unsigned));
    assert_eq!(table.hear_unsigned(at(140_000), &name("other@host")), Ok(()));
    // What is refused does not count as signed.
    assert_eq!(table.hear(at(200_000), &claim(7, 2, 130_000)), Err(Refusal::Replayed));
    assert_eq!(unsigned(&mut table, 250_001), Ok(()));

    let mut table = Table::new(Authentication::Required);
    assert_eq!(unsigned(&mut table, 0), Err(Refusal::Unsigned));
}

#[test]
fn row_11_two_incarnations_that_speak_by_turns_share_a_name_and_are_both_taken() {
    for mode in BOTH {
        let mut table = Table::new(mode);
        let mut told = Vec::new();
        for n in 0..40_u32 {
            let millis = u64::from(n) * 5000;
            let claim = claim(u64::from(n % 2), n / 2 + 1, i64::from(n) * 5000);
            assert!(table.hear(at(millis), &claim).is_ok());
            told.extend(table.told().map(|event| (n, event)));
        }
        assert_eq!(told, [(2, Event::NameShared(peer()))]);
    }
}

#[test]
fn row_11_who_starts_again_shares_its_name_with_nobody() {
    let mut table = knowing(Authentication::Required);
    for n in 0..100_u64 {
        let millis = n * 1000;
        let stamp = i64::try_from(millis).expect("small");
        assert!(table.hear(at(millis), &claim(100 + n, 1, stamp)).is_ok());
        assert!(table.hear(at(millis + 500), &claim(100 + n, 2, stamp + 500)).is_ok());
        assert_eq!(table.told(), None);
    }
    // One that was silent for longer than two gaps is back, as of a machine that was suspended.
    assert!(table.hear(at(120_000), &claim(199, 3, 120_000)).is_ok());
    assert_eq!(table.told(), None);
}

#[test]
fn row_11_recorded_heartbeats_of_a_former_life_are_no_other_beam() {
    let mut table = knowing(Authentication::Compatible);
    assert_eq!(table.hear(at(1000), &claim(5, 1, -900_000)), Ok(Acceptance::Unproven));
    table.told();
    assert_eq!(table.hear(at(2000), &claim(7, 2, 2000)), Ok(Acceptance::Next));
    assert_eq!(table.hear(at(3000), &claim(5, 2, -898_000)), Ok(Acceptance::Next));
    assert_eq!(table.hear(at(4000), &claim(7, 3, 4000)), Ok(Acceptance::Next));
    assert_eq!(table.told(), None);
    // It turns out to be there after all.
    assert_eq!(table.hear_echo(at(5000), claim(5, 3, -896_000)), Ok(Acceptance::Next));
    assert_eq!(table.told(), Some(Event::NameShared(peer())));
}

#[test]
fn row_11_a_clock_that_moved_is_told_beside_the_name_that_is_shared() {
    let mut table = knowing(Authentication::Required);
    assert_eq!(table.hear(at(1000), &claim(8, 1, 1000)), Ok(Acceptance::Fresh));
    assert_eq!(table.hear_echo(at(2000), claim(7, 2, 902_000)), Ok(Acceptance::Next));
    let moved = Event::ClockMoved { node: peer(), by_ms: 900_000, off_ms: 900_000 };
    let told = table.trust.take_pending_events();
    assert_eq!(told, [moved, Event::NameShared(peer())]);
}

#[test]
fn of_what_nobody_takes_the_last_two_are_kept() {
    let mut table = Table::new(Authentication::Compatible);
    for (n, off_ms) in (1..).zip([100_000, 300_000, 500_000]) {
        table.hear_echo(at(0), claim(n, 1, off_ms)).expect("an echo");
    }
    let off = |off_ms| Event::ClockOff { node: peer(), off_ms };
    assert_eq!(table.trust.take_pending_events(), [off(300_000), off(500_000)]);
}

#[test]
fn row_12_who_leaves_does_so_until_a_later_heartbeat_says_otherwise() {
    for mode in BOTH {
        let mut table = knowing(mode);
        let leaving = |seq, stamp| Claim { is_leaving: true, ..claim(7, seq, stamp) };
        assert!(!table.trust.is_leaving(&peer()));
        assert_eq!(table.hear(at(1000), &leaving(3, 1000)), Ok(Acceptance::Next));
        assert!(table.trust.is_leaving(&peer()) && !table.trust.is_leaving(&name("other@host")));
        // What was overtaken is no later one.
        assert_eq!(table.hear(at(1100), &claim(7, 2, 900)), Ok(Acceptance::Late));
        assert!(table.trust.is_leaving(&peer()));
        assert_eq!(table.hear(at(2000), &claim(7, 4, 2000)), Ok(Acceptance::Next));
        assert!(!table.trust.is_leaving(&peer()));
        table.hear(at(3000), &leaving(5, 3000)).expect("the next");
        // It starts again, and the last words of its former life come late.
        assert_eq!(table.hear(at(4000), &claim(8, 1, 4000)), Ok(Acceptance::Fresh));
        assert_eq!(table.hear(at(4100), &leaving(5, 3000)), Ok(Acceptance::Copy));
        assert!(!table.trust.is_leaving(&peer()));
    }
    let mut table = Table::new(Authentication::Compatible);
    let leaving = Claim { is_leaving: true, ..claim(7, 1, 0) };
    table.hear(at(0), &leaving).expect("fresh");
    assert!(table.trust.is_leaving(&peer()));
    assert_eq!(table.hear_unsigned(at(121_000), &peer()), Ok(()));
    assert!(!table.trust.is_leaving(&peer()));
}
