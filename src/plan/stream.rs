//! Seeded streams of random numbers, one for each named purpose: a draw here must not change the draws there.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The stream of a purpose, such as `victims/fault-0`, under a run's seed.
pub fn stream(seed: u64, purpose: &str) -> ChaCha8Rng {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(purpose.as_bytes()).finalize();
    ChaCha8Rng::from_seed(digest.into())
}
