//! Hosts: found by Foreman's id first, by name otherwise.
//!
//! The rule it protects: a registration that leaves a fact out does not erase it, and a renamed
//! host keeps its history.

use diesel::prelude::*;
use milepost_domain::{Host, HostFacts, HostId, Id, Time, host::HostRef};
use uuid::Uuid;

use crate::{Error, Result, row::HostRow, schema::hosts};

/// The host that somebody names.
///
/// # Errors
/// When it is not known.
pub fn find(connection: &mut PgConnection, host: &HostRef) -> Result<Host> {
    // PostgreSQL's texts have no NUL, so no host is called that.
    if matches!(host, HostRef::Name(name) if name.contains('\0')) {
        return Err(not_found(host));
    }
    let query = hosts::table.select(HostRow::as_select());
    let row = match host {
        HostRef::Id(id) => query.find(id.uuid()).first(connection),
        HostRef::Foreman(id) => query.filter(hosts::foreman_id.eq(id)).first(connection),
        HostRef::Name(name) => {
            query.filter(hosts::name.eq(name)).filter(hosts::retired_at.is_null()).first(connection)
        }
        // Foreman takes the newest as well, where several have it.
        HostRef::Mac(mac) => query
            .filter(hosts::mac.eq(mac))
            .filter(hosts::retired_at.is_null())
            .order(hosts::id.desc())
            .first(connection),
        HostRef::Ip(ip) => query
            .filter(hosts::ip.eq(ip.to_string()))
            .filter(hosts::retired_at.is_null())
            .order(hosts::id.desc())
            .first(connection),
    };
    row.optional()?.ok_or_else(|| not_found(host))?.into_domain()
}

/// That there is no such host.
#[must_use]
pub fn not_found(host: &HostRef) -> Error {
    match host {
        HostRef::Id(id) => Error::not_found("host", id),
        HostRef::Foreman(id) => Error::not_found("host", id),
        HostRef::Name(name) | HostRef::Mac(name) => Error::not_found("host", name),
        HostRef::Ip(ip) => Error::not_found("host", ip),
    }
}

/// The hosts of those ids, in no order.
pub(crate) fn load_many(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Host>> {
    let rows: Vec<HostRow> =
        hosts::table.filter(hosts::id.eq_any(ids)).select(HostRow::as_select()).load(connection)?;
    rows.into_iter().map(HostRow::into_domain).collect()
}

/// Finds the host or makes it, and takes over what is newly said of it; and the host that gave up
/// its name to it, if one did. Locks its row: whatever else opens a build of this host waits.
pub(crate) fn register(
    connection: &mut PgConnection,
    facts: &HostFacts,
    new_id: HostId,
    now: Time,
) -> Result<(Host, Option<HostId>)> {
    let mut retired = None;
    let known = match facts.foreman_id {
        Some(id) => hosts::table
            .filter(hosts::foreman_id.eq(id))
            .select(HostRow::as_select())
            .for_update()
            .first(connection)
            .optional()?,
        None => None,
    };
    let named: Option<HostRow> = hosts::table
        .filter(hosts::name.eq(facts.name.as_str()))
        .filter(hosts::retired_at.is_null())
        .select(HostRow::as_select())
        .for_update()
        .first(connection)
        .optional()?;
    let row = match (known, named) {
        (None, None) => {
            let row = merged(None, facts, new_id.uuid(), now);
            diesel::insert_into(hosts::table).values(&row).execute(connection)?;
            return Ok((row.into_domain()?, None));
        }
        (Some(known), Some(other)) if known.id != other.id => {
            // Foreman gave the name to another host, so the one that had it is gone or renamed.
            diesel::update(hosts::table.find(other.id)).set(hosts::retired_at.eq(now)).execute(connection)?;
            retired = Some(Id::from_uuid(other.id));
            known
        }
        (Some(host), _) | (None, Some(host)) => host,
    };
    let id = row.id;
    let row = merged(Some(&row), facts, id, now);
    diesel::update(hosts::table.find(id))
        .set((
            hosts::name.eq(&row.name),
            hosts::foreman_id.eq(row.foreman_id),
            hosts::mac.eq(&row.mac),
            hosts::ip.eq(&row.ip),
            hosts::organization.eq(&row.organization),
            hosts::location.eq(&row.location),
            hosts::hostgroup.eq(&row.hostgroup),
            hosts::operatingsystem.eq(&row.operatingsystem),
            hosts::model.eq(&row.model),
            hosts::updated_at.eq(now),
            hosts::retired_at.eq(row.retired_at),
        ))
        .execute(connection)?;
    Ok((row.into_domain()?, retired))
}

fn merged(known: Option<&HostRow>, facts: &HostFacts, id: Uuid, now: Time) -> HostRow {
    let text = |new: Option<String>, old: fn(&HostRow) -> &Option<String>| {
        new.or_else(|| known.and_then(|row| old(row).clone()))
    };
    let name = |name: &Option<milepost_domain::Name>| name.as_ref().map(ToString::to_string);
    HostRow {
        id,
        name: facts.name.to_string(),
        foreman_id: facts.foreman_id.or_else(|| known.and_then(|row| row.foreman_id)),
        mac: text(facts.mac.clone(), |row| &row.mac),
        ip: text(facts.ip.map(|ip| ip.to_string()), |row| &row.ip),
        organization: text(name(&facts.organization), |row| &row.organization),
        location: text(name(&facts.location), |row| &row.location),
        hostgroup: text(name(&facts.hostgroup), |row| &row.hostgroup),
        operatingsystem: text(name(&facts.operatingsystem), |row| &row.operatingsystem),
        model: text(name(&facts.model), |row| &row.model),
        created_at: known.map_or(now, |row| row.created_at),
        updated_at: now,
        retired_at: None,
    }
}
