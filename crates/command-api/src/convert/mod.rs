//! The edge between the contract and the domain: messages in, messages out.
//!
//! Into the domain there is one door, parsing, and a call that cannot be parsed names every field that is
//! wrong. Out of it nothing can fail but an answer of the wrong kind, which is a fault of ours. No rule of
//! the trade is decided here.

mod answers;
mod billing;
mod cases;
mod commands;
mod consumers;
mod fields;
mod legacy;
mod numbers;
mod payments;
mod persons;
mod prepayment;
mod questions;
mod readings;
mod reports;
mod views;
mod workorders;

pub use answers::{
    of_token, published, stream_answer, stream_error, to_instant, to_token, to_utility,
};
pub use billing::AskedBillQuote;
pub use cases::{ApplicationsQuestion, AskedCase, ComplaintsQuestion};
pub use commands::{Asked, AskedConfirmation};
pub use consumers::{ConsumersQuestion, CountsQuestion, bill_quoted, consumer_of};
pub use fields::Fields;
pub use legacy::LegacyQuestion;
pub use numbers::renumber_answer;
pub use payments::{AskedQuote, AskedReturn};
pub use persons::{
    AskedAdd, AskedAudit, AskedErasure, AskedList, AskedUpdate, person_named, reason_number, sought,
};
pub use questions::{
    DaysQuestion, ExceptionsQuestion, MeterQuestion, MonthsQuestion, Named, OrdersQuestion,
    PageQuestion, ReceiptsQuestion, SettlementQuestion, StatementQuestion, SuspenseQuestion,
    to_page_token,
};
pub use readings::{AskedReading, posted};
pub use reports::{
    ReportQuestion, columns as report_columns, described as report_described, told as report_told,
};
pub use workorders::{AskedStep, WorkOrdersQuestion};
