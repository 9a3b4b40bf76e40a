//! How long a packet takes.
//!
//! ```text
//! cargo bench -p native_gossip_core --bench time [-- GROUP]
//! ```

#![allow(missing_docs, unreachable_pub, clippy::panic)]

mod cases;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn measure(criterion: &mut Criterion) {
    for case in cases::all() {
        let mut group = criterion.benchmark_group(case.group);
        // Criterion calls this more than once, and a table of 100,000 peers takes long to fill.
        let mut subject = None;
        group.bench_function(&case.name, |bencher| {
            let subject = subject.get_or_insert_with(&case.prepare);
            let (make, take) = (&mut subject.make, &mut subject.take);
            bencher.iter_batched_ref(make, |packet| take(packet), BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, measure);
criterion_main!(benches);
