"""Chats as trees of messages in the SQLite file of home: kept, searched, exported and imported, each user's apart."""
