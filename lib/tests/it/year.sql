-- {days} days of history with {per_day} openings a day, as a large site has it: a tenth of them of fifty keys that flap,
-- the last 2,000 still open, and a few that have been open for long. People comment on every twentieth, acknowledge every
-- tenth and write a ticket on every fiftieth.
set statement_timeout = 0;
set work_mem = '256MB';
set maintenance_work_mem = '512MB';
insert into openings (id, event_key, source, host, name, device_id, rack_id, severity_first, severity_peak, opened_at, closed_at)
select 'zabbix:' || n || ':srv-' || host, 'zabbix:' || check_of || ':srv-' || host, 'zabbix', 'srv-' || host,
       'Unavailable by ICMP ping', 10000 + host, 1 + host % 2500, n % 5, n % 5 + n % 2, opened_at,
       case when n > {days} * {per_day} - 2000 or n % 36500 = 0 then null
            else opened_at + make_interval(secs => 60 + n % 7000) end
from (
    select n, case when n % 10 = 0 then n / 10 % 50 else (n * 7919::bigint) % 50000 end as host,
           case when n % 10 = 0 then 0 else 30000 + n % 3 end as check_of,
           date_trunc('second', now() - make_interval(secs => ({days} * {per_day} - n) * 86400.0 / {per_day})) as opened_at
    from generate_series(1, {days} * {per_day}) as n
) as made;

insert into comments (event_key, event_id, author, text, created_at)
select event_key, case when row_number() over () % 10 > 0 then id end, 'ann', 'On my way', opened_at + interval '1 minute'
from openings where hashtext(id) % 20 = 0 order by opened_at;

insert into acknowledgements (event_id, event_key, author, severity, created_at)
select id, event_key, 'ann', severity_first, opened_at + interval '2 minutes'
from openings where hashtext(id) % 10 = 0 order by opened_at;

insert into tickets (state, draft, severity, author, key, created_at)
select 'closed', '{}', 3, 'ann', 'NOC-' || n, now() - make_interval(secs => n)
from generate_series(1, {days} * {per_day} / 100) as n;

insert into ticket_events (ticket_id, event_id, event_key, member, added_by, added_at, active)
select 1 + n / 2, id, event_key, '{}', 'ann', opened_at + interval '3 minutes', false
from (select *, row_number() over (order by opened_at) - 1 as n from openings where hashtext(id) % 50 = 0) as covered
where 1 + n / 2 <= {days} * {per_day} / 100;

insert into changes (kind, at, recorded_at, event_key, event_id, severity, subject)
select kind, at, at, event_key, event_id, severity, subject from (
    select 'opened' as kind, opened_at as at, event_key, id as event_id, severity_first as severity, null::bigint as subject
    from openings
    union all
    select 'cleared', closed_at, event_key, id, severity_peak, null from openings where closed_at is not null
    union all
    select 'commented', created_at, event_key, event_id, null, id from comments
    union all
    select 'acknowledged', created_at, event_key, event_id, severity, id from acknowledgements
    union all
    select 'ticketed', added_at, event_key, event_id, null, ticket_id from ticket_events
) as happened
order by at;
