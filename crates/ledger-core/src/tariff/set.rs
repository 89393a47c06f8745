//! All tariffs of a scheme: which one holds for a utility, a class and an instant.
//!
//! Owns the choice. Deliberately absent: how a charge is cut where it changes, which is C10's.

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
            return Err(TariffSetError {
                index: TARIFFS_MAX,
                message,
            });
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

    /// The tariffs of a utility and class, the newest first.
    pub fn of<'a>(
        &'a self,
        utility: Utility,
        class: &'a str,
    ) -> impl Iterator<Item = &'a Tariff> + 'a {
        self.tariffs
            .iter()
            .filter(move |tariff| tariff.utility == utility && tariff.class == class)
    }

    /// These tariffs until an instant, and from then on those of a later version of the scheme. A tariff
    /// that is the same in both goes on without a change; a class that the later one no longer has keeps
    /// its last one, for the accounts that are left in it.
    #[must_use]
    pub(crate) fn succeeded_by(&self, later: &Self, from: Timestamp) -> Self {
        let mut tariffs: Vec<Tariff> = Vec::new();
        for tariff in &later.tariffs {
            let in_force = later.at(tariff.utility, &tariff.class, from);
            let from_the_start = in_force.is_some_and(|t| t.name == tariff.name);
            if tariff.effective_from > from {
                tariffs.push(tariff.clone());
            } else if from_the_start && self.at(tariff.utility, &tariff.class, from) != Some(tariff)
            {
                tariffs.push(Tariff {
                    effective_from: from,
                    ..tariff.clone()
                });
            }
        }
        let replaced = |old: &&Tariff| {
            old.effective_from < from || !later.tariffs.iter().any(|t| t.class == old.class)
        };
        tariffs.extend(self.tariffs.iter().filter(replaced).cloned());
        tariffs.sort_by(|a, b| {
            let group = (a.utility, &a.class).cmp(&(b.utility, &b.class));
            group.then(b.effective_from.cmp(&a.effective_from))
        });
        Self { tariffs }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(name: &str, from: &str) -> Tariff {
        let text = format!(
            "name = \"{name}\"\nutility = \"water\"\nclass = \"residential\"\neffective_from = \"{from}\"\n\
             verified = false\nsource = \"test\"\nflat = {{ price = \"0.5\" }}"
        );
        let file: crate::tariff::TariffFile = toml::from_str(&text).unwrap();
        Tariff::try_from(file).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn c11_a_tariff_holds_from_its_first_instant_until_the_next_one() {
        let (first, second) = ("2012-01-01T00:00:00Z", "2013-01-01T00:00:00Z");
        let set = TariffSet::new(vec![tariff("old", first), tariff("new", second)]).unwrap();
        let name = |instant| {
            set.at(Utility::Water, "residential", instant)
                .map(Tariff::name)
        };
        assert_eq!(name(at(first).just_before()), None);
        assert_eq!(name(at(first)), Some("old"));
        assert_eq!(name(at(second).just_before()), Some("old"));
        assert_eq!(name(at(second)), Some("new"));
        assert_eq!(
            set.at(Utility::Electricity, "residential", at(second)),
            None
        );
        assert_eq!(set.at(Utility::Water, "commercial", at(second)), None);
    }

    #[test]
    fn c11_two_tariffs_for_one_instant_are_refused() {
        let instant = "2012-01-01T00:00:00Z";
        let clash = TariffSet::new(vec![tariff("a", instant), tariff("b", instant)]).unwrap_err();
        assert_eq!(clash.index, 1);
        let twice = TariffSet::new(vec![
            tariff("a", instant),
            tariff("a", "2013-01-01T00:00:00Z"),
        ]);
        assert!(twice.unwrap_err().to_string().contains("two tariffs"));
    }
}
