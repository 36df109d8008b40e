"""A firm's clients: accounts (whom a mandate is for) and contacts (the people who act for them)."""
