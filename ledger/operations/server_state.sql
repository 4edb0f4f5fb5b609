-- The state of the PostgreSQL server, for `cost-analytics doctor`.

-- name: settings
-- Some settings of the server, as this session sees them.
SELECT name, setting FROM pg_settings WHERE name = ANY(:names)

-- name: usage
-- The open connections and their maximum, the age of the oldest transaction id in this database,
-- and the clock.
SELECT (SELECT sum(numbackends)::integer FROM pg_stat_database) AS connections,
       current_setting('max_connections')::integer AS connections_max,
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS transaction_age,
       clock_timestamp() AS clock
