-- Named heatmaps: which racks and devices, and which of their events.
create table views (
    id bigint generated always as identity primary key,
    name text not null check (char_length(name) between 1 and 80),
    -- RackCode; empty for everything.
    expression text not null default '' check (char_length(expression) <= 4000),
    -- The filter grammar; empty for every event.
    filter text not null default '' check (char_length(filter) <= 2000),
    owner text not null check (owner <> ''),
    shared boolean not null default false,
    -- Grows with each change.
    version bigint not null default 1 check (version > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index views_by_owner on views (owner, name);
