-- Budgets of all users and of services are further budgets of the user ''; no user has this id. Their totals exist already:
-- everyone_days and everyone_day_costs. The previous release decides none of them.

ALTER TABLE user_budget_settings ADD COLUMN reviewed_at timestamptz;
COMMENT ON COLUMN user_budget_settings.reviewed_at IS
    'Of the user '''': when the budgets of all users were last decided. Null for users.';

-- No token has an empty user id; these policies hide the rows of all users even so.
CREATE POLICY administrators_budgets ON user_budget_settings AS RESTRICTIVE FOR ALL TO cost_analytics_viewer
    USING (user_id <> '' OR (SELECT reads_all())) WITH CHECK (user_id <> '' OR (SELECT reads_all()));
CREATE POLICY administrators_alerts ON budget_alerts AS RESTRICTIVE FOR ALL TO cost_analytics_viewer
    USING (user_id <> '' OR (SELECT reads_all())) WITH CHECK (user_id <> '' OR (SELECT reads_all()));
