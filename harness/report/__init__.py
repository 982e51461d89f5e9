"""Results -> what people read: tables on the terminal, Markdown, CSV."""
