//! The tables as Diesel sees them; `migrations/` is what makes them so, and a test compares both.

diesel::table! {
    hosts (id) {
        id -> Uuid,
        name -> Text,
        foreman_id -> Nullable<Int8>,
        mac -> Nullable<Text>,
        ip -> Nullable<Text>,
        organization -> Nullable<Text>,
        location -> Nullable<Text>,
        hostgroup -> Nullable<Text>,
        operatingsystem -> Nullable<Text>,
        model -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    plans (digest) {
        digest -> Bytea,
        steps -> Jsonb,
        events -> Jsonb,
        expected_boots -> Int4,
    }
}

diesel::table! {
    builds (id) {
        id -> Uuid,
        host_id -> Uuid,
        workflow -> Text,
        plan -> Bytea,
        state -> Text,
        attempt -> Int4,
        floor -> Int4,
        reported -> Nullable<Int4>,
        reports -> Int4,
        started_at -> Timestamptz,
        expires_at -> Timestamptz,
        installed_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        last_report_at -> Nullable<Timestamptz>,
        last_message -> Nullable<Text>,
        current_step -> Nullable<Text>,
        boot_id -> Nullable<Text>,
        seqs -> Jsonb,
        marks -> Jsonb,
        rejected_reports -> Int4,
        rejected_label -> Nullable<Text>,
        rejected_at -> Nullable<Timestamptz>,
        limited_reports -> Int4,
        limited_at -> Nullable<Timestamptz>,
        version -> Int8,
        evidence -> Jsonb,
        is_learned -> Bool,
    }
}

diesel::table! {
    step_runs (build_id, attempt, label) {
        build_id -> Uuid,
        attempt -> Int4,
        label -> Text,
        name -> Nullable<Text>,
        priority -> Nullable<Int4>,
        state -> Text,
        inferred -> Bool,
        percentage -> Nullable<Int4>,
        started_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        attempts -> Int4,
        message -> Nullable<Text>,
    }
}

diesel::table! {
    reports (build_id, id) {
        build_id -> Uuid,
        id -> Uuid,
        received_at -> Timestamptz,
        reported_at -> Nullable<Timestamptz>,
        seq -> Nullable<Int8>,
        position -> Int4,
        log_bytes -> Nullable<Int4>,
        attempt -> Int2,
        priority -> Nullable<Int2>,
        percentage -> Nullable<Int2>,
        label -> Text,
        status -> Nullable<Text>,
        message -> Nullable<Text>,
        log -> Nullable<Text>,
        name -> Nullable<Text>,
        boot_id -> Nullable<Text>,
        activity -> Nullable<Bool>,
    }
}

diesel::table! {
    report_logs (build_id, report_id) {
        build_id -> Uuid,
        report_id -> Uuid,
        cut -> Int8,
        text -> Text,
    }
}

diesel::table! {
    credentials (hash) {
        hash -> Bytea,
        build_id -> Uuid,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    steps (label) {
        label -> Text,
        owner -> Text,
        name -> Text,
        description -> Nullable<Text>,
        priority -> Int4,
        weight_seconds -> Int4,
        timeout_seconds -> Int4,
    }
}

diesel::table! {
    workflows (name) {
        name -> Text,
        owner -> Text,
        title -> Text,
        description -> Nullable<Text>,
        registry -> Nullable<Text>,
        steps -> Jsonb,
        events -> Jsonb,
        expected_boots -> Nullable<Int4>,
    }
}

diesel::table! {
    tokens (id) {
        id -> Uuid,
        kind -> Text,
        name -> Text,
        scope -> Nullable<Text>,
        organizations -> Array<Text>,
        locations -> Array<Text>,
        created_at -> Timestamptz,
        created_by -> Text,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        revoked_by -> Nullable<Text>,
    }
}

diesel::table! {
    mutes (id) {
        id -> Uuid,
        host_id -> Nullable<Uuid>,
        search -> Nullable<Text>,
        until -> Timestamptz,
        reason -> Text,
        created_at -> Timestamptz,
        created_by -> Text,
        organizations -> Array<Text>,
        locations -> Array<Text>,
    }
}

diesel::table! {
    audit (id) {
        id -> Uuid,
        at -> Timestamptz,
        actor -> Text,
        action -> Text,
        target -> Text,
        detail -> Nullable<Text>,
        organization -> Nullable<Text>,
        location -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Text,
    }
}

diesel::table! {
    timings (workflow, hostgroup, model) {
        workflow -> Text,
        hostgroup -> Text,
        model -> Text,
        steps -> Jsonb,
        revision -> Int8,
    }
}

diesel::table! {
    told (build_id) {
        build_id -> Uuid,
        is_open -> Bool,
        state -> Nullable<Text>,
        attempt -> Int4,
        signals -> Array<Text>,
    }
}

diesel::table! {
    sweeper (is_only) {
        is_only -> Bool,
        ran_at -> Timestamptz,
    }
}

diesel::table! {
    outbox (id) {
        id -> Uuid,
        build_id -> Nullable<Uuid>,
        topic -> Text,
        at -> Timestamptz,
        body -> Text,
    }
}

diesel::table! {
    hooks (id) {
        id -> Uuid,
        name -> Text,
        url -> Text,
        format -> Text,
        events -> Array<Text>,
        search -> Nullable<Text>,
        organizations -> Array<Text>,
        locations -> Array<Text>,
        secret -> Text,
        old_secret -> Nullable<Text>,
        old_secret_until -> Nullable<Timestamptz>,
        is_enabled -> Bool,
        disabled_reason -> Nullable<Text>,
        created_at -> Timestamptz,
        created_by -> Text,
        failing_since -> Nullable<Timestamptz>,
        failures -> Int4,
        busy_until -> Timestamptz,
    }
}

diesel::table! {
    deliveries (hook_id, event_id) {
        hook_id -> Uuid,
        event_id -> Uuid,
        state -> Text,
        due_at -> Timestamptz,
        attempts -> Int4,
        attempted_at -> Nullable<Timestamptz>,
        status -> Nullable<Int4>,
        error -> Nullable<Text>,
    }
}

diesel::joinable!(builds -> hosts (host_id));
diesel::joinable!(deliveries -> outbox (event_id));
diesel::joinable!(builds -> plans (plan));
diesel::allow_tables_to_appear_in_same_query!(builds, hosts, plans);
diesel::allow_tables_to_appear_in_same_query!(deliveries, outbox);
