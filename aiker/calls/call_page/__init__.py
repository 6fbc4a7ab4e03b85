"""The page of one call in the admin: its recording, its turns as waterfalls, and running a turn again."""
