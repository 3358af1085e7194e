//! Searches, orders, pages and cursors of every list.

use milepost_api::Scope;
use proptest::{collection::vec, option::weighted, prelude::*, sample::select};

use crate::{
    all, goes_on, open,
    raw::{encoded, request, send},
    server,
};

const LISTS: &[&str] = &[
    "hosts",
    "builds",
    "hosts/web1.example.com/reports",
    "hosts/42/builds",
    "steps",
    "workflows",
    "tokens",
    "audit",
    "mutes",
    "hooks",
];
const FIELDS: &[&str] = &[
    "name",
    "host",
    "state",
    "attempt",
    "foreman_id",
    "started_at",
    "ip",
    "mac",
    "step",
    "priority",
    "received_at",
    "scope",
    "revoked",
    "actor",
    "at",
    "signal",
    "muted",
    "until",
    "nothing",
];
const OPERATORS: &[&str] = &[" = ", " != ", " < ", " > ", " <= ", " >= ", " ~ ", " !~ ", " ^ ", " !^ "];
const VALUES: &[&str] = &[
    "1",
    "-9223372036854775808",
    "99999999999999999999",
    "today",
    "\"3 months ago\"",
    "\"999999999 years ago\"",
    "0001-01-01",
    "9999-12-31T23:59:59Z",
    "failed",
    "stalled",
    "*",
    "%",
    "_",
    "\\",
    "(a, b)",
    "(1, 2, 3)",
    "true",
    "\"\"",
    "\u{0}",
    "'",
];
const CURSORS: &[&str] = &[
    "1.2.3",
    "1794500000000000.01a20ee3-ce8a-7385-a0d7-254672cb1013.17",
    "9223372036854775807.01a20ee3-ce8a-7385-a0d7-254672cb1013.9223372036854775807",
    "-9223372036854775808.01a20ee3-ce8a-7385-a0d7-254672cb1013.-1",
    "-62135596800000000.00000000-0000-7000-8000-000000000000.-9223372036854775808",
];

fn of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

fn search() -> impl Strategy<Value = String> {
    let value = prop_oneof![3 => of(VALUES), 1 => "[a-z0-9.*-]{1,6}", 1 => "\\PC{0,8}"];
    let term = prop_oneof![
        6 => (of(FIELDS), of(OPERATORS), value).prop_map(|(field, operator, value)| field + &operator + &value),
        2 => (of(&["has ", "null? ", "set? "]), of(FIELDS)).prop_map(|(word, field)| word + &field),
        2 => of(VALUES),
        1 => "\\PC{0,20}",
    ];
    let glue = of(&[" and ", " or ", " ", ", ", " and not ", " or not "]);
    let joined = |terms: Vec<(String, String)>| {
        terms.into_iter().fold(String::new(), |all, (term, glue)| match all.as_str() {
            "" => term,
            _ => format!("{all}{glue}{term}"),
        })
    };
    prop_oneof![
        6 => vec((term, glue), 0..4).prop_map(joined),
        1 => any::<String>(),
        1 => (1..4_000_usize, of(&["(", "not ", "a and ", "\"", "a or (", "name ^ ("])).prop_map(|(times, word)| word.repeat(times)),
    ]
}

#[test]
fn no_search_order_page_or_cursor_makes_a_list_fail() {
    let server = server();
    let build = open(&server);
    let _ = server.anyone().get(&format!("/unattended/step/{build}/packages/failed")).expect(200);
    let token = server.token(Scope::Admin);
    let number = || {
        prop_oneof![
            2 => (1..2_000_u32).prop_map(|number| number.to_string()),
            1 => of(&["0", "-1", "all", "999999999", "1000000000", "9223372036854775807", "x", "", "1.5"]),
        ]
    };
    let order = prop_oneof![
        3 => (of(FIELDS), of(&["", " ASC", " DESC", " desc", "; DROP TABLE hosts"])).prop_map(|(field, way)| field + &way),
        1 => "\\PC{0,12}",
    ];
    let after = prop_oneof![3 => of(CURSORS), 1 => "[0-9.-]{0,40}"];
    let parameters = (
        weighted(0.8, search()),
        weighted(0.3, order),
        weighted(0.2, number()),
        weighted(0.2, number()),
        weighted(0.2, after),
    );
    all(
        "searches of lists",
        (select(LISTS), parameters),
        |(list, (search, order, page, per_page, after))| {
            let given = [
                ("search", search),
                ("order", order),
                ("page", page),
                ("per_page", per_page),
                ("after", after),
            ];
            let pairs: Vec<String> = given
                .into_iter()
                .filter_map(|(name, value)| Some(format!("{name}={}", encoded(value?.as_bytes()))))
                .collect();
            let bearer = vec![(b"Authorization".to_vec(), format!("Bearer {token}").into_bytes())];
            let target = format!("/api/v2/{list}?{}", pairs.join("&"));
            send(&server, &request("GET", target.as_bytes(), &bearer, b""))
        },
    );
    goes_on(&server);
}
