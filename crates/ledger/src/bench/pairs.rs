//! Ours and the reference in turn: A B A B, after a warm-up of both.
//!
//! A ratio is taken within each pair, so that what slows the machine for minutes slows both sides of it.

use crate::failure::Failure;
use crate::output::Console;

/// Which of the two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The ledger.
    Ours,
    /// What it is compared with.
    Reference,
}

/// What one side did in one run: one value a figure, in the order of the bout's figures.
pub(crate) type Sample = Vec<u64>;

/// Two sides that do the same work.
pub(crate) trait Bout {
    /// What is compared, for progress: `batches of 64`.
    fn name(&self) -> String;
    /// Runs one side once.
    fn run(&mut self, side: Side) -> Result<Sample, Failure>;
}

/// One run of ours and the run of the reference after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Ours.
    pub(crate) ours: Sample,
    /// The reference.
    pub(crate) reference: Sample,
}

/// Runs a bout: one pair that does not count, then `pairs` that do.
pub(crate) fn run(
    bout: &mut impl Bout,
    pairs: usize,
    console: Console,
) -> Result<Vec<Pair>, Failure> {
    let mut counted = Vec::with_capacity(pairs);
    for number in 0..=pairs {
        let what = if number == 0 {
            "warm-up".to_owned()
        } else {
            format!("pair {number} of {pairs}")
        };
        console.note(&format!("{}: {what}", bout.name()));
        let ours = bout.run(Side::Ours)?;
        let reference = bout.run(Side::Reference)?;
        if number > 0 {
            counted.push(Pair { ours, reference });
        }
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::console::Color;

    struct Diary(Vec<Side>);

    impl Bout for Diary {
        fn name(&self) -> String {
            "diary".to_owned()
        }

        fn run(&mut self, side: Side) -> Result<Sample, Failure> {
            self.0.push(side);
            Ok(vec![u64::try_from(self.0.len()).unwrap()])
        }
    }

    #[test]
    fn both_sides_run_in_turn_and_the_warm_up_does_not_count() {
        let mut diary = Diary(Vec::new());
        let pairs = run(&mut diary, 2, Console::new(true, Color::Never)).unwrap();
        assert_eq!(diary.0, [Side::Ours, Side::Reference].repeat(3));
        let seen: Vec<(u64, u64)> = pairs
            .iter()
            .map(|pair| (pair.ours[0], pair.reference[0]))
            .collect();
        assert_eq!(seen, [(3, 4), (5, 6)]);
    }
}
