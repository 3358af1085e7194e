//! The search that finds what `milepost status` shows.
//!
//! The rule it protects: whatever is typed as a location or a host is a value of the search, never
//! a part of its language; a query stays within what the service reads.

/// The longest query that is sent, in characters; the service reads a little more.
const QUERY_MAX: usize = milepost_domain::search::QUERY_MAX - 48;
/// So many conditions at most side by side; a long list is split before the service has to refuse.
const CONDITIONS_MAX: usize = 50;

/// The queries that together find the builds: one, unless so many hosts are named that they do not
/// fit into one.
pub(super) fn queries(all: bool, locations: &[String], machines: &[String]) -> Vec<String> {
    // "30 days ago" is that whole day, "24 hours ago" is a moment.
    let when = if all { "ended_at >= \"30 days ago\"" } else { "ended_at > \"24 hours ago\"" };
    let when = format!("(null? ended_at or {when})");
    let of_locations =
        groups(locations.iter().map(|name| format!("location = {}", quoted(name))), QUERY_MAX / 3);
    let of_machines = groups(machines.iter().map(|name| machine(name)), QUERY_MAX / 2);
    let mut queries = Vec::new();
    for locations in &of_locations {
        for machines in &of_machines {
            let conditions = [Some(&when), locations.as_ref(), machines.as_ref()];
            let conditions: Vec<&str> = conditions.into_iter().flatten().map(String::as_str).collect();
            queries.push(conditions.join(" and "));
        }
    }
    queries
}

/// Alternatives in parentheses, as many groups as it takes; one that asks for nothing when there are none.
fn groups(alternatives: impl Iterator<Item = String>, length_max: usize) -> Vec<Option<String>> {
    let mut groups: Vec<(usize, String)> = Vec::new();
    for alternative in alternatives {
        match groups.last_mut() {
            Some((count, group))
                if *count < CONDITIONS_MAX
                    && group.chars().count() + alternative.chars().count() + 6 <= length_max =>
            {
                group.push_str(" or ");
                group.push_str(&alternative);
                *count += 1;
            }
            _ => groups.push((1, alternative)),
        }
    }
    if groups.is_empty() {
        return vec![None];
    }
    groups.into_iter().map(|(_, group)| Some(format!("({group})"))).collect()
}

/// The search for a host by its name; without a dot also by the first part of a longer one. Names of hosts have no upper and lower case, so a name that is written with
/// upper case is looked for in lower case too.
pub(crate) fn machine(name: &str) -> String {
    if name.contains(['*', '%']) {
        return format!("name ~ {}", quoted(name));
    }
    let mut ways = vec![format!("name = {}", quoted(name))];
    let lower = name.to_lowercase();
    if lower != name {
        ways.push(format!("name = {}", quoted(&lower)));
    }
    if !name.contains('.') {
        // With a wildcard the whole name has to match, in any case.
        ways.push(format!("name ~ {}", quoted(&format!("{name}.*"))));
    }
    ways.join(" or ")
}

/// A text as a value: within quotes a backslash makes any character mean itself.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use milepost_domain::search::{Expr, Field, Kind, parse};

    const FIELDS: &[Field] = &[
        Field { name: "ended_at", aliases: &[], kind: Kind::Time, free_text: false },
        Field { name: "location", aliases: &[], kind: Kind::Text, free_text: true },
        Field { name: "name", aliases: &[], kind: Kind::Text, free_text: true },
    ];

    fn read(query: &str) -> Expr {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        parse(query, FIELDS, now).unwrap_or_else(|error| panic!("{query}: {error}")).unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_search_reads_as_it_is_meant() {
        assert_eq!(queries(false, &[], &[]), ["(null? ended_at or ended_at > \"24 hours ago\")"]);
        assert_eq!(
            queries(true, &texts(&["brno", "New York"]), &texts(&["web1", "db1.brno.example.com", "x*"])),
            [
                "(null? ended_at or ended_at >= \"30 days ago\") and (location = \"brno\" or location = \"New York\") and \
              (name = \"web1\" or name ~ \"web1.*\" or name = \"db1.brno.example.com\" or name ~ \"x*\")"
            ]
        );
        assert!(
            queries(false, &[], &texts(&["WEB1"])).concat().contains("name = \"WEB1\" or name = \"web1\" or")
        );
    }

    #[test]
    fn whatever_is_typed_stays_a_value() {
        for odd in [
            "\"",
            "\\",
            "a\" or name = \"b",
            "\\\" or has name",
            "and",
            "-x",
            "(",
            "a, b",
            "'",
            "^",
            "null?",
            "č 安",
        ] {
            for query in queries(false, &texts(&[odd]), &[]) {
                let Expr::And(all) = read(&query) else { panic!("{query}") };
                let [_, Expr::Compare { field, test }] = all.as_slice() else { panic!("{query}: {all:?}") };
                assert_eq!(field.name, "location");
                let value = milepost_domain::search::Value::Text(odd.to_owned());
                assert_eq!(*test, milepost_domain::search::Test::Equals(value), "{query}");
            }
            for query in queries(false, &[], &texts(&[odd])) {
                read(&query);
            }
        }
    }

    #[test]
    fn many_hosts_are_asked_for_in_parts_that_the_service_reads() {
        let hosts: Vec<String> = (0..300).map(|n| format!("host-with-a-long-name-{n}.example.com")).collect();
        let places: Vec<String> = (0..120).map(|n| format!("place {n}")).collect();
        let queries = queries(false, &places, &hosts);
        assert!(queries.len() > 5);
        for query in &queries {
            assert!(query.chars().count() <= milepost_domain::search::QUERY_MAX, "{}", query.len());
            read(query);
        }
        assert!(hosts.iter().all(|host| queries.iter().any(|query| query.contains(&format!("\"{host}\"")))));
    }
}
