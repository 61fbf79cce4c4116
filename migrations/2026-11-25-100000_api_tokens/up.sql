-- Tokens by which programs and screens on walls come in. The token itself is nowhere: it has 256 random bits, so its digest
-- can be kept without salt and be looked up by.
create table api_tokens (
    id bigint generated always as identity primary key,
    name text not null check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    digest bytea not null unique check (octet_length(digest) = 32),
    role text not null check (role in ('viewer', 'operator', 'admin')),
    -- Of a screen: where it is sent, and it may only read.
    screen_path text check (screen_path = '/' or screen_path ~ '^/[^/\\]'),
    created_at timestamptz not null default now(),
    created_by text not null check (created_by <> ''),
    expires_at timestamptz not null check (expires_at > created_at),
    -- To the minute.
    last_used_at timestamptz,
    revoked_at timestamptz,
    check (screen_path is null or role = 'viewer')
);
-- A name says who did something; one that is revoked may be given anew.
create unique index api_tokens_one_of_a_name on api_tokens (name) where revoked_at is null;

create index audit_log_by_actor on audit_log (actor, id desc);
