-- Rights of roles. A role may do nothing that is not listed here, and each table and view has its row: a
-- test names those without one. `migrate` makes the database agree with this file.
--
--   S SELECT   I INSERT   U UPDATE   D DELETE   - nothing, or only what `of_columns` lists
--
--   worker         counts events and applies prices, for all users
--   notifications  delivers notifications, detects anomalies, refreshes prices, for all users
--   operator       the command line: verify, rebuild, prices, bills, dlq and so on, for all users
--   api            changes, exports and reads of several statements, for its transaction's viewer
--   reports        owns the API's read functions; reads for the viewer of each call
--   figures        owns the functions of `GET /metrics`
--
-- Rows of a user also need row policies for `api` and `reports`: see CONTRIBUTING.md.

-- name: of_tables
SELECT * FROM (VALUES
    --                         worker  notif.  operat. api     reports figures
    ('event_identities',       'SID',  '-',    'SI',   '-',    '-',    '-'),
    ('call_cost_events',       'SI',   'S',    'SI',   'S',    'S',    '-'),
    ('held_events',            'SID',  '-',    'SID',  '-',    '-',    '-'),
    ('unpriced_events',        'SID',  'S',    'SID',  'S',    'S',    '-'),
    ('span_costs',             'SIUD', '-',    'S',    '-',    '-',    '-'),
    ('attached_traces',        'SID',  '-',    'S',    'S',    '-',    '-'),
    ('span_checks',            'SID',  '-',    '-',    '-',    '-',    '-'),
    ('calls',                  'SIUD', 'S',    'SIUD', 'S',    'S',    '-'),
    ('user_days',              'SIUD', 'S',    'SIUD', 'S',    'S',    '-'),
    ('user_day_costs',         'SIUD', 'S',    'SIUD', 'S',    'S',    '-'),
    ('user_spend',             'SIUD', 'S',    'SIUD', 'S',    'S',    '-'),
    ('user_activity',          'SIUD', 'S',    'SIUD', 'S',    'S',    '-'),
    ('everyone_days',          'SIUD', '-',    'SIUD', 'S',    'S',    '-'),
    ('everyone_day_costs',     'SIUD', '-',    'SIUD', 'S',    'S',    '-'),
    ('service_prices',         'S',    'SIU',  'SIU',  'SI',   'S',    '-'),
    ('charge_plans',           'S',    'S',    'SI',   'SI',   'S',    '-'),
    ('model_aliases',          'S',    'SI',   'SI',   'SI',   'S',    '-'),
    ('price_proposals',        'SD',   'SIU',  'SIU',  'SIU',  'S',    '-'),
    ('price_refreshes',        'SD',   'SI',   'SI',   'S',    'S',    '-'),
    ('payment_processors',     'SI',   'S',    'SI',   'S',    'S',    '-'),
    ('user_budget_settings',   'SIU',  'S',    'SIU',  'SIU',  'S',    '-'),
    ('budget_holds',           'SD',   '-',    'SD',   'SIUD', 'S',    '-'),
    ('cost_reservations',      '-',    '-',    'S',    'SIUD', '-',    '-'),
    ('budget_alerts',          'SID',  'S',    'SI',   'SI',   'S',    '-'),
    ('alert_reads',            '-',    '-',    'S',    'SID',  'S',    '-'),
    ('call_cutoffs',           'SID',  '-',    'SI',   'SI',   '-',    '-'),
    ('call_commands',          'SID',  'SIU',  'SI',   'SI',   '-',    '-'),
    ('call_command_attempts',  '-',    'SIU',  'S',    'S',    '-',    '-'),
    ('command_modes',          '-',    'S',    'S',    'SI',   '-',    '-'),
    ('command_journal_reads',  '-',    'SI',   'S',    '-',    '-',    '-'),
    ('cost_anomalies',         'SIUD', 'SIU',  'S',    'S',    'S',    '-'),
    ('anomaly_dismissals',     '-',    '-',    'S',    'SIUD', 'S',    '-'),
    ('anomaly_sweep',          '-',    'SU',   'S',    '-',    '-',    '-'),
    ('pending_anomaly_checks', 'SIUD', 'SIUD', 'SIUD', '-',    '-',    '-'),
    ('notice_channels',        '-',    'SU',   'S',    'D',    '-',    '-'),
    ('notice_codes',           '-',    '-',    'S',    'SIUD', '-',    '-'),
    ('notice_deliveries',      'SD',   'SIUD', 'S',    '-',    '-',    '-'),
    ('notices',                'SI',   'SIUD', 'S',    '-',    '-',    '-'),
    ('notice_schedule',        '-',    'SIUD', 'S',    '-',    '-',    '-'),
    ('notice_attempts',        '-',    'SIUD', 'S',    'S',    'S',    '-'),
    ('live_tickets',           '-',    '-',    'S',    '-',    '-',    '-'),
    ('outbox',                 'SID',  'I',    'SID',  'I',    '-',    '-'),
    ('totals_outbox',          'SIUD', '-',    'SIUD', '-',    '-',    '-'),
    ('message_traces',         'SID',  'S',    '-',    '-',    '-',    '-'),
    ('stream_offsets',         'SIU',  '-',    'SIU',  '-',    '-',    '-'),
    ('stream_gaps',            'SIU',  '-',    'SIU',  'S',    'S',    'S'),
    ('stream_progress',        'SIU',  '-',    '-',    '-',    '-',    '-'),
    ('stream_workers',         'SIUD', '-',    'S',    '-',    '-',    '-'),
    ('dead_letters',           'SID',  '-',    'SIU',  '-',    '-',    '-'),
    ('dead_letter_counts',     'SIU',  '-',    'SIU',  '-',    '-',    'S'),
    ('vendor_bills',           '-',    '-',    'SIU',  'S',    'S',    '-'),
    ('vendor_bill_lines',      '-',    '-',    'SI',   'S',    'S',    '-'),
    ('event_sources',          '-',    '-',    'SIU',  'SI',   '-',    '-'),
    ('api_keys',               '-',    '-',    'SIU',  '-',    '-',    '-'),
    ('webhook_endpoints',      '-',    '-',    'SIUD', 'SID',  '-',    '-'),
    ('webhook_secrets',        '-',    '-',    'SID',  'D',    '-',    '-'),
    ('month_seals',            'SU',   'S',    'SIUD', '-',    '-',    '-'),
    ('sealed_calls',           'S',    'S',    'SID',  'S',    'S',    '-'),
    ('sealed_spend',           'S',    '-',    'SID',  '-',    '-',    '-'),
    ('sealed_voids',           'S',    'S',    'SID',  'S',    'S',    '-'),
    ('archived_cost_kinds',    'S',    'S',    'SI',   'S',    '-',    '-'),
    ('archived_costs',         'SUD',  'S',    'SIUD', 'S',    '-',    '-'),
    ('erasure_keys',           'S',    'S',    'S',    '-',    '-',    '-'),
    ('erased_users',           'S',    'SU',   'SU',   '-',    '-',    '-'),
    ('erased_seals',           '-',    'S',    'S',    '-',    '-',    '-'),
    ('replaced_files',         '-',    '-',    'SID',  '-',    '-',    '-'),
    ('retention_progress',     'SIU',  '-',    'S',    '-',    '-',    'S'),
    ('schema_migrations',      'S',    'S',    'S',    'S',    'S',    'S'),
    ('ledger_epochs',          'SU',   'SU',   'SIU',  'S',    'S',    'S'),
    ('viewer_keys',            '-',    '-',    '-',    '-',    '-',    '-'),
    ('read_functions',         '-',    '-',    '-',    '-',    '-',    '-'),
    -- Views read as their owner, whom row policies do not restrict: never for `api` and `reports`.
    ('counted_costs',          'S',    '-',    'S',    '-',    '-',    '-'),
    ('settled_calls',          'S',    '-',    'S',    '-',    '-',    '-'),
    ('call_facts',             'S',    '-',    'S',    '-',    '-',    '-'),
    ('call_tags',              'S',    '-',    'S',    '-',    '-',    '-'),
    ('rerated_calls',          'S',    '-',    'S',    '-',    '-',    '-'),
    ('cost_postings',          'S',    '-',    'S',    '-',    '-',    '-'),
    ('charge_postings',        'S',    '-',    'S',    '-',    '-',    '-'),
    ('spend_postings',         'S',    '-',    'S',    '-',    '-',    '-'),
    ('waiting_voids',          'S',    '-',    'S',    '-',    '-',    '-'),
    ('known_voids',            'S',    'S',    'S',    '-',    '-',    '-'),
    ('revoked_costs',          'S',    '-',    'S',    '-',    '-',    '-'),
    ('repriceable_costs',      'S',    '-',    'S',    '-',    '-',    '-'),
    ('expected_unpriced_events', 'S',  '-',    'S',    '-',    '-',    '-'),
    ('fact_events',            'S',    '-',    'S',    '-',    '-',    '-'),
    ('settled_roundings',      'S',    '-',    'S',    '-',    '-',    '-'),
    ('leg_pieces',             'S',    '-',    'S',    '-',    '-',    '-'),
    -- These two read with the rights of their reader.
    ('sealed_decisions',       'S',    '-',    'S',    'S',    'S',    '-'),
    ('archived_lines',         'S',    '-',    'S',    'S',    '-',    '-')
) AS decided (relation, worker, notifications, operator, api, reports, figures)

