-- name: known
-- The bill with the :digest, if there is one.
SELECT bill_id, imported_at, withdrawn_at FROM vendor_bills WHERE digest = :digest

-- name: add
-- Inserts a bill: its digest, its name, and who imports it; nothing if it exists.
INSERT INTO vendor_bills (digest, name, imported_by) VALUES (:digest, :name, :imported_by)
ON CONFLICT (digest) DO NOTHING
RETURNING bill_id

-- name: add_lines
-- Inserts the lines of the bill :bill_id.
INSERT INTO vendor_bill_lines (bill_id, line, service, day, quantity, amount_nano)
SELECT :bill_id, * FROM unnest(:lines::integer[], :services::text[], :days::date[],
                               :quantities::numeric[], :amounts::bigint[])

-- name: shared_days
-- The number of days of a service for which the bill :bill_id and other bills have lines.
SELECT count(*) FROM (
    SELECT DISTINCT day, service FROM vendor_bill_lines WHERE bill_id = :bill_id
    INTERSECT
    SELECT day, service FROM vendor_bill_lines JOIN vendor_bills USING (bill_id)
    WHERE bill_id <> :bill_id AND withdrawn_at IS NULL
) AS shared

-- name: count_again
-- Makes a withdrawn bill count again.
UPDATE vendor_bills SET withdrawn_at = NULL WHERE bill_id = :bill_id

-- name: withdraw
-- Withdraws the bill :bill_id; nothing if there is none or it is withdrawn already.
UPDATE vendor_bills SET withdrawn_at = now() WHERE bill_id = :bill_id AND withdrawn_at IS NULL

-- name: list
-- All bills with their sums.
SELECT bill_id, name, imported_by, imported_at, withdrawn_at IS NOT NULL AS withdrawn,
       count(*) AS lines, min(day) AS first_day, max(day) AS last_day,
       array_agg(DISTINCT service ORDER BY service) AS services, sum(amount_nano) AS amount_nano
  FROM vendor_bills
  JOIN vendor_bill_lines USING (bill_id)
 GROUP BY bill_id
 ORDER BY bill_id
