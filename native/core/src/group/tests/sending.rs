use super::*;

fn fault() -> Fault {
    Fault::SendBy { target: target(), interface: eth0(), error: error() }
}

/// Sends at these seconds, and says at which of them a burst was asked for.
fn burst_at(host: &mut Host, seconds: &[(u64, bool)]) -> Vec<u64> {
    let mut bursts = Vec::new();
    for (s, works) in seconds {
        host.network.refuse(if *works { &[] } else { &["send by eth0"] });
        host.send(secs(*s));
        if host.bursts() {
            bursts.push(*s);
        }
    }
    bursts
}

#[test]
fn a_heartbeat_goes_by_every_interface_that_is_joined() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    host.send(secs(1));
    assert_eq!(host.network.take_calls(), ["send by eth0", "send by eth1"]);
    assert_eq!(host.told(), []);
}

#[test]
fn what_cannot_be_sent_by_an_interface_is_a_fault_until_something_is_sent() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    host.network.refuse(&["send by eth0"]);
    host.send(secs(1));
    assert_eq!(host.network.take_calls(), ["send by eth0", "send by eth1"]);
    assert_eq!(host.told(), [Event::FaultRaised(fault())]);
    host.network.refuse(&[]);
    host.send(secs(2));
    assert_eq!(host.told(), [Event::FaultCleared(fault())]);
}

#[test]
fn a_scan_follows_a_quarter_of_a_second_after_something_could_not_be_sent() {
    let mut host = Host::joined(&[eth0()]);
    host.network.refuse(&["send by eth0"]);
    host.send(secs(1));
    assert_eq!(host.group.deadline(), secs(1) + RESCAN_DELAY);
    host.send(secs(1) + RESCAN_DELAY / 2);
    assert_eq!(host.group.deadline(), secs(1) + RESCAN_DELAY, "and none is put off");
}

#[test]
fn a_scan_that_is_due_is_not_put_off_by_what_cannot_be_sent() {
    let mut host = Host::joined(&[eth0()]);
    host.network.refuse(&["send by eth0"]);
    host.send(secs(3));
    assert_eq!(host.group.deadline(), secs(2));
}

#[test]
fn what_works_again_after_a_long_outage_is_worth_a_burst() {
    let mut host = Host::joined(&[eth0()]);
    assert_eq!(burst_at(&mut host, &[(1, true), (2, false), (4, true), (5, true)]), []);
    assert_eq!(burst_at(&mut host, &[(10, false), (12, false), (15, true), (17, true)]), [15]);
}

#[test]
fn while_nothing_can_be_sent_some_of_the_scans_are_worth_a_burst() {
    let mut host = Host::joined(&[eth0()]);
    host.network.refuse(&["send by eth0"]);
    host.send(secs(1));
    let scans = (1..=8).filter(|scan| {
        host.reconcile(secs(2 * scan));
        host.bursts()
    });
    assert_eq!(scans.collect::<Vec<_>>(), [1, 2, 4, 8]);
}
