"""Files that operators upload to entries.

::

    data = read_upload(upload.name, upload)    # any object with read(size), or a Path
    data.entries[0].kind                       # "faq", "article" or "table"
    data.notice                                # what was left out, for the operator; "" when nothing was
    read_file(name, stream, {"备注": "ignore"})   # the same, with columns as an operator assigned them
    base_name("..\\\\..\\\\价目表.xlsx")           # "价目表.xlsx": call the source by this

The name's ending says what the file is, and its content must agree. Ids depend on the file's name and on
headings or row keys alone, so a second upload of a corrected file changes entries instead of adding them.
Nothing but the given object is read, nothing is written, and nothing in a file is ever run or fetched.

Whatever cannot be read raises LoadError: which file, where in it, and what to do. Sizes: ``limits.py`` and
``MAX_BYTES``, ``MAX_ENTRIES``, ``MAX_ANSWER`` of ``knowledge.loaders``.
"""

from knowledge.readers.uploads import ACCEPTED, FileRead, base_name, read_file, read_upload

__all__ = ["ACCEPTED", "FileRead", "base_name", "read_file", "read_upload"]
