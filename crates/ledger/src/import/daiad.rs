//! Water registers in litres, as they were sent.
//!
//! `user key;datetime;meter reading;diff`, times `dd/mm/yyyy HH:MM:SS` on the local clock. Five registers
//! of the trial are written with an exponent (`2e+05`): exact values, taken as such. `diff` is not used;
//! it follows from the registers. Meters are `W` and the first twelve hexadecimal digits of the user
//! key in capitals.

use std::collections::HashMap;

use ledger_core::command::Reading;
use ledger_core::ids::MeterNumber;
use ledger_core::time::{LocalDateTime, Timestamp, Zone};

use crate::import::exact;

/// First line of the file.
pub(crate) const HEADER: &str = "user key;datetime;meter reading;diff";
/// Digits of the user key that make the meter number.
const NUMBER_DIGITS: usize = 12;
/// Litres to cubic metres, as a power of ten.
const LITRES: i32 = -3;

struct Register {
    meter: MeterNumber,
    newest: Timestamp,
}

/// The meters of a file.
pub(crate) struct Registers {
    zone: Zone,
    by_user: HashMap<String, Register>,
    users: HashMap<MeterNumber, String>,
}

impl Registers {
    /// None yet; times are local in `zone`.
    pub(crate) fn new(zone: Zone) -> Self {
        Self {
            zone,
            by_user: HashMap::new(),
            users: HashMap::new(),
        }
    }

    /// A line as a reading.
    pub(crate) fn read(&mut self, text: &str) -> Result<Reading, String> {
        let mut fields = text.split(';');
        let (Some(user), Some(label), Some(litres), Some(_), None) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            return Err(format!("it has not the four fields {HEADER}"));
        };
        let local = local_of(label)?;
        let value = exact::quantity(litres, LITRES)?;
        if let Some(register) = self.by_user.get_mut(user) {
            let at = self.zone.local_to_utc(local, Some(register.newest));
            register.newest = register.newest.max(at);
            return Ok(Reading {
                meter: register.meter.clone(),
                register: None,
                read_at: at,
                value,
            });
        }
        let meter = self.meter_of(user)?;
        let at = self.zone.local_to_utc(local, None);
        self.by_user.insert(
            user.to_owned(),
            Register {
                meter: meter.clone(),
                newest: at,
            },
        );
        Ok(Reading {
            meter,
            register: None,
            read_at: at,
            value,
        })
    }

    fn meter_of(&mut self, user: &str) -> Result<MeterNumber, String> {
        let digits: String = user
            .chars()
            .filter(|c| *c != '-')
            .take(NUMBER_DIGITS)
            .collect();
        let is_key = digits.len() == NUMBER_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_key {
            return Err(format!(
                "the user key {user:?} does not begin with {NUMBER_DIGITS} hexadecimal digits"
            ));
        }
        let number = format!("W{}", digits.to_ascii_uppercase());
        let meter = MeterNumber::parse(&number).map_err(|error| error.to_string())?;
        match self.users.get(&meter) {
            Some(other) if other != user => Err(format!(
                "{meter} already stands for user {other}: their keys begin alike"
            )),
            _ => {
                self.users.insert(meter.clone(), user.to_owned());
                Ok(meter)
            }
        }
    }
}

/// `24/04/2016 07:09:50` as a local time.
fn local_of(label: &str) -> Result<LocalDateTime, String> {
    let malformed = || format!("{label:?} is not a time such as 24/04/2016 07:09:50");
    let (date, time) = label.split_once(' ').ok_or_else(malformed)?;
    let mut parts = date.split('/');
    let (Some(day), Some(month), Some(year), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    LocalDateTime::parse(&format!("{year}-{month}-{day}T{time}")).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use crate::import::testing::entries;

    const HEAD: &str = "user key;datetime;meter reading;diff\n";
    const USER: &str = "1f8730a9-5d67-4895-9215-6e247087ea00";

    #[test]
    fn c8_litres_are_taken_as_cubic_metres_exponents_too() {
        let text = format!(
            "{HEAD}{USER};01/03/2016 00:28:55;68321;10\n{USER};01/03/2016 01:19:43;2e+05;0\n"
        );
        assert_eq!(
            entries(&text, "Asia/Brunei"),
            [
                "2 W1F8730A95D67 - 2016-02-29T16:28:55Z 68.321",
                "3 W1F8730A95D67 - 2016-02-29T17:19:43Z 200",
            ]
        );
    }

    #[test]
    fn c7_the_hour_that_comes_twice_is_told_apart_by_what_came_before() {
        let text = format!(
            "{HEAD}{USER};30/10/2016 02:10:00;100;0\n{USER};30/10/2016 02:50:00;101;1\n{USER};30/10/2016 02:20:00;102;1\n"
        );
        let times: Vec<String> = entries(&text, "Europe/Madrid")
            .iter()
            .map(|l| l.split(' ').nth(3).unwrap().to_owned())
            .collect();
        assert_eq!(
            times,
            [
                "2016-10-30T00:10:00Z",
                "2016-10-30T00:50:00Z",
                "2016-10-30T01:20:00Z"
            ]
        );
    }

    #[test]
    fn a_row_out_of_order_is_handed_on_as_it_is() {
        let text =
            format!("{HEAD}{USER};02/03/2016 00:00:00;200;0\n{USER};01/03/2016 00:00:00;100;0\n");
        assert_eq!(entries(&text, "Asia/Brunei").len(), 2);
    }

    #[test]
    fn a_bad_line_is_named_with_its_reason_and_the_next_goes_on() {
        let text = format!(
            "{HEAD}{USER};2016-03-01 00:00:00;1;0\n{USER};31/02/2016 00:00:00;1;0\nuser;01/03/2016 00:00:00;1;0\n{USER};01/03/2016 00:00:00;x;0\n1f8730a9-5d67-4895-9215-000000000000;01/03/2016 00:00:00;5;0\n{USER};01/03/2016 00:00:00;1\n{USER};01/03/2016 00:00:00;1000;0\n"
        );
        insta::assert_snapshot!(entries(&text, "Asia/Brunei").join("\n"));
    }
}
