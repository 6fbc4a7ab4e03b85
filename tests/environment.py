"""A pytest plugin: before Django reads its settings, the tests get a data directory of their own.

And Ctrl-C, which a job in the background of a shell inherits as ignored: some tests send it.
"""

import atexit
import os
import shutil
import signal
import tempfile

_data_dir = tempfile.mkdtemp(prefix="aiker-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
os.environ["AIKER_DATA_DIR"] = _data_dir
os.environ["AIKER_SPECULATION_LOAD"] = "1000"  # what a test sees must not depend on how busy the machine is
signal.signal(signal.SIGINT, signal.default_int_handler)
