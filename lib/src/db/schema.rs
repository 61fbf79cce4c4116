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

diesel::table! {
    tickets (id) {
        id -> BigInt,
        uuid -> Text,
        state -> Text,
        attached -> Bool,
        template -> Nullable<Text>,
        templates_version -> Nullable<Text>,
        draft -> Jsonb,
        severity -> SmallInt,
        incident -> Nullable<Text>,
        comment_on_more -> Nullable<Text>,
        comment_on_clear -> Nullable<Text>,
        author -> Text,
        idempotency_key -> Nullable<Text>,
        request_digest -> Nullable<Text>,
        key -> Nullable<Text>,
        url -> Text,
        status -> Text,
        attempts -> Integer,
        attempted_at -> Nullable<Timestamptz>,
        next_attempt_at -> Timestamptz,
        sending -> Bool,
        maybe_sent -> Bool,
        last_error -> Text,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        refreshed_at -> Nullable<Timestamptz>,
        cleared_at -> Nullable<Timestamptz>,
        clear_said -> Bool,
        due_since -> Timestamptz,
    }
}

diesel::table! {
    ticket_events (ticket_id, event_id) {
        ticket_id -> BigInt,
        event_id -> Text,
        event_key -> Text,
        member -> Jsonb,
        added_by -> Text,
        added_at -> Timestamptz,
        active -> Bool,
        removed_at -> Nullable<Timestamptz>,
        announced -> Bool,
    }
}

diesel::table! {
    ticket_posts (id) {
        id -> BigInt,
        uuid -> Text,
        ticket_id -> BigInt,
        kind -> Text,
        body -> Nullable<Text>,
        author -> Text,
        state -> Text,
        attempts -> Integer,
        attempted_at -> Nullable<Timestamptz>,
        next_attempt_at -> Timestamptz,
        sending -> Bool,
        maybe_sent -> Bool,
        last_error -> Text,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    acknowledgements (id) {
        id -> BigInt,
        event_id -> Text,
        event_key -> Text,
        author -> Text,
        text -> Text,
        severity -> SmallInt,
        until -> Nullable<Timestamptz>,
        until_worsens -> Bool,
        created_at -> Timestamptz,
        inherited -> Bool,
        ended_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Text>,
    }
}

diesel::table! {
    place_notes (id) {
        id -> BigInt,
        kind -> Text,
        place_id -> BigInt,
        author -> Text,
        text -> Text,
        until -> Nullable<Timestamptz>,
        quiet_since -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        edited_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        name -> Text,
        digest -> Bytea,
        role -> Text,
        screen_path -> Nullable<Text>,
        created_at -> Timestamptz,
        created_by -> Text,
        expires_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(ticket_events -> tickets (ticket_id));
diesel::allow_tables_to_appear_in_same_query!(tickets, ticket_events, ticket_posts);

diesel::table! {
    views (id) {
        id -> BigInt,
        name -> Text,
        expression -> Text,
        filter -> Text,
        owner -> Text,
        shared -> Bool,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
