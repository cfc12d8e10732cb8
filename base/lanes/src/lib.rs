//! Vector width without different answers.
//!
//! A kernel is written once, as plain Rust over fixed lanes with `mul_add`, and compiled for several instruction
//! sets. Rust never reorders floating-point arithmetic, so each compilation gives the same bytes; only the speed
//! differs. `POGSON_SIMD=off|avx2|avx512` lowers the level, for tests and for doubts.

use std::sync::OnceLock;

/// The widest instruction set that kernels use in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Whatever the compiler's base target has.
    Base,
    /// AVX2 with fused multiply-add (x86-64-v3).
    Avx2,
    /// AVX-512 F, BW, DQ, VL (x86-64-v4).
    Avx512,
}

/// The level in force: the best that the processor has, lowered by the environment variable `POGSON_SIMD`
/// (`off`, `avx2` or `avx512`). Read once per process.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let asked = match std::env::var("POGSON_SIMD").as_deref() {
            Ok("off") => Level::Base,
            Ok("avx2") => Level::Avx2,
            _ => Level::Avx512,
        };
        asked.min(best())
    })
}

#[cfg(target_arch = "x86_64")]
fn best() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Base,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> Level {
    Level::Base
}

/// Compiles one function body for each [`Level`] and calls the one in force.
///
/// The body must be plain arithmetic: what it calls has to be `#[inline(always)]` to be compiled along. Lifetimes
/// in the signature must be elidable.
///
/// ```
/// pogson_lanes::lanes! {
///     /// Adds `scale * b` to `a`, element by element.
///     pub fn accumulate(a: &mut [f32], b: &[f32], scale: f32) {
///         for (a, b) in a.iter_mut().zip(b) {
///             *a = b.mul_add(scale, *a);
///         }
///     }
/// }
/// let mut a = [1.0, 2.0];
/// accumulate(&mut a, &[1.0, 1.0], 0.5);
/// assert_eq!(a, [1.5, 2.5]);
/// ```
#[macro_export]
macro_rules! lanes {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(unsafe_code, clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                match $crate::level() {
                    // SAFETY: `level` is Avx512 only where the processor reports each of these features.
                    $crate::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: `level` is Avx2 only where the processor reports AVX2 and FMA.
                    $crate::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::Level::Base => {}
                }
            }
            body($($arg),*)
        }
    };
}
