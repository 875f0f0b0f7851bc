"""Never run by the product: migrations run in process (see ``upgrade``). Alembic's own commands want the file to exist."""
