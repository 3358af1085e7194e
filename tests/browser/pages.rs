//! The pages beside the fleet and its hosts: what they show, and what those may do there who may.

use milepost_api::Scope;

use crate::{link, past, play, rack_at};

#[test]
fn statistics_registry_audit_and_tokens_are_seen_and_changed_by_those_who_may() {
    let server = past::month();
    let _ = rack_at(&server);
    let (admin, read) = (link(&server, Scope::Admin), link(&server, Scope::Read));
    play("pages", &[("MILEPOST_URL", &server.url), ("MILEPOST_LINK", &admin), ("READ_LINK", &read)]);
}
