//! How often it is news what became of a peer.

use super::*;

#[test]
fn a_peer_that_is_connected_and_cut_off_all_day_is_news_in_pauses_and_at_once_when_it_is_unreachable()
 {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    let mut news = 0;
    for s in (0..86_400).step_by(60) {
        news += usize::from(report(&mut peers, secs(s), 1, Report::Connected).is_some());
        assert_eq!(report(&mut peers, secs(s + 59), 1, Report::Down), None);
    }
    assert!((5..=20).contains(&news), "{news}");
    let now = secs(86_400);
    let unreachable = Some(PeerChange::Unreachable);
    assert_eq!(report(&mut peers, now, 1, Report::Unreachable), unreachable);
    // The last line is not to stay wrong.
    assert_eq!(report(&mut peers, now, 1, Report::Connected), Some(PeerChange::Connected));
}

#[test]
fn a_peer_whose_attempts_fail_and_succeed_in_turns_is_news_in_pauses() {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    let mut news = 0;
    for s in (0..86_400).step_by(60) {
        for by in [Report::Unreachable, Report::Connected, Report::Down] {
            news += usize::from(report(&mut peers, secs(s), 1, by).is_some());
        }
    }
    assert!((10..=50).contains(&news), "{news}");
}

#[test]
fn a_peer_that_is_lost_for_good_after_a_day_of_turns_is_told_within_half_an_hour() {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    for s in (0..86_400).step_by(60) {
        for by in [Report::Unreachable, Report::Connected, Report::Down] {
            report(&mut peers, secs(s), 1, by);
        }
    }
    let mut attempts = (86_400..86_400 + 1_860).step_by(30);
    assert!(attempts.any(|s| report(&mut peers, secs(s), 1, Report::Unreachable).is_some()));
}
