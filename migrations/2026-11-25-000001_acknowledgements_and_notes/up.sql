-- Who took an event on, and for how long. A row belongs to one opening; the latest of an opening decides, and also one that
-- has ended says that the source's own flag counts no more.
create table acknowledgements (
    id bigint generated always as identity primary key,
    event_id text not null check (event_id <> ''),
    event_key text not null check (event_key <> ''),
    author text not null check (author <> ''),
    text text not null default '' check (char_length(text) <= 4000),
    -- Of the event at that time; what is worse later it does not handle.
    severity smallint not null check (severity between 0 and 5),
    until timestamptz,
    -- The first worsening ends it for good, even if the event gets better again.
    until_worsens boolean not null default false,
    created_at timestamptz not null default now(),
    -- It came from the opening before of the same key, which had cleared shortly before.
    inherited boolean not null default false,
    -- Withdrawn, or another took its place.
    ended_at timestamptz,
    ended_by text check (ended_by <> ''),
    check (until > created_at),
    check ((ended_at is null) = (ended_by is null))
);
create unique index acknowledgements_one on acknowledgements (event_id) where ended_at is null;
create index acknowledgements_by_event on acknowledgements (event_id, id desc);
create index acknowledgements_by_key on acknowledgements (event_key);
create index acknowledgements_until_worsens on acknowledgements (event_id) where ended_at is null and until_worsens;

-- What is to be known of a place.
create table place_notes (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('rack', 'row', 'location', 'device')),
    -- By the inventory's count.
    place_id bigint not null check (place_id > 0),
    author text not null check (author <> ''),
    text text not null check (char_length(text) between 1 and 4000),
    until timestamptz,
    -- Since when it handles what opens beneath its place; never, if absent.
    quiet_since timestamptz,
    created_at timestamptz not null default now(),
    edited_at timestamptz,
    deleted_at timestamptz,
    check (until > created_at)
);
create index place_notes_standing on place_notes (id) where deleted_at is null;
create index place_notes_by_place on place_notes (kind, place_id) where deleted_at is null;
