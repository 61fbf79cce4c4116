-- What was done of late about a key: one that flaps for a year has thousands of each.
create index comments_by_key_at on comments (event_key, created_at) where deleted_at is null;
drop index comments_between;
create index ticket_events_by_key_at on ticket_events (event_key, added_at);
drop index ticket_events_by_key;
create index acknowledgements_by_key_at on acknowledgements (event_key, created_at);
drop index acknowledgements_by_key;
