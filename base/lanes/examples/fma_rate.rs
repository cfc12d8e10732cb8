//! The most single-precision multiply-adds that a core does: chains of 16 on values in the nearest cache, many chains at once.
#![allow(clippy::unwrap_used, reason = "a measurement")]

use std::hint::black_box;

const VALUES: usize = 4096;
const TURNS: usize = 20_000;
/// Multiply-adds to a chain.
const CHAIN: usize = 16;

pogson_lanes::lanes! {
    fn turn(values: &mut [f32; VALUES], factor: f32, term: f32) {
        for value in values {
            let mut sum = *value;
            for _ in 0..CHAIN {
                sum = sum.mul_add(factor, term);
            }
            *value = sum;
        }
    }
}

/// CPU seconds of this thread, by the kernel's scheduler.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

fn main() {
    let mut values = [1.0f32; VALUES];
    let mut best = 0.0f64;
    for _ in 0..7 {
        let begun = cpu_seconds();
        for _ in 0..TURNS {
            turn(black_box(&mut values), black_box(0.999), black_box(1e-3));
        }
        best = best.max((TURNS * VALUES * CHAIN) as f64 / (cpu_seconds() - begun));
    }
    println!("{:.2} G multiply-adds/s, {:?}", best * 1e-9, pogson_lanes::level());
}
