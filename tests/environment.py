"""A pytest plugin that gives the tests a data directory of their own, before Django reads its settings."""

import atexit
import os
import shutil
import tempfile

_data_dir = tempfile.mkdtemp(prefix="aiker-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
os.environ["AIKER_DATA_DIR"] = _data_dir
