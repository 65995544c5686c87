//! A small deterministic source of numbers: the same seed gives the same workload on every machine.

/// SplitMix64: one addition and three mixing steps per number; ample for a workload, unfit for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A source that depends on `seed` and, independently, on `stream`, so that item n can be made without items 0..n.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed ^ mix(stream.wrapping_add(GOLDEN))))
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number in `0..bound`; `bound` is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of `items`, each as likely.
    pub fn one_of<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len() as u64) as usize]
    }

    /// A rank in `0..count`, small ranks more often: about Zipf's law with this exponent (not 1.0), by inversion of
    /// the continuous distribution, so that any `count` costs the same.
    pub fn rank(&mut self, count: u64, exponent: f64) -> u64 {
        let power = 1.0 - exponent;
        let span = ((count + 1) as f64).powf(power) - 1.0;
        let rank = (self.unit() * span + 1.0).powf(1.0 / power) - 1.0;
        (rank as u64).min(count - 1)
    }

    /// 16 bytes.
    pub fn bytes(&mut self) -> [u8; 16] {
        ((u128::from(self.bits()) << 64) | u128::from(self.bits())).to_be_bytes()
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
