"""Models on disk: who works on one, renames that happen all or not at all, the trash, promotions, the list."""
