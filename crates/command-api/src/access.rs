//! Which roles may call which RPC: one table, read by the gate before anything else looks at a call.
//!
//! An RPC that is not in the table cannot be called; a test holds the table against the contract.

use std::fmt::Write as _;

use crate::keys::Role;

use Role::{Ae, Analyst, Bcc, Ccc, Channel, Ee, Je, Operator, Staff};

/// Whether a call can change the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It may have been carried out although no answer came.
    Write,
    /// It changes nothing.
    Read,
}

/// One RPC: its path, who may call it, whether it changes anything.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Path of the HTTP/2 request.
    pub path: &'static str,
    /// Any of these roles will do.
    pub roles: &'static [Role],
    /// Whether it can change the ledger.
    pub effect: Effect,
}

const STAFF: &[Role] = &[Staff];
/// Who takes money: channels, and the billing counter.
const PAYERS: &[Role] = &[Channel, Bcc];
const PAYERS_AND_STAFF: &[Role] = &[Channel, Bcc, Staff];
/// Who works on supply and meters: staff, and the junior engineer.
const FIELD: &[Role] = &[Staff, Je];
/// Who bills: staff, and the billing counter.
const OFFICE: &[Role] = &[Staff, Bcc];
/// Who takes customers' queries and answers them.
const QUERY_DESKS: &[Role] = &[Staff, Bcc, Ccc];
const READERS: &[Role] = &[Staff, Operator, Analyst, Bcc, Je, Ae, Ee];
/// Who may find an account: readers, and whoever takes complaints.
const FINDERS: &[Role] = &[Staff, Operator, Analyst, Bcc, Je, Ae, Ee, Ccc];
/// Whose steps stand in the table of applications; a portal of the consumers is a channel.
const APPLICATION_STEPS: &[Role] = &[Channel, Bcc, Je, Ae];
const STAFF_AND_OPERATORS: &[Role] = &[Staff, Operator];
const REPORTERS: &[Role] = &[Operator, Analyst, Ee];
const READERS_AND_CHANNELS: &[Role] = &[Channel, Staff, Operator, Analyst, Bcc, Je, Ae, Ee];
const ANYONE: &[Role] = &Role::ALL;

const fn write(path: &'static str, roles: &'static [Role]) -> Rule {
    Rule {
        path,
        roles,
        effect: Effect::Write,
    }
}

const fn read(path: &'static str, roles: &'static [Role]) -> Rule {
    Rule {
        path,
        roles,
        effect: Effect::Read,
    }
}

/// Who may read the history of all accounts at once, over the protocol of KurrentDB: whoever may see all
/// totals.
pub const HISTORY_READERS: &[Role] = REPORTERS;

