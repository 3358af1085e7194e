//! Search, sort and page of what is held in memory: the registry.
//!
//! The rule it protects: such a list means the same as one from the database, by the search's own
//! definition.

use milepost_domain::search::Value;
use milepost_store::list::Page;

use crate::page::Listing;

/// A page of `all`, which come in the list's own order.
pub(crate) fn page<T>(all: Vec<T>, listing: &Listing, value: fn(&T, &str) -> Option<Value>) -> Page<T> {
    let total = count(all.len());
    let mut found: Vec<T> = all
        .into_iter()
        .filter(|item| listing.search().is_none_or(|expr| expr.matches(&|field| value(item, field.name))))
        .collect();
    if let Some(order) = listing.order() {
        let key = |item: &T| match value(item, order.field) {
            Some(Value::Text(text)) => (0, text),
            Some(Value::Integer(number)) => (number, String::new()),
            Some(Value::Time(time)) => (time.timestamp_micros(), String::new()),
            Some(Value::Texts(_) | Value::Boolean(_)) | None => (0, String::new()),
        };
        found.sort_by_cached_key(key);
        if order.descending {
            found.reverse();
        }
    }
    let subtotal = count(found.len());
    let skip = usize::try_from(listing.query.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(listing.query.limit).unwrap_or(usize::MAX);
    Page { total, subtotal, results: found.into_iter().skip(skip).take(take).collect() }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
