-- The API accesses tickets only through functions. The :viewer is set before they run.

-- name: issue
-- Stores a ticket by its :digest for the user :user_id with the :role, whose token expires at
-- :token_expires_at (seconds since 1970), for :seconds; false if the user has :limit tickets already.
SELECT issue_ticket(:digest, :user_id, :role, :token_expires_at, :seconds, :limit)
FROM set_config('cost_analytics.viewer', :viewer, true)

-- name: redeem
-- Redeems the ticket with the :digest.
SELECT t.* FROM set_config('cost_analytics.viewer', :viewer, true), redeem_ticket(:digest) AS t
