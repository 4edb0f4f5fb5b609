-- Running totals change with every batch. Half of each page is left free, so that the new version of a
-- row fits beside the old one and no index has to follow; with less room pages filled up faster than
-- what is dead in them could be cleared, and the tables grew larger than they are with it.

ALTER TABLE calls          SET (fillfactor = 50);
ALTER TABLE user_day_costs SET (fillfactor = 50);
ALTER TABLE user_days      SET (fillfactor = 50);
ALTER TABLE user_spend     SET (fillfactor = 50);
