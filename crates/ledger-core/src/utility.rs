//! `Utility`: what a meter measures.
//!
//! Owns the two utilities and their codes. Deliberately absent: anything a scheme decides about them,
//! which is in its policy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a meter measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Utility {
    /// Electricity, in kWh.
    Electricity,
    /// Water, in m³.
    Water,
}

impl Utility {
    /// Both, in their fixed order.
    pub const ALL: [Self; 2] = [Self::Electricity, Self::Water];

    /// The name, as in policies and calls: `electricity` or `water`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Electricity => "electricity",
            Self::Water => "water",
        }
    }

    /// The short code of stored events: `e` or `w`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Electricity => "e",
            Self::Water => "w",
        }
    }

    /// The utility of a name or a short code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|utility| text == utility.as_str() || text == utility.code())
    }

    /// The other of the two.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Electricity => Self::Water,
            Self::Water => Self::Electricity,
        }
    }
}

impl fmt::Display for Utility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// For `#[serde(with = "utility::short")]`: stored events name the utility by its one-letter code.
pub mod short {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Utility;

    /// Writes the one-letter code.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(utility: &Utility, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(utility.code())
    }

    /// Reads the one-letter code.
    ///
    /// # Errors
    /// When the text is neither `e` nor `w`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Utility, D::Error> {
        #[derive(Deserialize)]
        enum Code {
            #[serde(rename = "e")]
            Electricity,
            #[serde(rename = "w")]
            Water,
        }
        Code::deserialize(deserializer)
            .map_err(de::Error::custom)
            .map(|code| match code {
                Code::Electricity => Utility::Electricity,
                Code::Water => Utility::Water,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_utility_is_read_by_name_and_by_code() {
        for utility in Utility::ALL {
            assert_eq!(Utility::parse(utility.as_str()), Some(utility));
            assert_eq!(Utility::parse(utility.code()), Some(utility));
            assert_eq!(utility.other().other(), utility);
            let json = serde_json::to_string(&utility).unwrap();
            assert_eq!(json, format!("\"{utility}\""));
        }
        assert_eq!(Utility::parse("gas"), None);
    }

    #[test]
    fn stored_events_use_the_short_code() {
        #[derive(Serialize, Deserialize)]
        struct Stored {
            #[serde(with = "short")]
            u: Utility,
        }
        let stored: Stored = serde_json::from_str(r#"{"u":"w"}"#).unwrap();
        assert_eq!(stored.u, Utility::Water);
        assert_eq!(serde_json::to_string(&stored).unwrap(), r#"{"u":"w"}"#);
        assert!(serde_json::from_str::<Stored>(r#"{"u":"water"}"#).is_err());
    }
}
