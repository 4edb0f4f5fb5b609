-- The ledger's state in a backup's manifest, and the steps of a restore.

-- name: lift_limits
-- Removes time limits: counting and collecting statistics take long on large tables.
SELECT set_config('statement_timeout', '0', false), set_config('idle_in_transaction_session_timeout', '0', false)

-- name: export_snapshot
-- Exports the snapshot of this transaction.
SELECT pg_export_snapshot()

-- name: server_version
-- The server's version number, such as 160014.
SELECT current_setting('server_version_num')::integer

-- name: server_name
-- The server's name, usually empty.
SELECT current_setting('cluster_name')

-- name: counts
-- The row counts of the most important tables.
SELECT (SELECT count(*) FROM call_cost_events) AS events,
       (SELECT count(*) FROM event_identities) AS identities,
       (SELECT count(*) FROM calls) AS calls,
       (SELECT count(*) FROM dead_letters) AS dead_letters,
       (SELECT count(*) FROM budget_alerts) AS alerts,
       (SELECT count(*) FROM notice_deliveries) AS deliveries

-- name: positions
-- The position of each partition.
SELECT cluster, topic, "partition", next_offset FROM stream_offsets ORDER BY 1, 2, 3

-- name: unreadable
-- The login of this session, and a table or sequence that it cannot read completely; no row if there is none.
SELECT session_user::text AS login, relname::text AS relation
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'S')
  AND (NOT has_table_privilege(oid, 'SELECT') OR row_security_active(oid))
ORDER BY relname LIMIT 1

-- name: relations
-- The number of tables and views in the schema.
SELECT count(*) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')

-- name: close
-- Deletes the epochs, without which no process records or shows anything.
DO $$
BEGIN
    IF to_regclass('ledger_epochs') IS NOT NULL THEN
        DELETE FROM ledger_epochs;
    END IF;
END $$

-- name: begin_restore
-- Marks the database, so that `migrate` makes no new ledger of it until the restore is complete. The mark is a schema
-- of its own: dumps do not contain it, and the schema of the tables stays empty.
CREATE SCHEMA IF NOT EXISTS cost_analytics_restore

-- name: end_restore
-- Removes the mark: the restore is complete.
DROP SCHEMA IF EXISTS cost_analytics_restore

-- name: empty
-- Locks all tables without waiting, then drops all views, tables, sequences and functions of the schema, and the schema
-- of the read functions. Marks the database as `begin_restore` does.
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE NOWAIT', relname)
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    LOOP
        EXECUTE command;
    END LOOP;
    CREATE SCHEMA IF NOT EXISTS cost_analytics_restore;
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
    -- Names first, then drops: dropping one routine may drop others, and their names would then be unknown.
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
-- Stores the epochs of the backup: numbers, times, reasons, and what was done for each.
INSERT INTO ledger_epochs (epoch, raised_at, reason, published_at, journal_read_at)
SELECT * FROM unnest(:epochs::bigint[], :raised_at::timestamptz[], :reasons::text[],
                     :published_at::timestamptz[], :journal_read_at::timestamptz[])
ON CONFLICT (epoch) DO NOTHING

-- name: analyze
-- Collects planner statistics, which are not in a dump.
ANALYZE
