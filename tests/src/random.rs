//! Randomness that can be drawn again.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// What a test draws from. The test's output says the seed: with `IDEM_SEED=NUMBER`, the same is drawn again.
#[must_use]
pub fn drawn() -> StdRng {
    let seed = std::env::var("IDEM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    say(seed);
    StdRng::seed_from_u64(seed)
}

#[allow(clippy::print_stdout, reason = "shown when the test fails, so that it can be run again")]
fn say(seed: u64) {
    println!("IDEM_SEED={seed}");
}
