"""Reports for people: a call, spending, lists, exports, all users, recommendations."""
