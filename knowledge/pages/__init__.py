"""Pages of the admin on which operators edit knowledge: documents, their passages and history, uploads."""
