//! Telescopic blocks: each stretch of a period's units has its own price (C11).
//!
//! Owns the cutting of a quantity at block boundaries, exactly by volume. Units are counted per local
//! day, calendar month or quarter; widths may be multiplied by the account's dwelling units or
//! contracted kVA. Deliberately absent: the choice of the multiplier, which is the tariff's, and the
//! units used before, which are the position's.

use serde::Deserialize;

use super::ScaledBy;
use crate::num::{Money, Price, Quantity};

/// The most blocks a tariff may have: no published one has more than ten, and the cost of a charge
/// grows with them.
pub(super) const BLOCKS_MAX: usize = 32;

/// A block wider than every month's consumption.
const ENDLESS: Quantity = Quantity::from_micro(i64::MAX);

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Width in units before scaling; none for the last, which has no end.
    pub width: Option<Quantity>,
    /// Price for a unit.
    pub price: Price,
}

/// The period whose units the blocks divide: it begins at a local midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockPeriod {
    /// A local day.
    Day,
    /// A calendar month.
    Month,
    /// A calendar quarter, from January, April, July and October on.
    Quarter,
}

/// The part of a quantity that fell into one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPiece {
    /// The block, counted from 1.
    pub block: usize,
    /// Units of the period above which the block begins.
    pub above: Quantity,
    /// Units of the period at which it ends; none for the last.
    pub up_to: Option<Quantity>,
    /// The quantity that fell into it.
    pub quantity: Quantity,
    /// Its price for a unit.
    pub price: Price,
    /// Price times quantity.
    pub amount: Money,
}

/// The blocks of a tariff, from the first unit of a period on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    per: BlockPeriod,
    scaled_by: ScaledBy,
    blocks: Vec<Block>,
}

impl Blocks {
    /// Puts blocks together.
    ///
    /// # Errors
    /// What is wrong: no block or too many, an end that is missing or set on the last, a width that
    /// is not above zero, a price below zero.
    pub fn new(per: BlockPeriod, scaled_by: ScaledBy, blocks: Vec<Block>) -> Result<Self, String> {
        let Some((last, others)) = blocks.split_last() else {
            return Err("a tariff has at least one block".to_owned());
        };
        if blocks.len() > BLOCKS_MAX {
            return Err(format!("a tariff has at most {BLOCKS_MAX} blocks"));
        }
        if last.width.is_some() {
            return Err("the last block has no width: it takes all that is left".to_owned());
        }
        if others
            .iter()
            .any(|block| block.width.is_none_or(|width| !width.is_positive()))
        {
            return Err("every block but the last has a width above zero".to_owned());
        }
        if blocks.iter().any(|block| block.price.is_negative()) {
            return Err("a price is not below zero".to_owned());
        }
        Ok(Self {
            per,
            scaled_by,
            blocks,
        })
    }

    /// The period whose units are counted.
    #[must_use]
    pub const fn per(&self) -> BlockPeriod {
        self.per
    }

    /// What the widths are multiplied by.
    #[must_use]
    pub const fn scaled_by(&self) -> ScaledBy {
        self.scaled_by
    }

    /// The blocks in order, before scaling.
    #[must_use]
    pub fn as_slice(&self) -> &[Block] {
        &self.blocks
    }

    /// Cuts `quantity`, which follows `before` units of the period, at the boundaries of blocks that
    /// are `times` as wide as written.
    pub(super) fn pieces(&self, times: u32, before: Quantity, quantity: Quantity) -> Pieces<'_> {
        Pieces {
            blocks: self.blocks.iter().enumerate(),
            times: i64::from(times),
            above: Quantity::ZERO,
            position: before,
            left: quantity,
        }
    }
}

/// The parts of a quantity, block by block; parts of zero are left out.
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    blocks: std::iter::Enumerate<std::slice::Iter<'a, Block>>,
    times: i64,
    above: Quantity,
    position: Quantity,
    left: Quantity,
}

impl Iterator for Pieces<'_> {
    type Item = BlockPiece;

    #[inline]
    fn next(&mut self) -> Option<BlockPiece> {
        while self.left.is_positive() {
            let (index, block) = self.blocks.next()?;
            let above = self.above;
            let up_to = block.width.map(|width| end_of(above, width, self.times));
            let end = up_to.unwrap_or(ENDLESS);
            self.above = end;
            if end <= self.position {
                continue;
            }
            let quantity = self.left.min(end - self.position);
            self.left -= quantity;
            self.position += quantity;
            let amount = block.price * quantity;
            return Some(BlockPiece {
                block: index + 1,
                above,
                up_to,
                quantity,
                price: block.price,
                amount,
            });
        }
        None
    }
}

/// Where a block ends. One that would end beyond the integer is wider than every consumption.
#[inline]
fn end_of(above: Quantity, width: Quantity, times: i64) -> Quantity {
    let width = width.checked_scale(times).unwrap_or(ENDLESS);
    Quantity::from_micro(above.micro().saturating_add(width.micro()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(width: Option<&str>, price: &str) -> Block {
        let width = width.map(|width| Quantity::parse(width).unwrap());
        Block {
            width,
            price: Price::parse(price).unwrap(),
        }
    }

    #[test]
    fn c11_blocks_that_leave_a_hole_or_go_below_zero_are_refused() {
        let end = block(None, "0.12");
        for (blocks, reason) in [
            (vec![], "at least one"),
            (vec![block(Some("600"), "0.01")], "the last block"),
            (vec![end, end], "every block but the last"),
            (
                vec![block(Some("0"), "0.01"), end],
                "every block but the last",
            ),
            (
                vec![block(Some("-1"), "0.01"), end],
                "every block but the last",
            ),
            (vec![block(Some("600"), "-0.01"), end], "price"),
            (vec![block(Some("1"), "0.01"); 40], "at most"),
        ] {
            let refusal = Blocks::new(BlockPeriod::Month, ScaledBy::One, blocks).unwrap_err();
            assert!(refusal.contains(reason), "{refusal}");
        }
    }

    #[test]
    fn c11_a_block_that_would_end_beyond_the_integer_takes_everything() {
        let width = Some(Quantity::MAX);
        let first = Block {
            width,
            price: Price::from_scaled(1),
        };
        let blocks = Blocks::new(
            BlockPeriod::Month,
            ScaledBy::ContractedKva,
            vec![first, block(None, "1")],
        )
        .unwrap();
        let pieces: Vec<_> = blocks
            .pieces(u32::MAX, Quantity::MAX, Quantity::MAX)
            .collect();
        assert_eq!(
            pieces
                .iter()
                .map(|piece| (piece.block, piece.quantity))
                .collect::<Vec<_>>(),
            [(1, Quantity::MAX)]
        );
    }

    #[test]
    fn c11_a_quantity_that_ends_on_a_boundary_stays_in_its_block() {
        let blocks = Blocks::new(
            BlockPeriod::Month,
            ScaledBy::One,
            vec![block(Some("600"), "0.01"), block(None, "0.08")],
        )
        .unwrap();
        let cut = |before: i32, quantity: i32| {
            let pieces = blocks.pieces(
                1,
                Quantity::from_units(before),
                Quantity::from_units(quantity),
            );
            pieces
                .map(|piece| (piece.block, piece.quantity.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(cut(0, 600), [(1, "600".to_owned())]);
        assert_eq!(cut(600, 1), [(2, "1".to_owned())]);
        assert_eq!(cut(599, 2), [(1, "1".to_owned()), (2, "1".to_owned())]);
        assert_eq!(cut(700, 0), []);
    }
}
