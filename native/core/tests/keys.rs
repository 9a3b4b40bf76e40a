//! The keys of a secret are gone with the engine that had them.

#![cfg(target_os = "linux")]
#![allow(clippy::indexing_slicing, clippy::disallowed_methods, clippy::disallowed_types)]

mod receiver;

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
};

use hmac::{Hmac, KeyInit, Mac};
use native_gossip_core::{Config, NodeName, Received, Time};
use receiver::{Receiver, after, secrets};
use sha2::{Digest, Sha256};

/// All that is mapped and can be read.
fn memory() -> Vec<u8> {
    let maps = fs::read_to_string("/proc/self/maps").expect("maps");
    let mut file = File::open("/proc/self/mem").expect("our own memory");
    let mut memory = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().and_then(|r| r.split_once('-')).expect("a range");
        let hex = |text| u64::from_str_radix(text, 16).expect("hex digits");
        file.seek(SeekFrom::Start(hex(from))).expect("a place");
        // What cannot be read holds nothing of ours.
        let _ = (&mut file).take(hex(to) - hex(from)).read_to_end(&mut memory);
    }
    memory
}

/// What the keys of a secret are, every byte changed, so that this test does not hold what it looks for.
#[inline(never)]
fn masked_keys(secret: &[u8]) -> [Vec<u8>; 2] {
    let mac = |key: &[u8]| <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key");
    let extracted = mac(b"native_gossip").chain_update(secret).finalize().into_bytes();
    let expanded = mac(&extracted).chain_update(b"heartbeat mac 1\0\x01").finalize().into_bytes();
    [Sha256::digest(secret).to_vec(), expanded.to_vec()]
        .map(|key| key.into_iter().map(|byte| byte ^ 0x5a).collect())
}

fn find(memory: &[u8], masked: &[u8]) -> usize {
    let is_there =
        |bytes: &&[u8]| bytes.iter().zip(masked).all(|(byte, mask)| byte ^ 0x5a == *mask);
    memory.windows(masked.len()).filter(is_there).count()
}

/// Fills what the calls before have left on the stack.
#[inline(never)]
fn overwrite_stack() {
    let mut stack = [0x77_u8; 256 * 1024];
    std::hint::black_box(&mut stack);
}

#[inline(never)]
fn work(secret: &str) -> Receiver {
    let config = || Config { secrets: secrets(&[secret]), ..Config::default() };
    let (mut one, mut other) = (Receiver::with(config()), Receiver::with(config()));
    one.engine.set_identity(Time::ZERO, NodeName::parse("one@host").ok());
    let packet = one.engine.heartbeat(after(0)).expect("due at once");
    assert!(matches!(other.receive(after(0), &packet), Received::Peer(_)));
    other
}

/// One after the other: what one reads holds what the other has in memory.
#[test]
fn keys_are_gone_when_the_engine_is() {
    no_key_is_left_in_memory_when_the_engine_is_gone();
    no_key_is_left_on_the_stack_of_a_thread_that_used_it();
}

fn no_key_is_left_in_memory_when_the_engine_is_gone() {
    let secret = "a secret that no other test has";
    let keys = masked_keys(secret.as_bytes());
    overwrite_stack();
    let engine = work(secret);
    // The AES key stands in the cipher, and can be found while the engine lives: the look works.
    let alive = memory();
    assert!(find(&alive, &keys[0]) > 0 || !has_aes());
    drop(alive);
    drop(engine);
    let memory = memory();
    assert_eq!(keys.each_ref().map(|key| find(&memory, key)), [0, 0]);
}

/// Whether the processor has instructions for AES. Without them the key is kept in another form.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// The threads that used the keys are not those that end the engine, and their stacks stay as they are.
fn no_key_is_left_on_the_stack_of_a_thread_that_used_it() {
    let secret = "another secret that no other test has";
    let keys = masked_keys(secret.as_bytes());
    overwrite_stack();
    let (used, uses) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let config = || Config { secrets: secrets(&[secret]), ..Config::default() };
    let (mut one, mut other) = (Receiver::with(config()), Receiver::with(config()));
    let thread = std::thread::spawn(move || {
        one.engine.set_identity(Time::ZERO, NodeName::parse("one@host").ok());
        for n in 0..4 {
            let packet = one.engine.heartbeat(after(n * 1000)).expect("due");
            assert!(matches!(other.receive(after(n * 1000), &packet), Received::Peer(_)));
        }
        used.send((one, other)).expect("somebody waits");
        let _ = ended.recv();
    });
    drop(uses.recv().expect("the engines"));
    let memory = memory();
    assert_eq!(keys.each_ref().map(|key| find(&memory, key)), [0, 0]);
    drop(end);
    thread.join().expect("no panic");
}
