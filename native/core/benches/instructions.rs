//! How many instructions a packet takes: unlike times, they are the same in each run.
//!
//! ```text
//! cargo bench -p native_gossip_core --bench instructions [-- --write]
//! ```
//!
//! This program runs itself under callgrind, and compares the counts with `instructions.txt`. It fails where
//! one grew by more than 2 %. `--write` replaces the file. A count depends on the compiler, the libc, and what
//! callgrind can emulate of the processor; so the file names them, and with others nothing fails.

#![allow(missing_docs, unreachable_pub, clippy::panic)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

mod cases;

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use cases::Subject;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
const RENEW: &str = "cargo bench -p native_gossip_core --bench instructions -- --write";
const TOLERANCE_PERCENT: u64 = 2;

/// Packets of a case that are counted. In the first ones tables and buffers grow.
const COUNTED: usize = 64;
const FIRST: usize = 128;

/// As callgrind calls it.
const COUNTED_FUNCTION: &str = "instructions::counted_packets";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let has = |flag| env::args().any(|argument| argument == flag);
    if has("--count") {
        run_cases();
        return Ok(ExitCode::SUCCESS);
    }
    let Some(valgrind) = version_of("valgrind") else {
        println!("There is no valgrind here: instructions are not counted.");
        return Ok(ExitCode::SUCCESS);
    };
    let (features, counts) = count()?;
    let rustc = version_of("rustc").ok_or("there is no rustc")?;
    let made_by = format!("# {rustc}; {valgrind}; {} {features}", env::consts::ARCH);
    if has("--write") {
        let lines = counts.iter().map(|(name, count)| format!("{count:>9}  {name}\n"));
        let text = format!("# Instructions for one packet. {RENEW}\n{made_by}\n");
        fs::write(BASELINE, text + &lines.collect::<String>())?;
    }
    compare(&counts, &made_by)
}

/// Runs all cases, of which callgrind counts what `counted_packets` does.
fn run_cases() {
    // To fill larger tables takes minutes here, and what grows with a table shows at 1,000 names.
    for case in cases::all().iter().filter(|case| !case.name.ends_with("100000")) {
        let mut subject = (case.prepare)();
        for _ in 0..FIRST {
            let packet = (subject.make)();
            (subject.take)(&packet);
        }
        let packets: Vec<_> = (0..COUNTED).map(|_| (subject.make)()).collect();
        counted_packets(&mut subject, &packets);
        println!("{}: {}", case.group, case.name);
    }
    println!("{}", features());
}

#[inline(never)]
fn counted_packets(subject: &mut Subject, packets: &[Vec<u8>]) {
    packets.iter().for_each(|packet| (subject.take)(packet));
}

/// What ciphers and hashes ask the processor for, and the libc when it copies.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("aes", is_x86_feature_detected!("aes")),
        ("sha", is_x86_feature_detected!("sha")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    let names: Vec<_> = found.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    names.join(" ")
}

/// Of each case its name, and the instructions for one packet.
type Counts = Vec<(String, u64)>;

/// The features that callgrind shows, and of each case its instructions for one packet.
fn count() -> Result<(String, Counts), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", folder.join("counts").display()))
        .args([
            format!("--toggle-collect={COUNTED_FUNCTION}"),
            format!("--dump-after={COUNTED_FUNCTION}"),
        ])
        .arg(env::current_exe()?)
        .arg("--count")
        .stderr(Stdio::inherit())
        .output()?;
    if !run.status.success() {
        return Err(format!("callgrind ended with {}", run.status).into());
    }
    let printed = String::from_utf8(run.stdout)?;
    let mut lines: Vec<_> = printed.lines().collect();
    let features = lines.pop().unwrap_or_default().to_string();
    let count = |(place, name): (usize, &&str)| {
        let counts = fs::read_to_string(folder.join(format!("counts.{}", place + 1)))?;
        let total = counts.lines().find_map(|line| line.strip_prefix("totals: "));
        let total: u64 = total.ok_or("callgrind wrote no total")?.parse()?;
        Ok((name.to_string(), total / COUNTED as u64))
    };
    let counts: Result<Vec<_>, Box<dyn Error>> = lines.iter().enumerate().map(count).collect();
    Ok((features, counts?))
}

/// Prints the counts beside those of the file, and fails where one grew.
fn compare(counts: &[(String, u64)], made_by: &str) -> Result<ExitCode, Box<dyn Error>> {
    let text = fs::read_to_string(BASELINE)?;
    let is_comparable = text.lines().nth(1) == Some(made_by);
    let lines = text.lines().filter_map(|line| line.trim_start().split_once("  "));
    let baseline: BTreeMap<_, u64> =
        lines.filter_map(|(count, name)| Some((name, count.parse().ok()?))).collect();
    let mut worse = Vec::new();
    println!("| case | now | baseline | ratio |\n|---|---|---|---|");
    for (name, now) in counts {
        let before = baseline.get(name.as_str()).copied().unwrap_or_default();
        println!("| {name} | {now} | {before} | {:.3} |", *now as f64 / before.max(1) as f64);
        if now * 100 > before * (100 + TOLERANCE_PERCENT) {
            worse.push(name.as_str());
        }
    }
    if !is_comparable {
        let theirs = text.lines().nth(1).unwrap_or_default();
        println!("Not compared: this is\n{made_by}\nand the baseline was counted with\n{theirs}");
    } else if !worse.is_empty() {
        println!(
            "More instructions than before: {}.\nWhere that is meant: {RENEW}",
            worse.join(", ")
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The first line of what a program says of itself, if it is there.
fn version_of(program: &str) -> Option<String> {
    let said = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8(said.stdout).ok()?.lines().next()?.to_string())
}
