//! What waits for a person in a running ledger, asked over gRPC.
//!
//! Absent: what only a stopped ledger can be asked (claims without a meter, credit in transit).

use command_api::pb;

use crate::cli::client::{Connected, instant};
use crate::cli::doctor::{
    ADVICE_EXCEPTION, ADVICE_ORDER, ADVICE_SUSPENSE, FOUND_MAX, Found, LISTED_AT_ONCE,
};
use crate::failure::Failure;
use crate::output::money::with_decimals;

/// Everything that waits.
pub(super) async fn look(connected: &Connected) -> Result<Vec<Found>, Failure> {
    let mut found = orders(connected).await?;
    found.extend(suspense(connected).await?);
    found.extend(readings(connected).await?);
    Ok(found)
}

async fn orders(connected: &Connected) -> Result<Vec<Found>, Failure> {
    let mut supply = connected.client.supply();
    let mut request = pb::ListUnconfirmedOrdersRequest {
        page_size: LISTED_AT_ONCE,
        ..pb::ListUnconfirmedOrdersRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = supply
            .list_unconfirmed_orders(request.clone())
            .await?
            .into_inner();
        found.extend(page.orders.into_iter().map(|order| {
            let supply = order.supply.unwrap_or_default();
            let state = if supply.on { "on" } else { "off" };
            Found {
                sort: "unconfirmed-order",
                what: format!(
                    "account {}: {} has not confirmed order {} to switch {state}, sent {} times",
                    order.account_id, supply.meter, supply.order, supply.sent
                ),
                advice: ADVICE_ORDER.to_owned(),
                fixed: false,
            }
        }));
        if page.next_page_token.is_empty() || found.len() >= FOUND_MAX {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

async fn suspense(connected: &Connected) -> Result<Vec<Found>, Failure> {
    let mut client = connected.client.suspense();
    let mut request = pb::ListSuspenseRequest {
        state: pb::SuspenseState::Waiting.into(),
        page_size: LISTED_AT_ONCE,
        ..pb::ListSuspenseRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = client.list_suspense(request.clone()).await?.into_inner();
        found.extend(page.entries.into_iter().map(|entry| Found {
            sort: "suspense-waiting",
            what: format!(
                "{} taken by {} on {} (reference {}) for {:?} waits: {}",
                with_decimals(&entry.amount, 2),
                entry.channel,
                entry.taken_on,
                entry.reference,
                entry.named,
                entry.refusal_code
            ),
            advice: ADVICE_SUSPENSE.to_owned(),
            fixed: false,
        }));
        if page.next_page_token.is_empty() || found.len() >= FOUND_MAX {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

async fn readings(connected: &Connected) -> Result<Vec<Found>, Failure> {
    let mut queries = connected.client.queries();
    let mut request = pb::ListExceptionsRequest {
        open_only: true,
        page_size: LISTED_AT_ONCE,
        ..pb::ListExceptionsRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = queries.list_exceptions(request.clone()).await?.into_inner();
        found.extend(page.exceptions.into_iter().map(|exception| {
            let since = exception.from.as_ref().and_then(instant);
            Found {
                sort: "open-exception",
                what: format!(
                    "account {}, meter {}: {} ({}), {} readings since {}",
                    exception.account_id,
                    exception.meter,
                    exception.kind,
                    exception.why,
                    exception.readings,
                    since.map_or_else(String::new, |at| at.to_string())
                ),
                advice: ADVICE_EXCEPTION.to_owned(),
                fixed: false,
            }
        }));
        if page.next_page_token.is_empty() || found.len() >= FOUND_MAX {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}
