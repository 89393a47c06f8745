//! Reports and documents through the binary: what the office prints, and what it is told when it asks wrongly.

use std::path::Path;

use command_api::{Client, pb};

use crate::running::{Run, Server, run_with_key};

async fn open(url: &str, key: &str, (account, scheme, class): (&str, &str, &str)) {
    let client = Client::connect(url, key).await.unwrap();
    let open = pb::OpenAccountRequest {
        reference: format!("open-{account}"),
        account_id: account.to_owned(),
        scheme: scheme.to_owned(),
        class: class.to_owned(),
        ..pb::OpenAccountRequest::default()
    };
    client.accounts().open_account(open).await.unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let install = pb::InstallMeterRequest {
        reference: format!("install-{account}"),
        account_id: account.to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: format!("E100{}", account.len()),
        installed_at: Some(prost_types::Timestamp {
            seconds: i64::try_from(now.as_secs()).unwrap() - 3_600,
            nanos: 0,
        }),
        first_value: "0".to_owned(),
        ..pb::InstallMeterRequest::default()
    };
    client.meters().install_meter(install).await.unwrap();
}

fn asked(folder: &Path, key: &str, url: &str, question: &[&str]) -> Run {
    run_with_key(folder, key, &[question, &["--server", url]].concat())
}

#[test]
fn k6_statements_bills_and_reports_come_out_of_a_running_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, &["--dev-keys"]);
    let (till, staff, url) = (server.key("channel"), server.key("staff"), server.url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(open(&url, &staff, ("A-1", "usms", "residential")));
    runtime.block_on(open(&url, &staff, ("L-10", "ebcm", "domestic")));
    let paid = asked(
        folder,
        &till,
        &url,
        &["topup", "E1003", "20", "--reference", "R-1"],
    );
    assert_eq!(paid.code, 0, "{paid}");

    let text = asked(
        folder,
        &staff,
        &url,
        &["account", "statement", "A-1", "--text"],
    );
    assert!(text.out.contains("STATEMENT OF ACCOUNT"), "{text}");
    assert!(text.out.contains("top-up, dev R-1, receipt"), "{text}");
    let pdf = ["account", "statement", "A-1", "--pdf", "a-1.pdf"];
    let written = asked(folder, &staff, &url, &pdf);
    assert_eq!(written.code, 0, "{written}");
    assert!(
        std::fs::read(folder.join("a-1.pdf"))
            .unwrap()
            .starts_with(b"%PDF-")
    );
    let bill = asked(folder, &staff, &url, &["statement", "bill", "L-10"]);
    assert!(bill.out.contains("nothing to pay"), "{bill}");
    let prepaid = asked(folder, &staff, &url, &["statement", "bill", "A-1"]);
    assert_eq!(prepaid.code, 3, "{prepaid}");
    assert!(prepaid.err.contains("NOT_BILLED"), "{prepaid}");
    let nobody = asked(
        folder,
        &staff,
        &url,
        &["statement", "bill", "L-10", "--with-person"],
    );
    assert!(nobody.err.contains("NO_PERSON"), "{nobody}");

    let listed = asked(folder, &staff, &url, &["report"]);
    assert!(listed.out.contains("due-for-disconnection"), "{listed}");
    let receipts = asked(folder, &staff, &url, &["report", "receipts", "--csv"]);
    assert_eq!(receipts.out.lines().count(), 2, "{receipts}");
    assert!(
        receipts.err.contains("receipts: 1 rows, asked at"),
        "{receipts}"
    );
    let told = asked(
        folder,
        &staff,
        &url,
        &["--json", "report", "channel-settlement"],
    );
    assert_eq!(
        told.json()["ties"][0]["ledger_account"],
        "channel-receivable:dev"
    );
    assert_eq!(told.json()["rows"][0]["total"], "20");
    for wrong in [
        ["report", "no-such-report", "--csv"].as_slice(),
        &["report", "belated", "--channel", "dev"],
        &["report", "revenue", "--from", "2026-03", "--to", "2026-02"],
        &["report", "aged-debt", "--as-of", "2020-01-01"],
        &["report", "aged-debt", "--scheme", "nowhere"],
    ] {
        let refused = asked(folder, &staff, &url, wrong);
        assert_eq!(refused.code, 2, "{wrong:?}: {refused}");
    }
    let channel = asked(folder, &till, &url, &["report", "receipts"]);
    assert_ne!(channel.code, 0, "a channel sees no report: {channel}");
    assert_eq!(server.stop(), 0);
}
