-- For administrators only: :reads_all is true for one, and without it nothing is found. Row policies hide
-- everything in addition.

-- name: users
-- Up to :limit users whose id contains :part, with the days of their first and last call (null without
-- any) and the number of all matches. Upper and lower case of ASCII letters are alike. The equal id
-- comes first, then ids that begin with :part, latest active first. A user has a call or a budget.
WITH users AS (
    SELECT user_id, first_day, last_day FROM user_activity WHERE :reads_all
    UNION ALL
    SELECT user_id, NULL, NULL
      FROM user_budget_settings AS b
     WHERE :reads_all
       AND NOT EXISTS (SELECT FROM user_activity AS a WHERE a.user_id = b.user_id)
)
SELECT user_id, first_day, last_day, count(*) OVER () AS found
  FROM users
 WHERE strpos(lower(user_id), lower(:part COLLATE "C")) > 0
 ORDER BY user_id <> :part, NOT starts_with(lower(user_id), lower(:part COLLATE "C")),
          last_day DESC NULLS LAST, user_id
 LIMIT :limit
