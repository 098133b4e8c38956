"""`regent watch` tells a receiver behind TLS whose authority this machine trusts, and no other."""

import ssl
import subprocess
import tempfile

from test_key_store_https import Certificates
from test_watch import Watching


class Tls(Watching):
    def test_a_receiver_is_told_over_tls_if_its_authority_is_trusted(self):
        with tempfile.TemporaryDirectory() as folder:
            certificates = Certificates(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.made("right"))
            self.receiver.socket = context.wrap_socket(self.receiver.socket, server_side=True)
            self.receiver.url = f"https://localhost:{self.receiver.server_address[1]}/hook"
            self.break_one("db")
            failures = self.run_once(certificates.path("other-ca.pem"))
            self.assertEqual(len(failures), 3)
            self.assertEqual((self.receiver.raw, self.receiver.refused), ([], 0))
            failures = self.run_once(certificates.path("ca.pem"))
            told = self.notice()
            self.assertEqual(told["secret"], "db")
            # It is told once, and once more for each answer that took longer than the ten seconds that a receiver
            # has: a machine that is busy enough makes that of any receiver. Nothing else repeats a notice.
            self.assertEqual([line for line in failures if not line.endswith("no answer: deadline has elapsed")], [])
            self.assertEqual([one["id"] for one in self.receiver.notices.queue], [told["id"]] * len(failures))

    def run_once(self, authorities):
        env = dict(self.server.env(), SSL_CERT_FILE=authorities)
        done = subprocess.run(
            self.command("--once"), env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=120,
        )
        self.assertEqual(done.returncode, 1, done.stderr)
        return [line for line in done.stderr.splitlines() if " was not delivered: " in line]
