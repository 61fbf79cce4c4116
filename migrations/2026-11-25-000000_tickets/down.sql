drop table tracker_pace;
drop table ticket_posts;
drop table ticket_events;
drop table tickets;
