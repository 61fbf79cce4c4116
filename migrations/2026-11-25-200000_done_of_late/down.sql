create index acknowledgements_by_key on acknowledgements (event_key);
drop index acknowledgements_by_key_at;
create index ticket_events_by_key on ticket_events (event_key);
drop index ticket_events_by_key_at;
create index comments_between on comments (event_key, created_at) where event_id is null and deleted_at is null;
drop index comments_by_key_at;
