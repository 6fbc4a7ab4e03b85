"""What an assistant can do besides answer: transfer, hang up, send a message, look something up.

``spec``, ``schema``, ``matching``, ``template`` and ``request`` are pure; ``hosts`` and ``http`` reach the
network; ``desk`` runs tools for a call, ``turn`` for one answer of it (docs/tools.md).
"""
