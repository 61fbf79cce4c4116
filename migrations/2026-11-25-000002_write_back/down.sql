alter table acknowledgements
    drop uuid, drop told, drop attempts, drop next_attempt_at, drop sending, drop last_error;