/// The table. The hot path stands first.
pub const RULES: &[Rule] = &[
    write("/ledger.v1.PaymentService/TopUp", PAYERS),
    read("/ledger.v1.QueryService/GetBalance", READERS),
    write("/ledger.v1.PaymentService/TopUpStream", PAYERS),
    read("/ledger.v1.PaymentService/ValidateTopUp", PAYERS_AND_STAFF),
    read("/ledger.v1.PaymentService/QuoteTopUp", PAYERS_AND_STAFF),
    write("/ledger.v1.PaymentService/VoidTopUp", PAYERS),
    read("/ledger.v1.PaymentService/FindCommand", PAYERS_AND_STAFF),
    write("/ledger.v1.AccountService/OpenAccount", STAFF),
    write("/ledger.v1.AccountService/CloseAccount", STAFF),
    write("/ledger.v1.AccountService/EnterLegacyCredit", STAFF),
    write("/ledger.v1.AccountService/ChangePaymentResponsible", STAFF),
    write("/ledger.v1.AccountService/RenumberAccount", STAFF),
    write("/ledger.v1.AccountService/RenumberAccounts", STAFF),
    write("/ledger.v1.BillingService/PayBill", PAYERS),
    write("/ledger.v1.BillingService/PayDeposit", PAYERS),
    read("/ledger.v1.BillingService/QuoteBill", PAYERS_AND_STAFF),
    write("/ledger.v1.BillingService/OpenConnection", STAFF),
    write("/ledger.v1.BillingService/OpenTemporaryConnection", STAFF),
    write("/ledger.v1.BillingService/ImportConsumer", STAFF),
    write("/ledger.v1.BillingService/UseDeposit", OFFICE),
    write("/ledger.v1.BillingService/PayOutConsumer", STAFF),
    write("/ledger.v1.BillingService/PostMiscellaneousBill", OFFICE),
    write("/ledger.v1.BillingService/AdjustBill", OFFICE),
    write("/ledger.v1.BillingService/CutConsumer", FIELD),
    write("/ledger.v1.BillingService/CutForDues", STAFF),
    write("/ledger.v1.BillingService/ReconnectConsumer", FIELD),
    write("/ledger.v1.BillingService/EndConnection", FIELD),
    write("/ledger.v1.BillingService/StopBill", FIELD),
    write("/ledger.v1.BillingService/ReactivateConsumer", FIELD),
    write("/ledger.v1.BillingService/ExtendTemporaryConnection", FIELD),
    write("/ledger.v1.BillingService/RaiseQuery", QUERY_DESKS),
    write("/ledger.v1.BillingService/AnswerQuery", QUERY_DESKS),
    read("/ledger.v1.BillingService/GetConsumer", FINDERS),
    read("/ledger.v1.BillingService/ListBills", FINDERS),
    read("/ledger.v1.BillingService/ListConsumers", FINDERS),
    read("/ledger.v1.BillingService/CountConsumers", READERS),
    write("/ledger.v1.LegacyCreditService/RegisterLegacyCredit", STAFF),
    write("/ledger.v1.LegacyCreditService/ChooseLegacyCredit", STAFF),
    write("/ledger.v1.LegacyCreditService/CreditLegacyCredit", STAFF),
    write("/ledger.v1.LegacyCreditService/RefundLegacyCredit", STAFF),
    read("/ledger.v1.LegacyCreditService/ListLegacyCredits", READERS),
    write("/ledger.v1.WorkOrderService/IssueWorkOrder", STAFF),
    write("/ledger.v1.WorkOrderService/AppointInstallation", STAFF),
    write("/ledger.v1.WorkOrderService/MoveAppointment", STAFF),
    write("/ledger.v1.WorkOrderService/PreventInstallation", STAFF),
    write("/ledger.v1.WorkOrderService/ReadOldMeter", STAFF),
    write("/ledger.v1.WorkOrderService/InstallNewMeter", STAFF),
    write("/ledger.v1.WorkOrderService/ActivateNewMeter", STAFF),
    write("/ledger.v1.WorkOrderService/SettleOldAccount", STAFF),
    write("/ledger.v1.WorkOrderService/ReturnOldMeter", STAFF),
    write("/ledger.v1.WorkOrderService/CancelWorkOrder", STAFF),
    read("/ledger.v1.WorkOrderService/ListWorkOrders", READERS),
    write(
        "/ledger.v1.ApplicationService/TakeApplicationStep",
        APPLICATION_STEPS,
    ),
    read("/ledger.v1.ApplicationService/ListApplications", READERS),
    write("/ledger.v1.ComplaintService/RecordComplaint", &[Bcc, Ccc]),
    write("/ledger.v1.ComplaintService/ActOnComplaint", &[Ccc]),
    write("/ledger.v1.ComplaintService/RectifyComplaint", &[Ccc]),
    read("/ledger.v1.ComplaintService/ListComplaints", FINDERS),
    write("/ledger.v1.ReadingService/PostReadings", &[Bcc, Je, Staff]),
    write("/ledger.v1.MeterService/InstallMeter", FIELD),
    write("/ledger.v1.MeterService/ExchangeMeter", FIELD),
    write("/ledger.v1.MeterService/RemoveMeter", FIELD),
    write("/ledger.v1.MeterService/ResolveMeter", FIELD),
    write("/ledger.v1.MeterService/ActivateMeter", FIELD),
    write("/ledger.v1.DebtService/AgreeDebt", STAFF),
    write("/ledger.v1.DebtService/RescheduleDebt", STAFF),
    write("/ledger.v1.DebtService/PayDebt", PAYERS),
    read("/ledger.v1.DebtService/GetDebt", READERS),
    read(
        "/ledger.v1.SuspenseService/ListSuspense",
        READERS_AND_CHANNELS,
    ),
    write("/ledger.v1.SuspenseService/AllocateSuspense", STAFF),
    write("/ledger.v1.SuspenseService/ReturnSuspense", STAFF),
    write("/ledger.v1.SupplyService/Disconnect", FIELD),
    write("/ledger.v1.SupplyService/Reconnect", FIELD),
    write("/ledger.v1.SupplyService/ConfirmOrder", FIELD),
    write("/ledger.v1.PrepaymentService/JoinScheme", STAFF),
    write("/ledger.v1.PrepaymentService/DrawEmergencyCredit", STAFF),
    write("/ledger.v1.PrepaymentService/DeliverCredit", STAFF),
    write("/ledger.v1.SchemeService/PublishScheme", &[Operator]),
    read("/ledger.v1.SchemeService/ListSchemeVersions", READERS),
    read("/ledger.v1.SupplyService/GetSupply", READERS),
    read("/ledger.v1.SupplyService/ListUnconfirmedOrders", READERS),
    write("/ledger.v1.PersonService/AddPerson", STAFF),
    read("/ledger.v1.PersonService/GetPerson", STAFF),
    write("/ledger.v1.PersonService/UpdatePerson", STAFF),
    write("/ledger.v1.PersonService/ErasePerson", STAFF),
    read("/ledger.v1.PersonService/ListPersons", STAFF_AND_OPERATORS),
    read("/ledger.v1.PersonService/FindPersons", STAFF),
    read(
        "/ledger.v1.PersonService/ReadPersonAudit",
        STAFF_AND_OPERATORS,
    ),
    read("/ledger.v1.QueryService/GetAccount", FINDERS),
    read("/ledger.v1.QueryService/GetStatement", READERS),
    read("/ledger.v1.QueryService/ListReceipts", READERS_AND_CHANNELS),
    read("/ledger.v1.QueryService/ReadHistory", READERS),
    read("/ledger.v1.QueryService/ListMeterHolders", FINDERS),
    read("/ledger.v1.QueryService/GetDailyConsumption", READERS),
    read("/ledger.v1.QueryService/GetMonthlyConsumption", READERS),
    read("/ledger.v1.QueryService/GetCompleteness", READERS),
    read(
        "/ledger.v1.QueryService/GetSettlement",
        READERS_AND_CHANNELS,
    ),
    read("/ledger.v1.QueryService/ListExceptions", READERS),
    read("/ledger.v1.QueryService/GetTrialBalance", REPORTERS),
    read("/ledger.v1.QueryService/GetTotals", REPORTERS),
    read("/ledger.v1.ReportService/ListReports", READERS),
    read("/ledger.v1.ReportService/GetReport", READERS),
    read("/ledger.v1.QueryService/ErrorCatalogue", ANYONE),
];

