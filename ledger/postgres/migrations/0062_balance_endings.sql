-- Alerts that a prepaid balance ends within a number of days, beside those of amounts. The previous release ignores the
-- new columns, whose defaults are constants.

ALTER TABLE user_budget_settings
    ADD COLUMN low_balance_days  smallint CHECK (low_balance_days BETWEEN 1 AND 90),
    ADD COLUMN balance_ends_soon boolean  NOT NULL DEFAULT false,
    ADD COLUMN balance_crossings integer  NOT NULL DEFAULT 0;
COMMENT ON COLUMN user_budget_settings.low_balance_days IS
    'The user is warned when the balance ends within so many days; null for never.';
COMMENT ON COLUMN user_budget_settings.balance_ends_soon IS 'Whether the balance ended within these days when it was last looked at.';
COMMENT ON COLUMN user_budget_settings.balance_crossings IS 'How often that became true, which numbers the alerts.';

CREATE TABLE balance_ending_alerts (
    alert_id     uuid        PRIMARY KEY,
    user_id      text        COLLATE "C" NOT NULL,
    triggered_at timestamptz NOT NULL,
    data         text        NOT NULL
);
CREATE INDEX balance_ending_alerts_latest ON balance_ending_alerts (user_id, triggered_at);
COMMENT ON TABLE balance_ending_alerts IS
    'Each time that a balance began to end within the days that its user chose.';

ALTER TABLE balance_ending_alerts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON balance_ending_alerts FOR SELECT TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));

SELECT guard_erased_users('balance_ending_alerts', 'skip');
