"""Chats as trees of messages in home's SQLite file: stored, searched, exported and imported, separately per user."""
