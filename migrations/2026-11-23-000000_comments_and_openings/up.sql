-- What operators say about an event. It hangs on the event's key and so outlives the opening.
create table comments (
    id bigint generated always as identity primary key,
    event_key text not null check (event_key <> ''),
    -- The opening it was written at, where there was one.
    event_id text check (event_id <> ''),
    author text not null check (author <> ''),
    text text not null check (char_length(text) between 1 and 4000),
    created_at timestamptz not null default now(),
    edited_at timestamptz,
    deleted_at timestamptz
);
create index comments_by_key on comments (event_key, id desc) where deleted_at is null;

-- The history of events: one row for each opening, written by the working updater alone.
create table openings (
    id text primary key check (id <> ''),
    event_key text not null check (event_key <> ''),
    source text not null check (source <> ''),
    host text not null,
    name text not null,
    device_id bigint,
    rack_id bigint,
    severity_first smallint not null check (severity_first between 0 and 5),
    severity_peak smallint not null check (severity_peak between severity_first and 5),
    opened_at timestamptz not null,
    closed_at timestamptz check (closed_at >= opened_at)
);
create index openings_active on openings (source) where closed_at is null;
create index openings_by_key on openings (event_key, opened_at desc);
create index openings_by_rack on openings (rack_id, opened_at desc) where rack_id is not null;

-- The greatest fence an updater has written with; a deposed one finds a greater one and writes nothing.
create table updater_fence (
    only_row boolean primary key default true check (only_row),
    fence bigint not null
);
insert into updater_fence (fence) values (0);

-- Who did what to what.
create table audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null check (actor <> ''),
    action text not null check (action <> ''),
    target text not null,
    before jsonb,
    after jsonb,
    via text not null,
    request_id text not null
);
create index audit_log_by_target on audit_log (target, id desc);
