-- What sources are told of acknowledgements.
alter table acknowledgements
    -- Stands in the source as heat:<uuid>, so that a repeated attempt can see whether the one before arrived.
    add uuid text not null unique default gen_random_uuid()::text,
    add told text not null default 'nothing' check (told in ('nothing', 'given', 'ended')),
    add attempts integer not null default 0 check (attempts >= 0),
    add next_attempt_at timestamptz not null default now(),
    -- An attempt is under way, or its sender died in it, or its answer got lost.
    add sending boolean not null default false,
    add last_error text not null default '';
create index acknowledgements_to_tell on acknowledgements (next_attempt_at) where told <> 'ended';
