//! What a rule allocates, counted: that nothing of it leaks, and that it stays small.
//!
//! The leak sanitizer does the first too, at a fifth of the speed.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// More than any rule needs, three hundred peers in an engine and in its model: a stranger's packet must
/// not cost us memory.
const MOST: usize = 384 * 1024;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Tries the rule on this input.
///
/// # Panics
/// If the rule does not hold, leaks memory, or takes too much of it.
pub fn try_rule(rule: fn(&[u8]), input: &[u8]) {
    // What is made once for all inputs is not made a second time.
    if measure(rule, input) != Ok(()) {
        assert_eq!(measure(rule, input), Ok(()));
    }
}

#[derive(Debug, PartialEq)]
enum Excess {
    Leaked(usize),
    Took(usize),
}

fn measure(rule: fn(&[u8]), input: &[u8]) -> Result<(), Excess> {
    let before = HELD.get();
    PEAK.set(before);
    rule(input);
    match (HELD.get().wrapping_sub(before), PEAK.get().wrapping_sub(before)) {
        (0, ..=MOST) => Ok(()),
        (0, peak) => Err(Excess::Took(peak)),
        (left, _) => Err(Excess::Leaked(left)),
    }
}

fn took(bytes: usize) {
    HELD.set(HELD.get().wrapping_add(bytes));
    PEAK.set(PEAK.get().max(HELD.get()));
}

fn gave(bytes: usize) {
    HELD.set(HELD.get().wrapping_sub(bytes));
}

// SAFETY: the system's allocator does all of it; nothing but numbers is touched here.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        took(size);
        gave(layout.size());
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        gave(layout.size());
        unsafe { System.dealloc(memory, layout) }
    }
}