/// The rule of an RPC; `None` when there is no such RPC.
#[must_use]
pub fn rule_of(path: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.path == path)
}

/// The page `docs/roles.md`.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(INTRODUCTION);
    let heads: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let mut rules: Vec<&Rule> = RULES.iter().collect();
    rules.sort_by_key(|rule| rule.path);
    let mut service = "";
    for rule in rules {
        let call = rule.path.trim_start_matches("/ledger.v1.");
        let (of, rpc) = call.split_once('/').unwrap_or((call, ""));
        if of != service {
            service = of;
            let _ = write!(
                text,
                "\n## {service}\n\n| call | changes | {} |\n|---|---|{}\n",
                heads.join(" | "),
                "---|".repeat(heads.len())
            );
        }
        let changes = if rule.effect == Effect::Write {
            "yes"
        } else {
            ""
        };
        let may = Role::ALL.map(|role| if rule.roles.contains(&role) { "x" } else { "" });
        let _ = writeln!(text, "| `{rpc}` | {changes} | {} |", may.join(" | "));
    }
    text
}

const INTRODUCTION: &str = "\
# Roles

This page is drawn from the table in the code. A key has one or more roles, given in the keys file; a call
needs one of those marked here and is refused with `ROLE_MISSING` otherwise, before anything else is
looked at.

