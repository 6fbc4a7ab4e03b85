"""A draft that serves some calls: which ones, how it compares with the live version, and when it is over.

``assignment``, ``statistics`` and ``decision`` are pure; ``running`` has the rows. Who evaluates it is
``monitoring.canaries``.
"""
