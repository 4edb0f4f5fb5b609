-- name: lock
-- One creator at a time, to the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics partitions'))

-- name: create
-- Builds the partition $1 for times from $2 to before $3 beside the table, then attaches it.
SELECT create_event_partition($1, $2, $3)
