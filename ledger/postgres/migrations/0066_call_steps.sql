-- Steps before the end of a call that reaches its limit: off for every user. The previous release ignores them.

ALTER TABLE user_budget_settings ADD COLUMN call_steps jsonb;
COMMENT ON COLUMN user_budget_settings.call_steps IS
    'The steps before the end of a call that reaches its limit: whether and when to warn, and to use a cheaper model; null for none.';
COMMENT ON TABLE call_commands IS
    'Commands to the vendor of a call or to the webhook of commands, each executed at most once: ends of calls, and the steps before.';
COMMENT ON COLUMN call_commands.state IS
    'executed: the receiver accepted it; dry_run: it was only recorded; ended: the call had ended, or, for a step, its end was requested; unsupported: nothing can execute it; failed: the receiver refused it; expired: no attempt succeeded in time.';
