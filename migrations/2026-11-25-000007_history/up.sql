-- What happened to events, in the order in which Heat learnt of it.
create table changes (
    -- Given under a lock that is held until the commit, so that whoever sees a change sees all with smaller ids too.
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('opened', 'cleared', 'worsened', 'commented', 'acknowledged', 'ticketed')),
    -- When it happened; of an opening by the clock of its source.
    at timestamptz not null,
    -- When Heat learnt of it.
    recorded_at timestamptz not null default clock_timestamp(),
    event_key text not null check (event_key <> ''),
    event_id text check (event_id <> ''),
    severity smallint check (severity between 0 and 5),
    -- The comment, the acknowledgement or the ticket.
    subject bigint,
    check ((subject is null) = (kind in ('opened', 'cleared', 'worsened')))
);
create index changes_by_time on changes (recorded_at);

-- The last of a key that closed, and which are open.
create index openings_by_key_end on openings (event_key, closed_at);
create index openings_by_end on openings (closed_at) where closed_at is not null;
create index openings_open_by_rack on openings (rack_id) where closed_at is null and rack_id is not null;

-- What was said at an opening, and between two of them.
create index comments_by_event on comments (event_id) where event_id is not null and deleted_at is null;
create index comments_between on comments (event_key, created_at) where event_id is null and deleted_at is null;

create index ticket_events_by_event on ticket_events (event_id);
