-- The API accesses tokens only through a function. The :viewer is set before it runs.

-- name: disable
-- Disables the channel whose link has the :token, for the :reason.
SELECT turn_channel_off(:token::text::uuid, :reason) FROM set_config('cost_analytics.viewer', :viewer, true)
