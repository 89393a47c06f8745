//! All tariffs of a scheme: which one holds for a utility, a class and an instant.
//!
//! Owns the choice and the instants at which it changes. Deliberately absent: how a charge is cut at
//! those instants, which is C10's.

use super::Tariff;
use crate::time::Timestamp;
use crate::utility::Utility;

/// The most tariffs of a scheme: twenty years of yearly changes for fifty classes.
const TARIFFS_MAX: usize = 1_000;

/// Two tariffs contradict each other, or there are too many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TariffSetError {
    /// The tariff at fault, counted from 0 in the order given.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

/// The tariffs of a scheme, the newest first for each utility and class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffSet {
    tariffs: Vec<Tariff>,
}

impl TariffSet {
    /// Puts tariffs together.
    ///
    /// # Errors
    /// When two have one name, or hold for the same utility and class from the same instant, or when
    /// there are more than a thousand.
    pub fn new(mut tariffs: Vec<Tariff>) -> Result<Self, TariffSetError> {
        if tariffs.len() > TARIFFS_MAX {
            let message = format!("a scheme has at most {TARIFFS_MAX} tariffs");
            return Err(TariffSetError { index: TARIFFS_MAX, message });
        }
        for (index, tariff) in tariffs.iter().enumerate() {
            for earlier in tariffs.iter().take(index) {
                if earlier.name == tariff.name {
                    let message = format!("there are two tariffs {:?}", tariff.name);
                    return Err(TariffSetError { index, message });
                }
                if key(earlier) == key(tariff) {
                    let message = format!(
                        "tariffs {:?} and {:?} hold for the same utility and class from the same instant",
                        earlier.name, tariff.name
                    );
                    return Err(TariffSetError { index, message });
                }
            }
        }
        tariffs.sort_by(|a, b| {
            let group = (a.utility, &a.class).cmp(&(b.utility, &b.class));
            group.then(b.effective_from.cmp(&a.effective_from))
        });
        Ok(Self { tariffs })
    }

    /// The tariff that holds for a utility and class at an instant.
    #[must_use]
    #[inline]
    pub fn at(&self, utility: Utility, class: &str, at: Timestamp) -> Option<&Tariff> {
        self.tariffs.iter().find(|tariff| {
            tariff.utility == utility && tariff.class == class && tariff.effective_from <= at
        })
    }

    /// The instants after `from` and before `to` at which another tariff begins, in order of time.
    pub fn changes<'a>(
        &'a self,
        utility: Utility,
        class: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let newest_first = self.tariffs.iter().rev();
        newest_first
            .filter(move |tariff| tariff.utility == utility && tariff.class == class)
            .map(|tariff| tariff.effective_from)
            .filter(move |change| from < *change && *change < to)
    }

    /// The tariffs of a utility and class, the newest first.
    pub fn of<'a>(&'a self, utility: Utility, class: &'a str) -> impl Iterator<Item = &'a Tariff> + 'a {
        self.tariffs.iter().filter(move |tariff| tariff.utility == utility && tariff.class == class)
    }

    /// All tariffs.
    pub fn iter(&self) -> std::slice::Iter<'_, Tariff> {
        self.tariffs.iter()
    }
}

impl<'a> IntoIterator for &'a TariffSet {
    type Item = &'a Tariff;
    type IntoIter = std::slice::Iter<'a, Tariff>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn key(tariff: &Tariff) -> (Utility, &str, Timestamp) {
    (tariff.utility, &tariff.class, tariff.effective_from)
}
