"""What a language model writes, made fit to be spoken and kept: the filter between its tokens and the voice.

``sections`` (thoughts, control tokens, tool calls), ``markup`` and ``tables`` (Markdown, HTML, links),
``asides`` (stage directions, invented dialogue), ``thinking``, ``language`` and ``repetition`` are pure.
So is ``filter``, which runs them over a stream clause by clause. ``stream`` puts it between the engine and
the voice; ``fallback`` has what is said instead of an answer.
"""
