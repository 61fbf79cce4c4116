drop index audit_log_by_actor;
drop table api_tokens;
