"""What one file may cost to read. The file's own size, entries and answers: ``knowledge.loaders``."""

from __future__ import annotations

MAX_SECONDS = 60
# markdown-it-py reads about 0.1 MB of tables in a second, and nothing stops it on the way.
MAX_MARKDOWN_BYTES = 2_000_000

# Headings, paragraphs and tables of one document.
MAX_BLOCKS = 500_000

# Zip archives (XLSX, DOCX): what the parts are when unpacked.
MAX_PARTS = 5_000
MAX_DIRECTORY_BYTES = 1_000_000
MAX_UNPACKED_BYTES = 100_000_000
# XML that the libraries hold as a tree, which takes ten times its size.
MAX_TREE_BYTES = 20_000_000
# Deflate reaches 1000; sheets of equal rows 50. Small parts may be anything.
MAX_RATIO = 200
SMALL_PART_BYTES = 1_000_000

# A sheet, as large as Excel makes them.
MAX_SHEET_ROWS = 1_048_576
MAX_SHEET_COLUMNS = 16_384

MAX_PAGES = 1_000
# One stream of a PDF when unpacked, and the operators of one page.
MAX_STREAM_BYTES = 20_000_000
MAX_PAGE_OPERATORS = 500_000
