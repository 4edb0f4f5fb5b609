-- Reports are functions, so that a read is one round trip. `migrate` makes them from the statements of
-- the program; this table says from which.

CREATE TABLE read_functions (
    name          text        PRIMARY KEY,
    digest        text        NOT NULL,
    installed_at  timestamptz NOT NULL DEFAULT now(),
    superseded_by text
);
COMMENT ON TABLE read_functions IS 'The functions of the schema cost_analytics_reads, made by `migrate`.';
COMMENT ON COLUMN read_functions.digest IS 'Of the definition: a function with another one is made again.';
COMMENT ON COLUMN read_functions.superseded_by IS
    'The set of functions of the release that does without it. It is dropped by the release after that one.';
