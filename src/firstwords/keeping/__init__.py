"""Models on disk: locks, all-or-nothing renames, the trash, promotions, the list."""
