//! The rules of the domain as stories: given some commands, when one more comes, then these facts.

mod activation;
mod closing;
mod credit;
mod debt;
mod meters;
mod orders;
mod properties;
mod readings;
mod story;
mod tariff;
mod time;
mod transfer;