| role | who |
|---|---|
| `channel` | takes money: a bank, a till, a portal |
| `staff` | the utility's office |
| `operator` | runs the ledger |
| `analyst` | reads for reports |
| `bcc` | billing counter: bills, receipts, readings, miscellaneous bills, month close |
| `je` | junior engineer: applications, inspection, estimate, demand note, disconnection, reconnection, meters, execution of orders |
| `ae` | assistant engineer: admits, rejects, sanctions, orders connections, sees the subdivision |
| `ee` | executive engineer: sees all, and the summary reports |
| `ccc` | complaint cell |

Where the log is shown to clients of KurrentDB (`kurrent_listen`), a key with the role `operator`, `analyst` or
`ee` reads all of it, as password under any user name or as bearer token; nobody writes there.
";

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn e15_the_page_of_roles_is_drawn_from_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/roles.md");
        if std::env::var_os("LEDGER_REWRITE_ROLES_MD").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            page(),
            "write it anew with LEDGER_REWRITE_ROLES_MD=1"
        );
    }

    #[test]
    fn e15_each_officer_does_what_is_the_officers_and_nothing_more() {
        let writes = |role: Role| -> Vec<&str> {
            RULES
                .iter()
                .filter(|rule| rule.effect == Effect::Write && rule.roles.contains(&role))
                .map(|rule| rule.path.rsplit_once('.').unwrap().1)
                .collect()
        };
        for role in [Ee, Analyst] {
            assert_eq!(writes(role), [""; 0], "{role} only sees");
        }
        assert!(writes(Je).contains(&"SupplyService/Disconnect"));
        assert!(
            writes(Bcc)
                .iter()
                .all(|rpc| !rpc.starts_with("SupplyService"))
        );
        for role in [Je, Ae, Ccc] {
            assert!(
                writes(role)
                    .iter()
                    .all(|rpc| !rpc.starts_with("PaymentService"))
            );
        }
    }

    #[test]
    fn every_rpc_of_the_contract_has_one_rule_and_every_rule_an_rpc() {
        let set = prost_types::FileDescriptorSet::decode(crate::pb::FILE_DESCRIPTOR_SET).unwrap();
        let mut contract = Vec::new();
        for file in set.file.iter().filter(|file| file.package() == "ledger.v1") {
            for service in &file.service {
                for method in &service.method {
                    contract.push(format!("/ledger.v1.{}/{}", service.name(), method.name()));
                }
            }
        }
        let mut table: Vec<String> = RULES.iter().map(|rule| rule.path.to_owned()).collect();
        contract.sort();
        table.sort();
        assert_eq!(contract, table);
    }

    #[test]
    fn c14_a_channel_alone_changes_nothing_but_payments() {
        let writes: Vec<&str> = RULES
            .iter()
            .filter(|rule| rule.effect == Effect::Write && rule.roles.contains(&Channel))
            .map(|rule| rule.path.rsplit_once('/').unwrap().1)
            .collect();
        assert_eq!(
            writes,
            [
                "TopUp",
                "TopUpStream",
                "VoidTopUp",
                "PayBill",
                "PayDeposit",
                "TakeApplicationStep",
                "PayDebt"
            ]
        );
        assert!(
            RULES
                .iter()
                .all(|rule| rule.effect == Effect::Read || !rule.roles.contains(&Analyst))
        );
    }
}
