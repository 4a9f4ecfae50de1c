"""Where everything is remembered: SQLite by default, PostgreSQL by URL, the same statements for both."""
