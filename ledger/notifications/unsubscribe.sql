-- Only the function accesses tokens. The viewer is set before it runs.

-- name: turn_off
-- Disables the channel whose link has the :token, for the :reason.
SELECT turn_channel_off(:token::text::uuid, :reason) FROM set_config('cost_analytics.viewer', :viewer, true)
