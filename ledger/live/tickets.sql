-- The functions alone reach tickets. The viewer comes last, signed, and is set before they run:
-- `ReaderPool.read` adds it as the last place, so parameters have places here and no names.

-- name: issue
-- Keeps a ticket by its digest $1 for user $2 in the role $3, whose token ends at $4 (seconds since
-- 1970), for $5 seconds; false where the user has $6 tickets already.
SELECT issue_ticket($1, $2, $3, $4, $5, $6) FROM set_config('cost_analytics.viewer', $7, true)

-- name: redeem
-- Takes the ticket with the digest $1, without a viewer ($2).
SELECT t.* FROM set_config('cost_analytics.viewer', $2, true), redeem_ticket($1) AS t
