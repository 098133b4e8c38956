"""What `regent watch` watches and tells: not what a baseline knows, and all accounts of an organisation."""

from harness import ACCOUNT
from test_audit import EAST, WEST, Liar
from test_watch import Watching

OTHER = "111122223333"


class Scope(Watching):
    def test_what_a_baseline_knows_is_not_told(self):
        self.break_one("known")
        baseline = self.folder / "known.json"
        self.audit("--region", f"{EAST},{WEST}", "--write-baseline", str(baseline), code=0)
        watch = self.watch("--baseline", str(baseline))
        self.more_rounds(watch)
        self.silent()
        self.break_one("new")
        self.assertEqual(self.notice()["secret"], "new")
        self.more_rounds(watch)
        self.silent()
        self.stop(watch)
        # Whoever forgets the baseline is told; whoever writes one later has it withdrawn.
        watch = self.watch()
        self.assertEqual((lambda one: (one["event"], one["secret"]))(self.notice()), ("found", "known"))
        self.eventually(lambda: self.metrics(watch)["regent_watch_notices_waiting"] == 0, "an empty queue")
        self.stop(watch)
        watch = self.watch("--baseline", str(baseline))
        self.assertEqual((lambda one: (one["event"], one["secret"]))(self.notice()), ("withdrawn", "known"))
        self.stop(watch)

    def test_accounts_of_an_organisation_come_and_go(self):
        liar = Liar(self.server.port)
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        accounts = lambda *ids: {"Accounts": [{"Id": one, "State": "ACTIVE"} for one in ids]}
        liar.own["ListAccounts"] = accounts(ACCOUNT)
        self.break_one("db")
        before = self.server.endpoint
        self.server.endpoint = liar.endpoint
        try:
            watch = self.watch("--organization-role", "auditor")
        finally:
            self.server.endpoint = before
        self.assertEqual((lambda one: (one["rule"], one["account"]))(self.notice()), ("RG201", ACCOUNT))
        self.more_rounds(watch, 1)
        self.silent()
        # A new account whose role is not there.
        liar.own["ListAccounts"] = accounts(ACCOUNT, OTHER)
        told = self.notice()
        self.assertEqual((told["event"], told["rule"], told["account"]), ("found", "RG299", OTHER))
        self.assertIn(f"arn:aws:iam::{OTHER}:role/auditor: AccessDenied", told["reason"])
        liar.own["ListAccounts"] = accounts(ACCOUNT)
        told = self.notice()
        self.assertIn(told["event"], ("withdrawn", "recovered"))
        self.assertEqual(told["account"], OTHER)
        self.stop(watch)
