/// A small generator, the same for a seed everywhere (xorshift64*, Marsaglia 2003, Vigna 2016).
#[derive(Debug)]
pub(crate) struct Prng(u64);

impl Prng {
    pub(crate) fn new(seed: u64) -> Self {
        // The state must not be zero, and small seeds should not start alike.
        let mut prng = Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            prng.next();
        }
        prng
    }

    /// Another generator, which this one decides.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.next())
    }

    /// A number from 0 up to `bound`, without it.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize");
        usize::try_from(self.next() % bound).expect("less than a usize")
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
