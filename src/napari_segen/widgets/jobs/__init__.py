"""Work beside the window: workers, timers, processes, and their end."""
