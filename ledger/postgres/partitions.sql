-- Monthly partitions of `call_cost_events`.

-- name: lock
-- Locks the creation of partitions to the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics partitions'))

-- name: create
-- Builds the :partition for times from :since to before :until, then attaches it.
SELECT create_event_partition(:partition, :since, :until)