-- name: of_columns
-- Rights to some columns of a table. The API can write the secret that signs webhooks and the code that
-- verifies a channel, but never read them; the same holds for the digests of keys and the secrets of
-- vendors' webhooks.
SELECT * FROM (VALUES
    ('service_prices', 'api', 'UPDATE', 'verified_at, retires_on, is_deprecated, source, source_url, source_date'),
    ('api_keys', 'api', 'SELECT',
     'key_id, hint, service, scopes, created_by, created_at, revoked_by, revoked_at, accepted_at, accepted_call_id, refused_at, refusal'),
    ('api_keys', 'api', 'INSERT', 'digest, hint, service, scopes, created_by'),
    ('api_keys', 'api', 'UPDATE', 'revoked_by, revoked_at'),
    ('webhook_endpoints', 'api', 'UPDATE', 'name'),
    ('webhook_secrets', 'api', 'SELECT', 'secret_id, endpoint_id, created_by, created_at'),
    ('webhook_secrets', 'api', 'INSERT', 'endpoint_id, secret, created_by'),
    ('month_seals', 'api', 'SELECT', 'seal_id, month, part, file, events, sealed_at'),
    ('stream_workers', 'api', 'SELECT', 'partitions, heartbeat_at'),
    ('notice_channels', 'api', 'SELECT',
     'channel_id, user_id, type, address, state, reason, created_at, verified_at, delivered_at, failures, paused_until, kinds, quiet_hours'),
    ('notice_channels', 'api', 'INSERT', 'user_id, type, address, secret, kinds'),
    ('notice_channels', 'api', 'UPDATE', 'state, reason, verified_at, failures, paused_until, kinds, quiet_hours'),
    ('notice_channels', 'reports', 'SELECT',
     'channel_id, user_id, type, address, state, reason, created_at, verified_at, delivered_at, failures, paused_until, kinds, quiet_hours'),
    ('notice_deliveries', 'api', 'SELECT',
     'delivery_id, seq, channel_id, user_id, kind, subject_id, state, reason, attempts, created_at, next_attempt_at, delivered_at, deferred_until'),
    ('notice_deliveries', 'api', 'INSERT', 'channel_id, user_id, kind, code'),
    ('notice_deliveries', 'api', 'UPDATE', 'state, reason, code, next_attempt_at'),
    ('notice_deliveries', 'reports', 'SELECT',
     'delivery_id, seq, channel_id, user_id, kind, subject_id, state, reason, attempts, created_at, next_attempt_at, delivered_at'),
    ('notice_deliveries', 'figures', 'SELECT', 'state, next_attempt_at'),
    ('stream_offsets', 'figures', 'SELECT', 'cluster, topic, "partition", next_offset, updated_at'),
    ('stream_workers', 'figures', 'SELECT', 'partitions, heartbeat_at, clock_skew_ms'),
    ('totals_outbox', 'figures', 'SELECT', 'id, created_at'),
    ('outbox', 'figures', 'SELECT', 'seq, created_at'),
    ('outbox', 'notifications', 'SELECT', 'id'),
    ('held_events', 'figures', 'SELECT', 'identity'),
    ('unpriced_events', 'figures', 'SELECT', 'identity')
) AS decided (relation, role, privilege, columns)
