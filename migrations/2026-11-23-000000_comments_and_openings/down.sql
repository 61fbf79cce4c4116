drop table audit_log;
drop table updater_fence;
drop table openings;
drop table comments;
