//! Half-hour consumptions as the register that a meter would have shown.
//!
//! `customer_id,local_time,kwh`: the label is the end of its half-hour. Each customer's register starts
//! at 0, half an hour before the first label. The first row of a label advances it; a further row of the
//! same label shows the register before that label plus its own kWh, so that an equal one is a repeat
//! and another one a conflict. Meters are `E` and the customer.

use std::collections::HashMap;

use ledger_core::command::Reading;
use ledger_core::ids::MeterNumber;
use ledger_core::num::Quantity;
use ledger_core::time::{LocalDateTime, Timestamp, Zone};

use crate::import::exact;

/// First line of the file.
pub(crate) const HEADER: &str = "customer_id,local_time,kwh";

struct Register {
    /// The newest label.
    newest: Timestamp,
    /// Before it and after it.
    before: Quantity,
    after: Quantity,
    meter: MeterNumber,
}

/// The registers of all customers of a file.
pub(crate) struct Registers {
    zone: Zone,
    by_customer: HashMap<String, Register>,
}

impl Registers {
    /// None yet; labels are local in `zone`.
    pub(crate) fn new(zone: Zone) -> Self {
        Self {
            zone,
            by_customer: HashMap::new(),
        }
    }

    /// A line as a reading.
    pub(crate) fn read(&mut self, text: &str) -> Result<Reading, String> {
        let mut fields = text.split(',');
        let (Some(customer), Some(label), Some(kwh), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(format!("it has not the three fields {HEADER}"));
        };
        let local =
            LocalDateTime::parse(&label.replacen(' ', "T", 1)).map_err(|e| e.to_string())?;
        let used = exact::quantity(kwh, 0)?;
        if used.is_negative() {
            return Err(format!("the consumption {kwh} is below zero"));
        }
        let Some(register) = self.by_customer.get_mut(customer) else {
            return self.first(customer, local, used);
        };
        let at = self.zone.local_to_utc(local, Some(register.newest));
        if at < register.newest {
            return Err(format!(
                "{label} is earlier than the line before of customer {customer}: sort the file by customer and time"
            ));
        }
        if at > register.newest {
            register.before = register.after;
            register.after = sum(register.after, used)?;
            register.newest = at;
        }
        let value = sum(register.before, used)?;
        Ok(Reading {
            meter: register.meter.clone(),
            register: None,
            read_at: at,
            value,
        })
    }

    fn first(
        &mut self,
        customer: &str,
        local: LocalDateTime,
        used: Quantity,
    ) -> Result<Reading, String> {
        let meter =
            MeterNumber::parse(&format!("E{customer}")).map_err(|error| error.to_string())?;
        let at = self.zone.local_to_utc(local, None);
        let register = Register {
            newest: at,
            before: Quantity::ZERO,
            after: used,
            meter: meter.clone(),
        };
        self.by_customer.insert(customer.to_owned(), register);
        Ok(Reading {
            meter,
            register: None,
            read_at: at,
            value: used,
        })
    }
}

fn sum(a: Quantity, b: Quantity) -> Result<Quantity, String> {
    let micro = a
        .micro()
        .checked_add(b.micro())
        .ok_or("the register is out of range")?;
    Quantity::parse(&Quantity::from_micro(micro).to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use crate::import::testing::entries;

    const HEAD: &str = "customer_id,local_time,kwh\n";

    #[test]
    fn c8_half_hours_become_the_register_a_meter_would_show() {
        let text = format!(
            "{HEAD}7,2012-02-10 08:00:00,0.141\n7,2012-02-10 08:30:00,0.088\n8,2012-02-10 08:30:00,1\n7,2012-02-10 09:30:00,0\n"
        );
        assert_eq!(
            entries(&text, "Asia/Brunei"),
            [
                "2 E7 - 2012-02-10T00:00:00Z 0.141",
                "3 E7 - 2012-02-10T00:30:00Z 0.229",
                "4 E8 - 2012-02-10T00:30:00Z 1",
                "5 E7 - 2012-02-10T01:30:00Z 0.229",
            ]
        );
    }

    #[test]
    fn c8_a_repeated_label_shows_the_register_before_it_plus_its_own_use() {
        let text = format!(
            "{HEAD}7,2012-10-07 01:30:00,1\n7,2012-10-07 02:00:00,0.552\n7,2012-10-07 02:00:00,1.372\n7,2012-10-07 02:00:00,0.552\n7,2012-10-07 02:30:00,0.1\n"
        );
        let values: Vec<String> = entries(&text, "Asia/Brunei")
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(values, ["1", "1.552", "2.372", "1.552", "1.652"]);
    }

    #[test]
    fn c7_in_a_zone_whose_hour_comes_twice_the_second_is_a_label_of_its_own() {
        let text = format!(
            "{HEAD}7,2016-10-30 02:30:00,1\n7,2016-10-30 02:30:00,1\n7,2016-10-30 03:00:00,1\n"
        );
        assert_eq!(
            entries(&text, "Europe/Madrid"),
            [
                "2 E7 - 2016-10-30T00:30:00Z 1",
                "3 E7 - 2016-10-30T01:30:00Z 2",
                "4 E7 - 2016-10-30T02:00:00Z 3",
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named_with_its_reason_and_the_next_goes_on() {
        let text = format!(
            "{HEAD}7,2012-02-10 08:00:00,1\n7,2012-02-10 07:00:00,1\n7,2012-02-30 08:00:00,1\n7,2012-02-10 08:30:00,-1\n7,2012-02-10\n?,2012-02-10 08:00:00,1\n7,2012-02-10 08:30:00,2\n"
        );
        insta::assert_snapshot!(entries(&text, "Asia/Brunei").join("\n"));
    }
}
