"""Who pays: sealed in two groups, found again by those who may, shown masked, and destroyed when nobody may keep it."""
