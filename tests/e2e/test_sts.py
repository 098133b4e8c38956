"""STS as clients use it to say who they are: signed, presigned, in XML and in JSON."""

import json
import urllib.error
import urllib.request

from harness import ACCOUNT, Case

ARN = f"arn:aws:iam::{ACCOUNT}:user/test"


class Sts(Case):
    arguments = ("--ephemeral",)

    def presigned(self, method=None):
        options = {"HttpMethod": method} if method else {}
        sts = self.server.client("sts")
        return sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, **options)

    def send(self, url, method="GET", headers=(), body=None):
        """Status, content type and body."""
        request = urllib.request.Request(url, method=method, headers=dict(headers), data=body)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()

    def test_who_the_caller_is(self):
        identity = self.server.client("sts").get_caller_identity()
        self.assertEqual((identity["Account"], identity["Arn"]), (ACCOUNT, ARN))
        root = self.server.new_client("sts", key="222222222222").get_caller_identity()
        self.assertEqual(root["Arn"], "arn:aws:iam::222222222222:root")
        self.assertEqual(root["UserId"], "222222222222")

    def test_a_presigned_get(self):
        status, kind, body = self.send(self.presigned("GET"))
        self.assertEqual((status, kind), (200, "text/xml"), body)
        self.assertIn(f"<Arn>{ARN}</Arn>", body)
        status, kind, body = self.send(self.presigned("GET"), headers=[("Accept", "application/json")])
        self.assertEqual((status, kind), (200, "application/json"), body)
        answer = json.loads(body)["GetCallerIdentityResponse"]
        self.assertEqual(answer["GetCallerIdentityResult"]["Arn"], ARN)

    def test_a_presigned_post_which_is_what_boto3_makes(self):
        """The query string is all there is: neither a body nor, with most clients, its type."""
        for headers in ([], [("Content-Type", "application/x-www-form-urlencoded")]):
            with self.subTest(headers=headers):
                status, _, body = self.send(self.presigned(), "POST", headers)
                self.assertEqual(status, 200, body)
                self.assertIn(f"<Arn>{ARN}</Arn>", body)
        status, _, body = self.send(self.presigned().replace("Caller", "Another"), "POST")
        self.assertEqual(status, 403, "the query string is signed")

    def test_a_presigned_request_that_was_changed(self):
        url = self.presigned("GET")
        for changed in (
            url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
            url.replace("us-east-1", "us-east-2"),
            url + "&Extra=1",
        ):
            with self.subTest(url=changed):
                status, _, body = self.send(changed)
                self.assertEqual(status, 403, body)
                self.assertIn("<Code>SignatureDoesNotMatch</Code>", body)

    def test_errors_are_in_the_format_that_was_asked_for(self):
        url = f"{self.server.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15"
        status, kind, body = self.send(url)
        self.assertEqual((status, kind), (403, "text/xml"))
        self.assertIn("<Code>MissingAuthenticationToken</Code>", body)
        status, kind, body = self.send(url, headers=[("Accept", "application/json")])
        self.assertEqual((status, kind), (403, "application/json"))
        error = json.loads(body)["Error"]
        self.assertEqual(error["Code"], "MissingAuthenticationToken")
        self.assertEqual(error["Type"], "Sender")
