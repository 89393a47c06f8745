//! Time: instants in UTC, local dates and months, and the zone that joins them (C6, C7).
//!
//! An instant always comes in with a command; nothing here reads a clock. Instants are stored in UTC
//! and local rules are decided by the scheme's IANA zone, whose table is part of the program.

mod calendar;
mod month;
mod timestamp;
mod zone;

pub use calendar::{LocalDate, LocalDateTime};
pub use month::Month;
pub use timestamp::{Millis, TimeError, Timestamp};
pub use zone::{Zone, ZoneError};
