-- What a backup notes about the ledger, and what a restore asks of a database.

-- name: lift_limits
-- Counting and collecting statistics take as long as the tables are large.
SELECT set_config('statement_timeout', '0', false), set_config('idle_in_transaction_session_timeout', '0', false)

-- name: export_snapshot
-- Lets others read what this transaction sees.
SELECT pg_export_snapshot()

-- name: server_version
-- The number of the server's version, such as 160014.
SELECT current_setting('server_version_num')::integer

-- name: counts
-- How many rows there are of what matters most.
SELECT (SELECT count(*) FROM call_cost_events) AS events,
       (SELECT count(*) FROM event_identities) AS identities,
       (SELECT count(*) FROM calls) AS calls,
       (SELECT count(*) FROM dead_letters) AS dead_letters,
       (SELECT count(*) FROM budget_alerts) AS alerts,
       (SELECT count(*) FROM notice_deliveries) AS deliveries

-- name: positions
-- Where each partition stands.
SELECT cluster, topic, "partition", next_offset FROM stream_offsets ORDER BY 1, 2, 3

-- name: holds
-- How many tables and views the schema holds.
SELECT count(*) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')

-- name: close
-- Takes the epochs away, without which no process begins to record or show anything.
DO $$
BEGIN
    IF to_regclass('ledger_epochs') IS NOT NULL THEN
        DELETE FROM ledger_epochs;
    END IF;
END $$

-- name: empty
-- Drops whatever the schema holds: views, tables, sequences and functions; and the functions of reads.
DO $$
DECLARE
    command text;
BEGIN
    DROP SCHEMA IF EXISTS cost_analytics_reads CASCADE;
    FOREACH command IN ARRAY ARRAY(
        SELECT format('DROP %s IF EXISTS %I CASCADE',
                      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, relname)
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
        ORDER BY relkind IN ('r', 'p')
    )
    LOOP
        EXECUTE command;
    END LOOP;
    -- All at once: dropping one may drop others, whose names could not be written any more.
    FOREACH command IN ARRAY ARRAY(
        SELECT format('DROP SEQUENCE IF EXISTS %I CASCADE', relname) FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc AS p
        WHERE p.pronamespace = current_schema()::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    )
    LOOP
        EXECUTE command;
    END LOOP;
END $$

-- name: keep_epochs
-- Keeps the epochs that the backup knew: numbers, times, reasons, and what was done for each.
INSERT INTO ledger_epochs (epoch, raised_at, reason, published_at, journal_read_at)
SELECT * FROM unnest(:epochs::bigint[], :raised_at::timestamptz[], :reasons::text[],
                     :published_at::timestamptz[], :journal_read_at::timestamptz[])
ON CONFLICT (epoch) DO NOTHING

-- name: analyze
-- A dump holds no statistics, without which plans are bad.
ANALYZE
