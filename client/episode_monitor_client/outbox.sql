-- The tables of the transactional outbox, for PostgreSQL 13 and later. It may be run again and again.

-- A project's row is locked from `add` to the end of the transaction: so the order of sequences is that of commits.
-- `source` is drawn once for each project, so that tables made anew never repeat a pair of source and sequence.
CREATE TABLE IF NOT EXISTS episode_event_outbox_projects (
    project_id text PRIMARY KEY,
    source text NOT NULL,
    sequence bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS episode_event_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slot smallint NOT NULL CHECK (slot BETWEEN 0 AND 15),
    project_id text NOT NULL,
    source text NOT NULL,
    sequence bigint NOT NULL,
    body text NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    failure text
);
CREATE INDEX IF NOT EXISTS episode_event_outbox_waiting ON episode_event_outbox (slot, id) WHERE failure IS NULL;

-- One relay at a time has a slot, and all events of a project are in one slot.
CREATE TABLE IF NOT EXISTS episode_event_outbox_slots (
    slot smallint PRIMARY KEY
);
INSERT INTO episode_event_outbox_slots (slot) SELECT n FROM generate_series(0, 15) AS n ON CONFLICT DO NOTHING;
