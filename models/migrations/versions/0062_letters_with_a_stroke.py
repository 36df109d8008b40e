"""Searches find letters with a stroke by the plain one, as they find umlauts: “Ostergard” finds “Østergård”.

Revision ID: 0062
Revises: 0061
"""

from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

KEPT = {"firms": ["search"], "client_words": ["names", "contacts", "places"]}
LETTERS = {"đ": "d", "ł": "l", "ħ": "h"}


def upgrade() -> None:
    for table, columns in KEPT.items():
        for column in columns:
            # Both ways of writing ø, one after the other; a firm or an account has few words.
            both = f"replace({column}, 'ø', 'oe') || ' ' || replace({column}, 'ø', 'o')"
            op.execute(f"UPDATE {table} SET {column} = {both} WHERE {column} LIKE '%ø%'")
            for letter, plain in LETTERS.items():
                op.execute(
                    f"UPDATE {table} SET {column} = replace({column}, '{letter}', '{plain}')"
                    f" WHERE {column} LIKE '%{letter}%'"
                )


def downgrade() -> None:
    pass
