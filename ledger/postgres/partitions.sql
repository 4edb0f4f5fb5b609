-- name: lock
-- One creator at a time, to the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics partitions'))

-- name: create
-- Builds the :partition for times from :since to before :until, then attaches it.
SELECT create_event_partition(:partition, :since, :until)
