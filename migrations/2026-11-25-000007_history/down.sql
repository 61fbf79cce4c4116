drop index ticket_events_by_event, comments_between, comments_by_event;
drop index openings_open_by_rack, openings_by_end, openings_by_key_end;
drop table changes;
