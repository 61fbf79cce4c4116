create index acknowledgements_by_key on acknowledgements (event_key);
create index ticket_events_by_key on ticket_events (event_key);
drop index acknowledgements_by_key_at, ticket_events_by_key_at, ticket_events_by_event;
drop index comments_by_key_at, comments_by_event;
drop index openings_open_by_rack, openings_by_end, openings_by_key_end;
drop table changes;
