"""A mail server that speaks enough SMTP to take a message, with the misbehaviour that mail servers have.

::

    with mail_server() as server:
        server.port
        server.got          # [(sender, [recipients], the message), ...]
"""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass
class MailServer:
    port: int = 0
    got: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    refuses: str = ""  # what it answers to a recipient instead of taking it


@contextmanager
def mail_server() -> Iterator[MailServer]:
    state = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            sender, to = "", []
            self.say("220 test ESMTP")
            while line := self.rfile.readline().decode().strip():
                match line.upper().split(":")[0].split(" ")[0]:
                    case "EHLO" | "HELO":
                        self.say("250 test")
                    case "MAIL":
                        sender = line.split("<")[1].split(">")[0]
                        self.say("250 OK")
                    case "RCPT":
                        to.append(line.split("<")[1].split(">")[0])
                        self.say(state.refuses or "250 OK")
                    case "DATA":
                        self.say("354 go on")
                        state.got.append((sender, to, self.message()))
                        self.say("250 OK")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 OK")

        def message(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            parsed = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            return parsed

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
