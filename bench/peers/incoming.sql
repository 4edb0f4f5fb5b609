-- Holds the rows of the batch that a connection is recording.
CREATE TEMPORARY TABLE incoming (LIKE cost_events) ON COMMIT DELETE ROWS
