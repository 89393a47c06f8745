//! Whole-volume bands: all units of a month have the price of one band (C11, K7).
//!
//! Which band is chosen by the month's own units or by the trailing average of months. Own units that
//! pass a boundary re-price the month: the charge is then the difference of two whole months.
//! Deliberately absent: the months before, which are the position's.

use super::blocks::BLOCKS_MAX;
use crate::num::{Money, Price, Quantity};

/// The most months of a trailing average: a year, which evens out the seasons.
pub const TRAILING_MONTHS_MAX: usize = 12;

/// One band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// The greatest volume that lies in it; none for the last.
    pub up_to: Option<Quantity>,
    /// Price for every unit of the month.
    pub price: Price,
}

/// By which volume the band of a month is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandBy {
    /// By the month's own units, as they come.
    OwnMonth,
    /// By the average of so many months before it; of fewer where there are fewer, by its own units
    /// where there is none.
    TrailingAverage {
        /// How many months, 1 to 12.
        months: usize,
    },
}

/// The bands of a tariff, by rising volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands {
    by: BandBy,
    bands: Vec<Band>,
}

/// A band found by a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundBand {
    /// The band, counted from 1.
    pub band: usize,
    /// Volume above which it begins.
    pub above: Quantity,
    /// The greatest volume that lies in it; none for the last.
    pub up_to: Option<Quantity>,
    /// Price for every unit.
    pub price: Price,
}

impl Bands {
    /// Puts bands together.
    ///
    /// # Errors
    /// What is wrong: no band or too many, an end that is missing, not rising, or set on the last, a
    /// price below zero, a price below that of the band before (passing a boundary of the month's own
    /// units would give money back), or an average of no month or of more than twelve.
    pub fn new(by: BandBy, bands: Vec<Band>) -> Result<Self, String> {
        let Some((last, others)) = bands.split_last() else {
            return Err("a tariff has at least one band".to_owned());
        };
        if bands.len() > BLOCKS_MAX {
            return Err(format!("a tariff has at most {BLOCKS_MAX} bands"));
        }
        if last.up_to.is_some() {
            return Err("the last band has no up_to: it takes every greater volume".to_owned());
        }
        let mut end = Quantity::ZERO;
        for band in others {
            let up_to = band.up_to.filter(|up_to| *up_to > end);
            end = up_to.ok_or("every band but the last has an up_to above the one before")?;
        }
        if bands.iter().any(|band| band.price.is_negative()) {
            return Err("a price is not below zero".to_owned());
        }
        if !bands.is_sorted_by_key(|band| band.price) {
            return Err("the price of a band is not below that of the one before".to_owned());
        }
        if let BandBy::TrailingAverage { months } = by
            && !(1..=TRAILING_MONTHS_MAX).contains(&months)
        {
            return Err(format!(
                "an average is of 1 to {TRAILING_MONTHS_MAX} months"
            ));
        }
        Ok(Self { by, bands })
    }

    /// By which volume the band is chosen.
    #[must_use]
    pub const fn by(&self) -> BandBy {
        self.by
    }

    /// The bands in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Band] {
        &self.bands
    }

    /// The band a volume lies in: a boundary belongs to the lower one.
    #[must_use]
    pub fn of(&self, volume: Quantity) -> FoundBand {
        let mut above = Quantity::ZERO;
        let mut found = FoundBand {
            band: 0,
            above,
            up_to: None,
            price: Price::ZERO,
        };
        for (index, band) in self.bands.iter().enumerate() {
            found = FoundBand {
                band: index + 1,
                above,
                up_to: band.up_to,
                price: band.price,
            };
            match band.up_to {
                Some(up_to) if volume > up_to => above = up_to,
                Some(_) | None => break,
            }
        }
        assert!(found.band > 0, "a tariff has at least one band");
        found
    }

    /// What a month of so many units costs by its own volume.
    #[must_use]
    pub fn month(&self, units: Quantity) -> Money {
        self.of(units).price * units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(up_to: Option<&str>, price: &str) -> Band {
        Band {
            up_to: up_to.map(|volume| Quantity::parse(volume).unwrap()),
            price: Price::parse(price).unwrap(),
        }
    }

    fn kenya() -> Bands {
        let by = BandBy::TrailingAverage { months: 3 };
        let bands = vec![
            band(Some("30"), "12.24"),
            band(Some("100"), "16.58"),
            band(None, "20.58"),
        ];
        Bands::new(by, bands).unwrap()
    }

    #[test]
    fn k7_above_30_begins_band_2() {
        for (volume, number) in [
            ("0", 1),
            ("30", 1),
            ("30.001", 2),
            ("100", 2),
            ("100.000001", 3),
            ("5000", 3),
        ] {
            let found = kenya().of(Quantity::parse(volume).unwrap());
            assert_eq!(found.band, number, "{volume}");
        }
        let second = kenya().of(Quantity::from_units(31));
        assert_eq!(second.above, Quantity::from_units(30));
        assert_eq!(second.up_to, Some(Quantity::from_units(100)));
    }

    #[test]
    fn c11_bands_that_fall_leave_a_hole_or_give_money_back_are_refused() {
        let end = band(None, "1");
        for (bands, reason) in [
            (vec![], "at least one"),
            (vec![band(Some("1"), "1")], "the last band"),
            (vec![end, end], "every band but the last"),
            (vec![band(Some("0"), "1"), end], "every band but the last"),
            (
                vec![band(Some("5"), "1"), band(Some("5"), "1"), end],
                "every band but the last",
            ),
            (vec![band(Some("5"), "-1"), end], "not below zero"),
            (vec![band(Some("5"), "2"), end], "the one before"),
            (vec![band(Some("5"), "1"); 40], "at most"),
        ] {
            let refusal = Bands::new(BandBy::OwnMonth, bands).unwrap_err();
            assert!(refusal.contains(reason), "{refusal}");
        }
        for months in [0, 13] {
            let by = BandBy::TrailingAverage { months };
            assert!(Bands::new(by, vec![end]).is_err(), "{months}");
        }
    }
}
