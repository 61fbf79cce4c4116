-- A ticket as somebody wants it, and what has become of it in the tracker. The row is the outbox too: handlers only write
-- it, and the delivery job sends it.
create table tickets (
    id bigint generated always as identity primary key,
    -- Sent as heat-<uuid>, so that the tracker makes one ticket of however many attempts.
    uuid text not null unique default gen_random_uuid()::text,
    state text not null default 'pending' check (state in ('pending', 'created', 'failed', 'closed')),
    -- Opened elsewhere; Heat only looks it up.
    attached boolean not null default false,
    template text check (template <> ''),
    templates_version text check (templates_version <> ''),
    -- What is sent: the fields of heat::ticket::Draft.
    draft jsonb not null,
    -- The worst of its events when it was made; what is worse later it does not handle.
    severity smallint not null check (severity between 0 and 5),
    incident text check (incident <> ''),
    comment_on_more text check (comment_on_more <> ''),
    comment_on_clear text check (comment_on_clear <> ''),
    author text not null check (author <> ''),
    idempotency_key text check (idempotency_key <> ''),
    request_digest text,
    -- As the tracker calls it.
    key text check (key <> ''),
    url text not null default '',
    status text not null default '',
    attempts integer not null default 0 check (attempts >= 0),
    attempted_at timestamptz,
    next_attempt_at timestamptz not null default now(),
    -- An attempt is under way, or its sender died in it.
    sending boolean not null default false,
    -- An attempt ended without an answer: the tracker may have made the ticket.
    maybe_sent boolean not null default false,
    last_error text not null default '',
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    closed_at timestamptz,
    refreshed_at timestamptz,
    -- Since when all its events are over; the comment that says so comes once the quiet period is over too.
    cleared_at timestamptz,
    clear_said boolean not null default false,
    -- Attempts go on for a day from here.
    due_since timestamptz not null default now(),
    check (state in ('pending', 'failed') or key is not null),
    check (not attached or key is not null)
);
create unique index tickets_once on tickets (author, idempotency_key) where idempotency_key is not null;
create unique index tickets_by_key on tickets (key) where key is not null and state <> 'failed';
create index tickets_due on tickets (next_attempt_at) where state = 'pending';
create index tickets_open on tickets (refreshed_at) where state in ('created', 'closed');

-- Which openings a ticket covers.
create table ticket_events (
    ticket_id bigint not null references tickets on delete cascade,
    event_id text not null check (event_id <> ''),
    event_key text not null check (event_key <> ''),
    -- The event as it was when it was added, for the words of the robot's comments.
    member jsonb not null,
    added_by text not null check (added_by <> ''),
    added_at timestamptz not null default now(),
    -- Covered by this ticket and no other.
    active boolean not null default true,
    removed_at timestamptz,
    -- The ticket speaks of it, in its description or in a comment.
    announced boolean not null default false,
    primary key (ticket_id, event_id),
    check (not active or removed_at is null)
);
create unique index ticket_events_one_ticket on ticket_events (event_id) where active;
create index ticket_events_by_key on ticket_events (event_key);

-- What the robot is to add to a ticket.
create table ticket_posts (
    id bigint generated always as identity primary key,
    -- Stands in the comment as heat:<uuid>, so that a repeated attempt can see whether the one before arrived.
    uuid text not null unique default gen_random_uuid()::text,
    ticket_id bigint not null references tickets on delete cascade,
    kind text not null check (kind in ('more', 'clear', 'operator', 'link')),
    -- The words, or the key of the ticket to link. Those of `more` and `clear` are found at the first attempt.
    body text,
    author text not null check (author <> ''),
    state text not null default 'pending' check (state in ('pending', 'sent', 'failed')),
    attempts integer not null default 0 check (attempts >= 0),
    attempted_at timestamptz,
    next_attempt_at timestamptz not null default now(),
    sending boolean not null default false,
    maybe_sent boolean not null default false,
    last_error text not null default '',
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    check (kind in ('more', 'clear') or body is not null)
);
create index ticket_posts_due on ticket_posts (next_attempt_at) where state = 'pending';
create index ticket_posts_by_ticket on ticket_posts (ticket_id);
-- What is added within a quiet period is said in one comment.
create unique index ticket_posts_one_more on ticket_posts (ticket_id)
    where kind = 'more' and state = 'pending' and attempts = 0;

-- When the tracker may be asked next. Here and not in the process, so that a restart does not begin a new burst.
create table tracker_pace (
    only_row boolean primary key default true check (only_row),
    next_call_at timestamptz not null default now(),
    next_search_at timestamptz not null default now()
);
insert into tracker_pace default values;
