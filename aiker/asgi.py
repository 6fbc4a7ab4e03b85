"""The ASGI application: pages and API over HTTP, calls over WebSocket. Runs under Daphne and uvicorn."""

import gc
import os
import sys
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiker.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from aiker.calls.routing import websocket_urlpatterns as calls  # noqa: E402
from aiker.loop_lag import with_lag_meter  # noqa: E402
from aiker.static import App, with_static  # noqa: E402
from knowledge.words import tokenizer  # noqa: E402
from monitoring.routing import websocket_urlpatterns as monitors  # noqa: E402

# Half a second that nothing else of the process can run: before the first call, not in its first question.
tokenizer()

application = with_lag_meter(
    ProtocolTypeRouter(
        {"http": with_static(cast(App, django_application)), "websocket": URLRouter([*monitors, *calls])}
    )
)

# How long the event loop may wait for a thread that computes (records, words, speech detection): not 5 ms.
sys.setswitchinterval(0.001)

# What was imported stays for good. Looking through it for garbage, as Python does now and then, would stop
# every call for 0.2 s (docs/performance.md).
gc.collect()
gc.freeze()
gc.collect()  # how soon it looks again depends on how much it found
