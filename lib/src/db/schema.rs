//! The tables as diesel sees them; the truth is in `migrations/`.

diesel::table! {
    comments (id) {
        id -> BigInt,
        event_key -> Text,
        event_id -> Nullable<Text>,
        author -> Text,
        text -> Text,
        created_at -> Timestamptz,
        edited_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    openings (id) {
        id -> Text,
        event_key -> Text,
        source -> Text,
        host -> Text,
        name -> Text,
        device_id -> Nullable<BigInt>,
        rack_id -> Nullable<BigInt>,
        severity_first -> SmallInt,
        severity_peak -> SmallInt,
        opened_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    updater_fence (only_row) {
        only_row -> Bool,
        fence -> BigInt,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        at -> Timestamptz,
        actor -> Text,
        action -> Text,
        target -> Text,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
        via -> Text,
        request_id -> Text,
    }
}
