//! Totals over the whole log: the figures of a report on everything.

use ledger_core::ids::ChannelId;
use ledger_core::num::{Money, Quantity};
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::Row;
use serde::Serialize;

use super::Snapshot;
use crate::checkpoint::Checkpoint;
use crate::error::ReadModelError;
use crate::sql::Cells;

/// Readings of one utility by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReadingTotals {
    /// Charged.
    pub accepted: u64,
    /// Second values for an instant.
    pub conflicting: u64,
    /// Older than the newest.
    pub late: u64,
    /// Kept aside as implausible.
    pub quarantined: u64,
    /// Repeats, as gateways received them.
    pub duplicate: u64,
    /// Not taken at all, as gateways received them.
    pub refused: u64,
    /// What the gateways say of the accepted; equal unless readings came another way too.
    pub received_accepted: u64,
}

/// Totals of one utility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UtilityTotals {
    /// Utility.
    pub utility: Utility,
    /// Meters ever installed.
    pub meters: u64,
    /// Readings.
    pub readings: ReadingTotals,
    /// Consumption, kWh or m³.
    pub quantity: Quantity,
    /// Its charge, minimum charges included.
    pub charge: Money,
    /// Credit of every wallet.
    pub credit: Money,
    /// Disconnections ordered.
    pub disconnections: u64,
    /// Reconnections ordered.
    pub reconnections: u64,
}

/// Top-ups of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelTotal {
    /// Channel.
    pub channel: ChannelId,
    /// Top-ups, voided ones included.
    pub top_ups: u64,
    /// Their amount.
    pub amount: Money,
    /// Voids.
    pub voids: u64,
    /// Their amount, zero or below.
    pub voided: Money,
}

/// Events of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The stored name.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// Totals over the whole log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Accounts ever opened.
    pub accounts: u64,
    /// Of these, closed.
    pub closed: u64,
    /// By utility.
    pub utilities: Vec<UtilityTotals>,
    /// By channel.
    pub channels: Vec<ChannelTotal>,
    /// By kind.
    pub kinds: Vec<KindCount>,
    /// All events.
    pub events: u64,
    /// Deliveries of readings.
    pub deliveries: u64,
    /// Messages that could not be decoded.
    pub undecodable: u64,
}

impl Snapshot {
    /// Time of the newest charge under a scheme; none when nothing is priced.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn priced_until(&self, scheme: &str) -> Result<Option<Timestamp>, ReadModelError> {
        let newest = self.one(
            "SELECT max(l.at_ms) FROM statement_lines l JOIN accounts a USING (account_no)
             WHERE a.scheme = ?1 AND l.kind = 'consumption'",
            [scheme],
            |row| Cells::of(row).time_opt(),
        )?;
        Ok(newest.flatten())
    }

    /// Totals over the whole log.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn totals(&self) -> Result<Totals, ReadModelError> {
        let accounts = self.one(
            "SELECT count(*), count(closed_ms) FROM accounts",
            [],
            two_counts,
        )?;
        let deliveries = self.one("SELECT n, undecodable FROM deliveries", [], two_counts)?;
        let (accounts, closed) = accounts.unwrap_or((0, 0));
        let (deliveries, undecodable) = deliveries.unwrap_or((0, 0));
        let utilities = Utility::ALL
            .into_iter()
            .map(|utility| self.utility_totals(utility));
        let channels = self.all(
            "SELECT channel, sum(kind = 'top-up'),
                    sum(iif(kind = 'top-up', amount_micro, 0)), sum(iif(kind = 'top-up', amount_rest, 0)),
                    sum(kind = 'void'),
                    sum(iif(kind = 'void', amount_micro, 0)), sum(iif(kind = 'void', amount_rest, 0))
             FROM receipts WHERE kind IN ('top-up', 'void') GROUP BY channel ORDER BY channel",
            [],
            channel_total,
        )?;
        let kinds = self.all(
            "SELECT kind, n FROM event_counts ORDER BY kind",
            [],
            |row| {
                let mut cells = Cells::of(row);
                Ok(KindCount {
                    kind: cells.get()?,
                    count: cells.count()?,
                })
            },
        )?;
        Ok(Totals {
            accounts,
            closed,
            utilities: utilities.collect::<Result<_, _>>()?,
            channels,
            kinds,
            events: Checkpoint::read(self.conn())?.map_or(0, |checkpoint| checkpoint.events),
            deliveries,
            undecodable,
        })
    }

    fn utility_totals(&self, utility: Utility) -> Result<UtilityTotals, ReadModelError> {
        let code = utility.code();
        let readings = self.one(
            "SELECT accepted, conflicting, late, quarantined, duplicate, refused, received_accepted
             FROM reading_counts WHERE utility = ?1",
            [code],
            reading_totals,
        )?;
        let (meters, _) = self
            .one(
                "SELECT count(DISTINCT meter), 0 FROM meters WHERE utility = ?1",
                [code],
                two_counts,
            )?
            .unwrap_or((0, 0));
        let (disconnections, reconnections) = self
            .one(
                "SELECT ifnull(sum(disconnections), 0), ifnull(sum(reconnections), 0) FROM supply WHERE utility = ?1",
                [code],
                two_counts,
            )?
            .unwrap_or((0, 0));
        let credit = self.one(
            "SELECT ifnull(sum(credit_micro), 0), ifnull(sum(credit_rest), 0) FROM balances WHERE utility = ?1",
            [code],
            |row| Cells::of(row).money(),
        )?;
        let used = self.one(
            "SELECT ifnull(sum(quantity_micro), 0),
                    ifnull(sum(charge_micro), 0) + ifnull(sum(minimum_micro), 0),
                    ifnull(sum(charge_rest), 0) + ifnull(sum(minimum_rest), 0)
             FROM consumption_monthly JOIN meters USING (meter_no) WHERE utility = ?1",
            [code],
            |row| {
                let mut cells = Cells::of(row);
                Ok((cells.quantity()?, cells.money()?))
            },
        )?;
        let (quantity, charge) = used.unwrap_or((Quantity::ZERO, Money::ZERO));
        Ok(UtilityTotals {
            utility,
            meters,
            readings: readings.unwrap_or(NO_READINGS),
            quantity,
            charge,
            credit: credit.unwrap_or(Money::ZERO),
            disconnections,
            reconnections,
        })
    }
}

const NO_READINGS: ReadingTotals = ReadingTotals {
    accepted: 0,
    conflicting: 0,
    late: 0,
    quarantined: 0,
    duplicate: 0,
    refused: 0,
    received_accepted: 0,
};

fn two_counts(row: &Row<'_>) -> rusqlite::Result<(u64, u64)> {
    let mut cells = Cells::of(row);
    Ok((cells.count()?, cells.count()?))
}

fn reading_totals(row: &Row<'_>) -> rusqlite::Result<ReadingTotals> {
    let mut cells = Cells::of(row);
    Ok(ReadingTotals {
        accepted: cells.count()?,
        conflicting: cells.count()?,
        late: cells.count()?,
        quarantined: cells.count()?,
        duplicate: cells.count()?,
        refused: cells.count()?,
        received_accepted: cells.count()?,
    })
}

fn channel_total(row: &Row<'_>) -> rusqlite::Result<ChannelTotal> {
    let mut cells = Cells::of(row);
    Ok(ChannelTotal {
        channel: cells.name(ChannelId::parse)?,
        top_ups: cells.count()?,
        amount: cells.money()?,
        voids: cells.count()?,
        voided: cells.money()?,
    })
}
