"""Programs run in a process of their own, some with the Python of another environment: no Django here."""
