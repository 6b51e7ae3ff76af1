-- Who changed what, when and with which result. Rows can be added and never changed or removed.
-- depends: 0003.check-results

create table if not exists episode_monitor.audit (
    id text collate "C" primary key,
    who text not null,
    what text not null,
    target text not null,
    request jsonb not null,
    result text not null,
    at timestamptz not null,
    stored_at timestamptz not null default now()
);

create index if not exists audit_newest
    on episode_monitor.audit (at desc, id desc);

create or replace function episode_monitor.refuse_audit_change() returns trigger
language plpgsql as $$
begin
    raise exception 'the audit is append-only: % is refused', tg_op
        using errcode = 'insufficient_privilege';
end
$$;

create or replace trigger audit_is_append_only
    before update or delete or truncate on episode_monitor.audit
    for each statement execute function episode_monitor.refuse_audit_change();
